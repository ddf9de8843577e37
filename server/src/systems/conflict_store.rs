//! Rows of `identity_conflicts`.

use super::boots::is_contested;
use super::conflict::Conflict;
use crate::error::Error;
use crate::of_organization;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{identity_conflicts as conflicts, system_states, systems};
use diesel::prelude::*;
use scm_protocol::ids::{SystemId, UnixMillis};

/// A conflict as stored.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = conflicts)]
pub(super) struct ConflictRow {
    pub id: i64,
    pub claimant: String,
    pub keeper: String,
    pub evidence: String,
    pub claimant_address: String,
    pub keeper_address: String,
    pub hostname: String,
    pub machine_id_hash: Option<String>,
    pub first_ms: i64,
    pub last_ms: i64,
    pub refused: i64,
    pub state: String,
}

/// Notes a conflict, or that its claimant came again; whether it is news.
pub(super) fn note(
    conn: &mut Conn,
    id: SystemId,
    conflict: &Conflict,
    now: UnixMillis,
) -> Result<bool, Error> {
    if let Some(evidence) = conflict.evidence {
        open(conn, id, conflict, evidence.as_str(), now)?;
        return Ok(true);
    }
    let ours = conflicts::table
        .filter(conflicts::system_id.eq(id.0))
        .filter(conflicts::claimant.eq(&conflict.claimant));
    diesel::update(ours)
        .set((
            conflicts::last_ms.eq(now.0),
            conflicts::refused.eq(conflicts::refused + 1),
            conflicts::claimant_address.eq(&conflict.claimant_address),
        ))
        .execute(conn)?;
    if let Some(facts) = &conflict.facts {
        diesel::update(ours)
            .set((
                conflicts::hostname.eq(&facts.hostname),
                conflicts::machine_id_hash.eq(&facts.machine_id_hash),
            ))
            .execute(conn)?;
    }
    Ok(false)
}

fn open(
    conn: &mut Conn,
    id: SystemId,
    conflict: &Conflict,
    evidence: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    let (hostname, machine) = match &conflict.facts {
        Some(facts) => (facts.hostname.clone(), facts.machine_id_hash.clone()),
        None => systems::table
            .find(id.0)
            .select((systems::hostname, systems::machine_id_hash))
            .first(conn)?,
    };
    let changing = (
        conflicts::keeper.eq(&conflict.keeper),
        conflicts::evidence.eq(evidence),
        conflicts::claimant_address.eq(&conflict.claimant_address),
        conflicts::keeper_address.eq(&conflict.keeper_address),
        conflicts::hostname.eq(hostname),
        conflicts::machine_id_hash.eq(machine),
        conflicts::last_ms.eq(now.0),
        conflicts::state.eq("open"),
    );
    let row = (
        conflicts::system_id.eq(id.0),
        conflicts::claimant.eq(&conflict.claimant),
        conflicts::first_ms.eq(now.0),
        conflicts::refused.eq(0),
        changing.clone(),
    );
    per_backend!(conn, c => diesel::insert_into(conflicts::table)
        .values(row)
        .on_conflict((conflicts::system_id, conflicts::claimant))
        .do_update()
        .set(changing)
        .execute(c))?;
    Ok(())
}

/// Keeps who may speak for an identity.
pub(super) fn set_boots(conn: &mut Conn, id: SystemId, boots: &str) -> Result<(), Error> {
    diesel::update(system_states::table.find(id.0))
        .set(system_states::boots.eq(boots))
        .execute(conn)?;
    Ok(())
}

/// Keeps who speaks for an identity.
pub(super) fn set_present(conn: &mut Conn, id: SystemId, boot_id: &str) -> Result<(), Error> {
    diesel::update(system_states::table.find(id.0))
        .set(system_states::boot_id.eq(boot_id))
        .execute(conn)?;
    Ok(())
}

/// Who speaks for an identity, and the highest number that was used; locked until the commit.
pub(super) fn hold_boots(conn: &mut Conn, id: SystemId) -> Result<(String, String, i64), Error> {
    let columns = (
        system_states::boot_id,
        system_states::boots,
        system_states::replay_high,
    );
    let row = system_states::table.find(id.0);
    Ok(match conn {
        Conn::Sqlite(c) => row.select(columns).first(c)?,
        Conn::Postgres(c) => row.select(columns).for_update().first(c)?,
    })
}

/// A system's conflicts, the open ones first, then the latest.
pub(super) fn of(conn: &mut Conn, id: SystemId) -> Result<Vec<ConflictRow>, Error> {
    let mut rows: Vec<ConflictRow> = conflicts::table
        .filter(conflicts::system_id.eq(id.0))
        .order(conflicts::last_ms.desc())
        .limit(20)
        .select(ConflictRow::as_select())
        .load(conn)?;
    rows.sort_by_key(|row| row.state != "open");
    Ok(rows)
}

/// One conflict of a system.
pub(super) fn find(conn: &mut Conn, id: SystemId, conflict: i64) -> Result<Option<ConflictRow>, Error> {
    let row = conflicts::table
        .find(conflict)
        .filter(conflicts::system_id.eq(id.0))
        .select(ConflictRow::as_select());
    Ok(row.first(conn).optional()?)
}

/// How many systems of an organization have a run that an administrator is to decide about.
pub(super) fn count_contested(conn: &mut Conn, organization_id: i64) -> Result<i64, Error> {
    let open = conflicts::table
        .filter(conflicts::state.eq("open"))
        .select(conflicts::system_id);
    let boots: Vec<String> = per_backend!(conn, c => systems::table
        .inner_join(system_states::table)
        .filter(systems::id.eq_any(open))
        .filter(of_organization!(organization_id))
        .select(system_states::boots)
        .load(c)?);
    let contested = boots.iter().filter(|boots| is_contested(boots)).count();
    Ok(i64::try_from(contested).unwrap_or(i64::MAX))
}

/// What an administrator made of a conflict.
pub(super) fn set_state(conn: &mut Conn, conflict: i64, state: &str) -> Result<(), Error> {
    diesel::update(conflicts::table.find(conflict))
        .set(conflicts::state.eq(state))
        .execute(conn)?;
    Ok(())
}

/// The claimant is the keeper from now on, and the other way round.
pub(super) fn swap(conn: &mut Conn, row: &ConflictRow, keeper: &str, now: UnixMillis) -> Result<(), Error> {
    diesel::update(conflicts::table.find(row.id))
        .set((
            conflicts::claimant.eq(keeper),
            conflicts::keeper.eq(&row.claimant),
            conflicts::claimant_address.eq(&row.keeper_address),
            conflicts::keeper_address.eq(&row.claimant_address),
            conflicts::last_ms.eq(now.0),
        ))
        .execute(conn)?;
    Ok(())
}
