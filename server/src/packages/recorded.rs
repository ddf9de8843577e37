//! What is done with packages stands in the audit of every organization, because packages are every organization's.

use crate::audit::{Actor, Entry, Outcome, record_all};
use crate::error::Error;
use crate::signing;
use crate::storage::{Conn, hold_organization};
use scm_protocol::ids::UnixMillis;
use serde_json::Value;

/// Holds every organization, in the order of their ids, as whoever records in several does.
///
/// # Errors
/// When the database fails.
pub(super) fn hold_all(conn: &mut Conn) -> Result<(), Error> {
    let mut ids: Vec<i64> = signing::names(conn)?.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    ids.into_iter().try_for_each(|id| hold_organization(conn, id))
}

/// Records it in every organization's audit.
///
/// # Errors
/// When the database fails.
pub(super) fn record(
    conn: &mut Conn,
    (action, target): (&str, &str),
    detail: &Value,
    (by, at): (&str, UnixMillis),
) -> Result<(), Error> {
    let actor = Actor {
        name: by.to_owned(),
        address: String::new(),
    };
    let mut ids: Vec<i64> = signing::names(conn)?.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    let entry = |organization_id: &i64| Entry {
        organization_id: *organization_id,
        at,
        actor: &actor,
        action,
        target,
        outcome: Outcome::Done,
        detail: detail.clone(),
    };
    let entries: Vec<Entry<'_>> = ids.iter().map(entry).collect();
    record_all(conn, &entries)
}
