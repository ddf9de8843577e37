//! The columns of `systems` and `system_states` that conditions can ask about.

use crate::error::Error;
use crate::of_organization;
use crate::storage::Conn;
use crate::storage::schema::{system_states, systems};
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use scm_rules::Needs;

/// What rarely changes; none where it was not asked for.
#[derive(Clone, Debug, Queryable)]
pub(super) struct Static {
    pub id: i64,
    pub status: String,
    pub hostname: String,
    pub first_seen_ms: i64,
    pub claimed_addresses: Option<String>,
    pub os: Option<String>,
    pub os_family: Option<String>,
    pub arch: Option<String>,
    pub kernel: Option<String>,
    pub agent_version: Option<String>,
}

/// What every check-in writes; none where it was not asked for.
#[derive(Clone, Debug, Queryable)]
pub(super) struct Live {
    pub interval_secs: i64,
    pub last_seen_ms: Option<i64>,
    pub rebooted_ms: Option<i64>,
    pub address: Option<String>,
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

/// A column where it is asked for, and nothing otherwise: what is not read costs no text.
macro_rules! if_needed {
    ($needed:expr, $column:expr) => {
        case_when($needed.into_sql::<Bool>(), $column.nullable())
    };
}

/// The columns in the order of [`Static`] and [`Live`].
macro_rules! columns {
    ($needs:expr) => {
        (
            (
                systems::id,
                systems::status,
                systems::hostname,
                systems::first_seen_ms,
                if_needed!($needs.claimed_ips, systems::claimed_addresses),
                if_needed!($needs.os, systems::os),
                if_needed!($needs.os, systems::os_family),
                if_needed!($needs.os, systems::arch),
                if_needed!($needs.os, systems::kernel),
                if_needed!($needs.version, systems::agent_version),
            ),
            (
                system_states::interval_secs,
                system_states::last_seen_ms,
                system_states::rebooted_ms,
                if_needed!($needs.ip, system_states::address),
                if_needed!($needs.measured, system_states::cpu_percent),
                if_needed!($needs.measured, system_states::mem_used_bytes),
                if_needed!($needs.measured, system_states::mem_total_bytes),
                if_needed!($needs.measured, system_states::disk_used_bytes),
                if_needed!($needs.measured, system_states::disk_total_bytes),
                if_needed!($needs.measured, system_states::uptime_secs),
                if_needed!($needs.containers, system_states::containers),
            ),
        )
    };
}

/// The query, a macro because its type differs between the backends.
macro_rules! wanted {
    ($of_organization:expr, $which:expr, $needs:expr) => {{
        let (after, limit, ids) = match $which {
            Which::After(after, limit) => (*after, *limit, None),
            Which::These(ids) => (0, i64::MAX, Some(*ids)),
        };
        let mut query = systems::table
            .inner_join(system_states::table)
            .filter($of_organization)
            .filter(systems::id.gt(after))
            .order(systems::id)
            .limit(limit)
            .select(columns!($needs))
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
    needs: Needs,
) -> Result<Vec<(Static, Live)>, Error> {
    Ok(match conn {
        Conn::Sqlite(c) => wanted!(of_organization!(organization_id), which, needs).load(c)?,
        Conn::Postgres(c) => wanted!(systems::organization_id.eq(organization_id), which, needs).load(c)?,
    })
}

/// Reads so many behind `after` that nobody changes before the commit. SQLite has one writer at a time, and this is it.
pub(super) fn locked(
    conn: &mut Conn,
    organization_id: i64,
    (after, limit): (i64, i64),
    needs: Needs,
) -> Result<Vec<(Static, Live)>, Error> {
    match conn {
        Conn::Sqlite(_) => rows(conn, organization_id, &Which::After(after, limit), needs),
        Conn::Postgres(c) => Ok(systems::table
            .inner_join(system_states::table)
            .filter(systems::organization_id.eq(organization_id))
            .filter(systems::id.gt(after))
            .order(systems::id)
            .limit(limit)
            .select(columns!(needs))
            .for_share()
            .load(c)?),
    }
}

/// How SQLite goes about reading a chunk.
#[cfg(test)]
pub(super) fn plan_of_chunk(conn: &mut Conn) -> String {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let Conn::Sqlite(conn) = conn else {
        panic!("not SQLite");
    };
    let which = Which::After(0, 1000);
    let query = wanted!(of_organization!(1), &which, Needs::default());
    let sql = diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query).to_string();
    let (sql, _) = sql.split_once(" -- binds").unwrap();
    let sql = sql.replacen("LIMIT ?", "LIMIT 1000", 1);
    let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"))
        .load(conn)
        .unwrap();
    steps.iter().map(|step| format!("{}\n", step.detail)).collect()
}
