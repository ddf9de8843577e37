//! Pending systems that were not heard of, and when servers were up to hear them.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{server_alive, server_outages, systems};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use scm_protocol::ids::{SystemId, UnixMillis};

/// The one row of `server_alive`.
const ROW: i64 = 1;

/// A Pending system and its last contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Silent {
    pub id: SystemId,
    pub hostname: String,
    pub contact: UnixMillis,
}

#[derive(Debug, QueryableByName)]
struct SilentRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    hostname: String,
    #[diesel(sql_type = BigInt)]
    contact_ms: i64,
}

/// Notes that a server is up, and the outage before it where there was one. The row's lock makes servers take turns.
pub(super) fn say_alive(conn: &mut Conn, now: UnixMillis, outage_ms: i64) -> Result<(), Error> {
    let row = (server_alive::id.eq(ROW), server_alive::at_ms.eq(now.0));
    per_backend!(conn, c => diesel::insert_into(server_alive::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    diesel::update(server_alive::table.find(ROW))
        .set(server_alive::id.eq(ROW))
        .execute(conn)?;
    let last: i64 = server_alive::table
        .find(ROW)
        .select(server_alive::at_ms)
        .first(conn)?;
    if now.0 - last > outage_ms {
        let outage = (server_outages::from_ms.eq(last), server_outages::to_ms.eq(now.0));
        diesel::insert_into(server_outages::table)
            .values(outage)
            .execute(conn)?;
    }
    diesel::update(server_alive::table.find(ROW))
        .set(server_alive::at_ms.eq(now.0.max(last)))
        .execute(conn)?;
    Ok(())
}

/// When no server was up.
pub(super) fn outages(conn: &mut Conn) -> Result<Vec<(UnixMillis, UnixMillis)>, Error> {
    let rows: Vec<(i64, i64)> = server_outages::table
        .order(server_outages::from_ms)
        .select((server_outages::from_ms, server_outages::to_ms))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(from, to)| (UnixMillis(from), UnixMillis(to)))
        .collect())
}

/// Pending systems whose last contact lies before `before`, the oldest first, locked until the commit.
pub(super) fn silent(
    conn: &mut Conn,
    organization_id: i64,
    before: UnixMillis,
    limit: i64,
) -> Result<Vec<Silent>, Error> {
    let lock = match conn {
        Conn::Sqlite(_) => "",
        // Skipped is what another server is removing, or what is just checking in.
        Conn::Postgres(_) => " FOR UPDATE SKIP LOCKED",
    };
    let contact = "(CASE WHEN t.last_seen_ms > s.first_seen_ms THEN t.last_seen_ms ELSE s.first_seen_ms END)";
    let statement = format!(
        "SELECT s.id, s.hostname, {contact} AS contact_ms FROM systems s \
         JOIN system_states t ON t.system_id = s.id \
         WHERE s.organization_id = $1 AND s.status = 'pending' AND {contact} < $2 \
         ORDER BY contact_ms LIMIT $3{lock}"
    );
    let rows: Vec<SilentRow> = diesel::sql_query(statement)
        .bind::<BigInt, _>(organization_id)
        .bind::<BigInt, _>(before.0)
        .bind::<BigInt, _>(limit)
        .load(conn)?;
    let silent = rows.into_iter().map(|row| Silent {
        id: SystemId(row.id),
        hostname: row.hostname,
        contact: UnixMillis(row.contact_ms),
    });
    Ok(silent.collect())
}

/// Removes a system that is locked.
pub(super) fn remove(conn: &mut Conn, id: SystemId) -> Result<(), Error> {
    diesel::delete(systems::table.find(id.0)).execute(conn)?;
    Ok(())
}
