//! Rows of `upgrades`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{systems, upgrades};
use diesel::prelude::*;
use scm_protocol::ids::{CommandId, RolloutId, SystemId, UnixMillis, UpgradeId};
use scm_protocol::upgrades::upgrade::UpgradeState;

/// An upgrade.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = upgrades)]
pub(super) struct UpgradeRow {
    pub id: i64,
    pub system_id: i64,
    pub command_id: Option<i64>,
    pub rollout_id: Option<i64>,
    pub platform: String,
    pub version: String,
    pub from_version: String,
    pub total_bytes: i64,
    pub done_bytes: i64,
    pub state: String,
    pub reason: Option<String>,
    pub created_ms: i64,
    pub created_by: String,
    pub changed_ms: i64,
    pub heard_ms: i64,
    pub ended_ms: Option<i64>,
}

/// An upgrade to queue.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = upgrades)]
pub(super) struct NewUpgrade<'a> {
    pub organization_id: i64,
    pub system_id: i64,
    pub rollout_id: Option<i64>,
    pub platform: &'a str,
    pub version: &'a str,
    pub from_version: &'a str,
    pub total_bytes: i64,
    pub state: &'static str,
    pub created_ms: i64,
    pub created_by: &'a str,
    pub changed_ms: i64,
    pub heard_ms: i64,
}

/// Where an upgrade comes to.
#[derive(Clone, Debug, PartialEq, Eq, AsChangeset)]
#[diesel(table_name = upgrades, treat_none_as_null = true)]
pub(super) struct Change {
    pub state: &'static str,
    pub reason: Option<String>,
    pub done_bytes: i64,
    pub changed_ms: i64,
    pub heard_ms: i64,
    pub ended_ms: Option<i64>,
}

/// Which upgrades a page has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter {
    pub system: Option<i64>,
    pub rollout: Option<i64>,
    pub state: Option<UpgradeState>,
    pub before: Option<i64>,
}

/// Upgrades of a rollout by their state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Each state that there is with its number.
    pub states: Vec<(UpgradeState, i64)>,
}

impl Tally {
    /// How many are in a state of that kind.
    pub fn count(&self, which: impl Fn(UpgradeState) -> bool) -> i64 {
        let chosen = self.states.iter().filter(|(state, _)| which(*state));
        chosen.map(|(_, count)| count).sum()
    }
}

