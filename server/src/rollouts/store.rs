//! Rows of `rollouts`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::rollouts;
use diesel::prelude::*;
use scm_protocol::ids::{RolloutId, UnixMillis};
use scm_protocol::upgrades::rollout::RolloutState;

/// A rollout.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = rollouts)]
pub(super) struct RolloutRow {
    pub id: i64,
    pub organization_id: i64,
    pub version: String,
    pub filter: Option<String>,
    pub stages: String,
    pub stage: i64,
    pub failure_budget: i64,
    pub forgiven: i64,
    pub automatic: i64,
    pub at_once: i64,
    pub state: String,
    pub reason: Option<String>,
    pub created_ms: i64,
    pub created_by: String,
    pub created_from: String,
    pub changed_ms: i64,
}

/// A rollout to create.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = rollouts)]
pub(super) struct NewRollout {
    pub organization_id: i64,
    pub version: String,
    pub filter: Option<String>,
    pub stages: String,
    pub stage: i64,
    pub failure_budget: i64,
    pub automatic: i64,
    pub at_once: i64,
    pub state: &'static str,
    pub created_ms: i64,
    pub created_by: String,
    pub created_from: String,
    pub changed_ms: i64,
}

/// Where a rollout comes to.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = rollouts, treat_none_as_null = true)]
pub(super) struct Change {
    pub state: &'static str,
    pub reason: Option<String>,
    pub stage: i64,
    pub forgiven: i64,
    pub changed_ms: i64,
}

impl Change {
    /// Another state, and everything else as it is.
    pub(super) fn to(row: &RolloutRow, state: RolloutState, now: UnixMillis) -> Self {
        Change {
            state: state.as_str(),
            reason: None,
            stage: row.stage,
            forgiven: row.forgiven,
            changed_ms: now.0,
        }
    }
}

/// Creates a rollout.
pub(super) fn create(conn: &mut Conn, rollout: &NewRollout) -> Result<RolloutId, Error> {
    let id: i64 = per_backend!(conn, c => diesel::insert_into(rollouts::table)
        .values(rollout)
        .returning(rollouts::id)
        .get_result(c))?;
    Ok(RolloutId(id))
}

/// One rollout.
pub(super) fn find(
    conn: &mut Conn,
    organization_id: i64,
    id: RolloutId,
) -> Result<Option<RolloutRow>, Error> {
    Ok(rollouts::table
        .filter(rollouts::organization_id.eq(organization_id))
        .filter(rollouts::id.eq(id.0))
        .select(RolloutRow::as_select())
        .first(conn)
        .optional()?)
}

/// Rollouts before `before` (exclusive), newest first.
pub(super) fn page(
    conn: &mut Conn,
    organization_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<RolloutRow>, Error> {
    Ok(rollouts::table
        .filter(rollouts::organization_id.eq(organization_id))
        .filter(rollouts::id.lt(before.unwrap_or(i64::MAX)))
        .order(rollouts::id.desc())
        .limit(limit)
        .select(RolloutRow::as_select())
        .load(conn)?)
}

/// Running rollouts that this server may work on, oldest first.
pub(super) fn running(conn: &mut Conn, owner: &str, now: UnixMillis) -> Result<Vec<RolloutId>, Error> {
    let ids: Vec<i64> = rollouts::table
        .filter(rollouts::state.eq(RolloutState::Running.as_str()))
        .filter(
            rollouts::lease_owner
                .eq(owner)
                .or(rollouts::lease_until_ms.le(now.0)),
        )
        .order(rollouts::id)
        .select(rollouts::id)
        .load(conn)?;
    Ok(ids.into_iter().map(RolloutId).collect())
}

/// Takes a running rollout, or keeps it, until `until`; none when it does not run or another server has it. Its row is
/// locked until the commit.
pub(super) fn claim(
    conn: &mut Conn,
    id: RolloutId,
    owner: &str,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<Option<RolloutRow>, Error> {
    let claimed = diesel::update(rollouts::table)
        .filter(rollouts::id.eq(id.0))
        .filter(rollouts::state.eq(RolloutState::Running.as_str()))
        .filter(
            rollouts::lease_owner
                .eq(owner)
                .or(rollouts::lease_until_ms.le(now.0)),
        )
        .set((
            rollouts::lease_owner.eq(owner),
            rollouts::lease_until_ms.eq(until.0),
        ))
        .execute(conn)?;
    if claimed == 0 {
        return Ok(None);
    }
    Ok(Some(
        rollouts::table
            .find(id.0)
            .select(RolloutRow::as_select())
            .first(conn)?,
    ))
}

/// One rollout, locked until the commit.
pub(super) fn locked(
    conn: &mut Conn,
    organization_id: i64,
    id: RolloutId,
) -> Result<Option<RolloutRow>, Error> {
    let row = rollouts::table
        .filter(rollouts::organization_id.eq(organization_id))
        .filter(rollouts::id.eq(id.0));
    Ok(match conn {
        Conn::Sqlite(c) => row.select(RolloutRow::as_select()).first(c).optional()?,
        Conn::Postgres(c) => row
            .select(RolloutRow::as_select())
            .for_update()
            .first(c)
            .optional()?,
    })
}

/// Deletes rollouts that were over before `before`, with their systems; how many.
pub(super) fn forget(conn: &mut Conn, before: UnixMillis) -> Result<usize, Error> {
    let over = [RolloutState::Done, RolloutState::Aborted].map(RolloutState::as_str);
    let old = rollouts::table
        .filter(rollouts::state.eq_any(over))
        .filter(rollouts::changed_ms.lt(before.0));
    Ok(diesel::delete(old).execute(conn)?)
}

/// Changes a rollout.
pub(super) fn change(conn: &mut Conn, id: RolloutId, change: &Change) -> Result<(), Error> {
    diesel::update(rollouts::table.find(id.0))
        .set(change)
        .execute(conn)?;
    Ok(())
}
