//! Writing what a check-in changes of `system_states`: the statement that is run most often of all.
//!
//! On SQLite one prepared statement is run for each row: diesel prepares an upsert of many rows anew each time, which costs a small
//! batch more than its rows. On PostgreSQL, where each statement is a journey, one takes them all.

use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::system_states;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Double, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::upsert::excluded;

/// What a check-in leaves of its system's state.
#[derive(Debug, Insertable)]
#[diesel(table_name = system_states)]
#[diesel(treat_none_as_default_value = false)]
pub(super) struct StateRow {
    pub system_id: i64,
    pub replay_high: i64,
    pub replay_window: i64,
    pub replay_mark: Option<i64>,
    pub boot_id: String,
    pub boots: String,
    pub address: String,
    pub interval_secs: i64,
    pub last_seen_ms: Option<i64>,
    pub clock_skew_ms: Option<i64>,
    pub rebooted_ms: Option<i64>,
    pub cpu_percent: Option<f64>,
    pub mem_used_bytes: Option<i64>,
    pub mem_total_bytes: Option<i64>,
    pub disk_used_bytes: Option<i64>,
    pub disk_total_bytes: Option<i64>,
    pub uptime_secs: Option<i64>,
    pub containers: Option<String>,
    pub heartbeat_audited_ms: Option<i64>,
}

/// Writes them; each row is there, from its system's registration on.
pub(super) fn save(conn: &mut Conn, rows: &[StateRow]) -> Result<(), Error> {
    match conn {
        Conn::Sqlite(c) => {
            for row in rows {
                // Nothing is acknowledged that was not stored.
                if Update(row).execute(c)? == 0 {
                    return Err(Error::internal(format!("system {} has no state", row.system_id)));
                }
            }
        }
        Conn::Postgres(c) => {
            upsert(c, rows)?;
        }
    }
    Ok(())
}

fn upsert(conn: &mut PgConnection, rows: &[StateRow]) -> QueryResult<usize> {
    use system_states as s;
    diesel::insert_into(s::table)
        .values(rows)
        .on_conflict(s::system_id)
        .do_update()
        .set((
            (
                s::replay_high.eq(excluded(s::replay_high)),
                s::replay_window.eq(excluded(s::replay_window)),
                s::replay_mark.eq(excluded(s::replay_mark)),
                s::boot_id.eq(excluded(s::boot_id)),
                s::boots.eq(excluded(s::boots)),
                s::address.eq(excluded(s::address)),
                s::interval_secs.eq(excluded(s::interval_secs)),
                s::last_seen_ms.eq(excluded(s::last_seen_ms)),
                s::clock_skew_ms.eq(excluded(s::clock_skew_ms)),
                s::rebooted_ms.eq(excluded(s::rebooted_ms)),
            ),
            (
                s::cpu_percent.eq(excluded(s::cpu_percent)),
                s::mem_used_bytes.eq(excluded(s::mem_used_bytes)),
                s::mem_total_bytes.eq(excluded(s::mem_total_bytes)),
                s::disk_used_bytes.eq(excluded(s::disk_used_bytes)),
                s::disk_total_bytes.eq(excluded(s::disk_total_bytes)),
                s::uptime_secs.eq(excluded(s::uptime_secs)),
                s::containers.eq(excluded(s::containers)),
                s::heartbeat_audited_ms.eq(excluded(s::heartbeat_audited_ms)),
            ),
        ))
        .execute(conn)
}

/// The update of one row, as diesel keeps it prepared.
struct Update<'a>(&'a StateRow);

impl QueryId for Update<'_> {
    type QueryId = Update<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<Conn> RunQueryDsl<Conn> for Update<'_> {}

impl QueryFragment<Sqlite> for Update<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let row = self.0;
        out.push_sql("UPDATE system_states SET replay_high = ");
        out.push_bind_param::<BigInt, _>(&row.replay_high)?;
        out.push_sql(", replay_window = ");
        out.push_bind_param::<BigInt, _>(&row.replay_window)?;
        out.push_sql(", replay_mark = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.replay_mark)?;
        out.push_sql(", boot_id = ");
        out.push_bind_param::<Text, _>(&row.boot_id)?;
        out.push_sql(", boots = ");
        out.push_bind_param::<Text, _>(&row.boots)?;
        out.push_sql(", address = ");
        out.push_bind_param::<Text, _>(&row.address)?;
        out.push_sql(", interval_secs = ");
        out.push_bind_param::<BigInt, _>(&row.interval_secs)?;
        out.push_sql(", last_seen_ms = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.last_seen_ms)?;
        out.push_sql(", clock_skew_ms = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.clock_skew_ms)?;
        out.push_sql(", rebooted_ms = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.rebooted_ms)?;
        out.push_sql(", cpu_percent = ");
        out.push_bind_param::<Nullable<Double>, _>(&row.cpu_percent)?;
        out.push_sql(", mem_used_bytes = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.mem_used_bytes)?;
        out.push_sql(", mem_total_bytes = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.mem_total_bytes)?;
        out.push_sql(", disk_used_bytes = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.disk_used_bytes)?;
        out.push_sql(", disk_total_bytes = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.disk_total_bytes)?;
        out.push_sql(", uptime_secs = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.uptime_secs)?;
        out.push_sql(", containers = ");
        out.push_bind_param::<Nullable<Text>, _>(&row.containers)?;
        out.push_sql(", heartbeat_audited_ms = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&row.heartbeat_audited_ms)?;
        out.push_sql(" WHERE system_id = ");
        out.push_bind_param::<BigInt, _>(&row.system_id)
    }
}