/// Queues an upgrade; none where its system has an open one.
pub(super) fn create(conn: &mut Conn, upgrade: &NewUpgrade<'_>) -> Result<Option<UpgradeId>, Error> {
    let id: Option<i64> = per_backend!(conn, c => diesel::insert_into(upgrades::table)
        .values(upgrade)
        .on_conflict_do_nothing()
        .returning(upgrades::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(UpgradeId))
}

/// Notes which command carries it.
pub(super) fn set_command(conn: &mut Conn, id: UpgradeId, command: CommandId) -> Result<(), Error> {
    diesel::update(upgrades::table.find(id.0))
        .set(upgrades::command_id.eq(command.0))
        .execute(conn)?;
    Ok(())
}

/// The upgrade that a command carries, locked until the commit.
pub(super) fn by_command(conn: &mut Conn, command: CommandId) -> Result<Option<UpgradeRow>, Error> {
    let row = upgrades::table.filter(upgrades::command_id.eq(command.0));
    Ok(match conn {
        Conn::Sqlite(c) => row.select(UpgradeRow::as_select()).first(c).optional()?,
        Conn::Postgres(c) => row
            .select(UpgradeRow::as_select())
            .for_update()
            .first(c)
            .optional()?,
    })
}

/// Changes an upgrade.
pub(super) fn change(conn: &mut Conn, id: UpgradeId, change: &Change) -> Result<(), Error> {
    diesel::update(upgrades::table.find(id.0))
        .set(change)
        .execute(conn)?;
    Ok(())
}

/// Open upgrades of these systems: system and version.
pub(super) fn open_of(conn: &mut Conn, systems: &[i64]) -> Result<Vec<(i64, String)>, Error> {
    Ok(upgrades::table
        .filter(upgrades::system_id.eq_any(systems))
        .filter(upgrades::ended_ms.is_null())
        .select((upgrades::system_id, upgrades::version))
        .load(conn)?)
}

/// How many open upgrades need a package.
pub(super) fn under_way(conn: &mut Conn, platform: &str, version: &str) -> Result<i64, Error> {
    Ok(upgrades::table
        .filter(upgrades::ended_ms.is_null())
        .filter(upgrades::platform.eq(platform))
        .filter(upgrades::version.eq(version))
        .count()
        .get_result(conn)?)
}

/// The version of the agent on the system.
pub(super) fn agent_version(conn: &mut Conn, system: i64) -> Result<Option<String>, Error> {
    Ok(systems::table
        .find(system)
        .select(systems::agent_version)
        .first(conn)
        .optional()?)
}

/// One upgrade with its system's host name.
pub(super) fn find(
    conn: &mut Conn,
    organization_id: i64,
    id: UpgradeId,
) -> Result<Option<(UpgradeRow, String)>, Error> {
    Ok(upgrades::table
        .inner_join(systems::table)
        .filter(upgrades::organization_id.eq(organization_id))
        .filter(upgrades::id.eq(id.0))
        .select((UpgradeRow::as_select(), systems::hostname))
        .first(conn)
        .optional()?)
}

/// The last upgrade of a system with its host name.
pub(super) fn last(conn: &mut Conn, system: SystemId) -> Result<Option<(UpgradeRow, String)>, Error> {
    Ok(upgrades::table
        .inner_join(systems::table)
        .filter(upgrades::system_id.eq(system.0))
        .order(upgrades::id.desc())
        .select((UpgradeRow::as_select(), systems::hostname))
        .first(conn)
        .optional()?)
}

/// Upgrades, newest first, each with its system's host name.
pub(super) fn page(
    conn: &mut Conn,
    organization_id: i64,
    filter: Filter,
    limit: i64,
) -> Result<Vec<(UpgradeRow, String)>, Error> {
    Ok(per_backend!(conn, c => {
        let mut query = upgrades::table
            .inner_join(systems::table)
            .filter(upgrades::organization_id.eq(organization_id))
            .filter(upgrades::id.lt(filter.before.unwrap_or(i64::MAX)))
            .into_boxed();
        if let Some(system) = filter.system {
            query = query.filter(upgrades::system_id.eq(system));
        }
        if let Some(rollout) = filter.rollout {
            query = query.filter(upgrades::rollout_id.eq(rollout));
        }
        if let Some(state) = filter.state {
            query = query.filter(upgrades::state.eq(state.as_str()));
        }
        query
            .order(upgrades::id.desc())
            .limit(limit)
            .select((UpgradeRow::as_select(), systems::hostname))
            .load(c)?
    }))
}

/// Commands of upgrades that are under way and were not heard of since `before`.
pub(super) fn silent(conn: &mut Conn, before: UnixMillis, limit: i64) -> Result<Vec<CommandId>, Error> {
    let ids: Vec<Option<i64>> = upgrades::table
        .filter(upgrades::ended_ms.is_null())
        .filter(upgrades::state.ne(UpgradeState::Queued.as_str()))
        .filter(upgrades::heard_ms.lt(before.0))
        .order(upgrades::id)
        .limit(limit)
        .select(upgrades::command_id)
        .load(conn)?;
    Ok(ids.into_iter().flatten().map(CommandId).collect())
}

/// How many upgrades of a rollout are in which state; of each system its last.
pub(super) fn tally(conn: &mut Conn, rollout: RolloutId) -> Result<Tally, Error> {
    let rows: Vec<(String, i64)> = upgrades::table
        .filter(upgrades::rollout_id.eq(rollout.0))
        .group_by(upgrades::state)
        .select((upgrades::state, diesel::dsl::count_star()))
        .load(conn)?;
    let states = rows
        .into_iter()
        .filter_map(|(state, count)| Some((UpgradeState::parse(&state)?, count)));
    Ok(Tally {
        states: states.collect(),
    })
}

/// Upgrades of a rollout that nobody fetched yet: command and system.
pub(super) fn queued(conn: &mut Conn, rollout: RolloutId) -> Result<Vec<(CommandId, SystemId)>, Error> {
    let ids: Vec<(Option<i64>, i64)> = upgrades::table
        .filter(upgrades::rollout_id.eq(rollout.0))
        .filter(upgrades::state.eq(UpgradeState::Queued.as_str()))
        .order(upgrades::id)
        .select((upgrades::command_id, upgrades::system_id))
        .load(conn)?;
    let known = ids
        .into_iter()
        .filter_map(|(command, system)| Some((CommandId(command?), SystemId(system))));
    Ok(known.collect())
}

/// Deletes upgrades that were over before `before`; how many.
pub(super) fn forget(conn: &mut Conn, before: UnixMillis) -> Result<usize, Error> {
    Ok(diesel::delete(upgrades::table.filter(upgrades::ended_ms.lt(before.0))).execute(conn)?)
}
