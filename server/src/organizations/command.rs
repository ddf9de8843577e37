//! `scmserver organization add`: for whoever administers the server's machine. It needs what the server itself needs, its
//! database and its master key, so that nobody may do by it what they could not do anyway.

use crate::audit::{Actor, Entry, Outcome};
use crate::auth;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::say;
use crate::signing::{self, MasterKey, NewOrganization};
use crate::storage::{Conn, DatabaseUrl, hold_organization, transaction};
use anyhow::{Context, ensure};
use scm_protocol::ids::{Organization, UnixMillis};
use serde_json::json;

/// Adds an organization, whether the server runs or not, and prints the setup code of its first owner.
///
/// # Errors
/// When there is no server's database or master key yet, or the name is taken.
pub fn add(config: &Config, name: &Organization) -> anyhow::Result<()> {
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    // Says so where there is none, instead of making an empty one.
    drop(url.connect_read_only()?);
    let state = &config.server.state_folder;
    ensure!(
        std::env::var_os("CREDENTIALS_DIRECTORY").is_some() || state.join("master.key").exists(),
        "{} has no master.key: start the server once, or put the key back that belongs to its database",
        state.display()
    );
    let now = SystemClock.now();
    let new = NewOrganization::make(&MasterKey::of_server(state)?, name, now)?;
    let code = auth::setup_code()?;
    let mut conn = url.connect()?;
    let added = transaction(&mut conn, |conn| {
        let existing = signing::names(conn)?;
        // Recorded as over the API: in the first organization's audit, and as the first entry of the new one.
        if let Some((_, first)) = existing.first() {
            hold_organization(conn, *first)?;
        }
        let Some(id) = new.add(conn)? else {
            return Ok(false);
        };
        auth::add_setup_code(conn, id, &code, now)?;
        let concerned = existing.first().map(|(_, first)| *first).into_iter().chain([id]);
        for organization_id in concerned {
            record(conn, organization_id, name, now)?;
        }
        Ok(true)
    });
    let added = added.context("(a database of an older version is updated when the server starts)")?;
    ensure!(added, "there is an organization named `{name}` already");
    say!("organization {name} was added. Setup code of its first owner, shown here once: {code}");
    Ok(())
}

fn record(
    conn: &mut Conn,
    organization_id: i64,
    name: &Organization,
    at: UnixMillis,
) -> Result<(), crate::error::Error> {
    Entry {
        organization_id,
        at,
        actor: &Actor {
            name: "command-line".to_owned(),
            address: String::new(),
        },
        action: "organizations.create",
        target: &format!("organization:{name}"),
        outcome: Outcome::Done,
        detail: json!({}),
    }
    .write(conn)
}
