//! The columns of `systems` and `system_states` that conditions can ask about.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{system_states, systems};
use diesel::prelude::*;

/// What rarely changes.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = systems)]
pub(super) struct Static {
    pub id: i64,
    pub status: String,
    pub hostname: String,
    pub claimed_addresses: String,
    pub os: String,
    pub os_family: String,
    pub arch: String,
    pub kernel: Option<String>,
    pub agent_version: String,
    pub first_seen_ms: i64,
}

/// What every check-in writes.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = system_states)]
pub(super) struct Live {
    pub address: String,
    pub interval_secs: i64,
    pub last_seen_ms: Option<i64>,
    pub rebooted_ms: Option<i64>,
    pub cpu_percent: Option<f64>,
    pub mem_used_bytes: Option<i64>,
    pub mem_total_bytes: Option<i64>,
    pub disk_used_bytes: Option<i64>,
    pub disk_total_bytes: Option<i64>,
    pub uptime_secs: Option<i64>,
    pub containers: Option<String>,
}

/// Which systems to read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'a> {
    /// So many behind this id.
    After(i64, i64),
    /// These.
    These(&'a [i64]),
}

/// The query, a macro because its type differs between the backends.
macro_rules! wanted {
    ($organization:expr, $which:expr) => {{
        let (after, limit, ids) = match $which {
            Which::After(after, limit) => (*after, *limit, None),
            Which::These(ids) => (0, i64::MAX, Some(*ids)),
        };
        let mut query = systems::table
            .inner_join(system_states::table)
            .filter(systems::organization_id.eq($organization))
            .filter(systems::id.gt(after))
            .order(systems::id)
            .limit(limit)
            .select((Static::as_select(), Live::as_select()))
            .into_boxed();
        if let Some(ids) = ids {
            query = query.filter(systems::id.eq_any(ids.to_vec()));
        }
        query
    }};
}

/// Reads them, by id.
pub(super) fn rows(
    conn: &mut Conn,
    organization_id: i64,
    which: &Which<'_>,
) -> Result<Vec<(Static, Live)>, Error> {
    Ok(per_backend!(conn, c => wanted!(organization_id, which).load(c)?))
}

/// Reads so many behind `after` that nobody changes before the commit. SQLite has one writer at a time, and this is it.
pub(super) fn locked(
    conn: &mut Conn,
    organization_id: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<(Static, Live)>, Error> {
    match conn {
        Conn::Sqlite(_) => rows(conn, organization_id, &Which::After(after, limit)),
        Conn::Postgres(c) => Ok(systems::table
            .inner_join(system_states::table)
            .filter(systems::organization_id.eq(organization_id))
            .filter(systems::id.gt(after))
            .order(systems::id)
            .limit(limit)
            .select((Static::as_select(), Live::as_select()))
            .for_share()
            .load(c)?),
    }
}
