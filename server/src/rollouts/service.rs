//! Creating, showing and steering rollouts. A change and its audit entry are one transaction.

use super::step;
use super::store::{self, Change, NewRollout, RolloutRow};
use super::target_store;
use super::view;
use crate::app::App;
use crate::auth::SecretHash;
use crate::call::Caller;
use crate::error::Error;
use crate::idempotency;
use crate::packages;
use crate::paging;
use crate::storage::{Conn, hold_organization};
use crate::systems::{self, Instants};
use crate::upgrades;
use scm_protocol::ids::{RolloutId, SystemId, UnixMillis};
use scm_protocol::jobs::MAX_TARGETS;
use scm_protocol::upgrades::offer::newest;
use scm_protocol::upgrades::rollout::{
    CreateRollout, DEFAULT_AT_ONCE, Rollout, RolloutPage, RolloutState, cohort,
};
use scm_protocol::upgrades::upgrade::UpgradeState;
use scm_protocol::upgrades::version;
use scm_rules::CompiledFilter;
use serde_json::json;
use std::collections::HashSet;

fn unknown(id: RolloutId) -> Error {
    Error::NotFound(format!("there is no rollout {id}"))
}

/// Which systems.
#[derive(Clone)]
enum Targets {
    Chosen(Vec<SystemId>),
    Matching(Box<CompiledFilter>, i64, Instants),
}

impl Targets {
    fn asked(app: &App, wanted: &CreateRollout) -> Result<Self, Error> {
        match (&wanted.filter, wanted.expected_count) {
            (Some(_), _) if !wanted.systems.is_empty() => {
                Err(Error::invalid("systems", "cannot be given beside `filter`"))
            }
            (Some(text), Some(1..)) => {
                let filter = Box::new(systems::parse_filter(text)?);
                let expected = wanted.expected_count.unwrap_or_default();
                Ok(Targets::Matching(filter, expected, Instants::of(app)))
            }
            (Some(_), _) => Err(Error::invalid(
                "expected_count",
                "must be given with `filter`, and be at least 1: the number of systems that it was seen to match",
            )),
            (None, Some(_)) => Err(Error::invalid("expected_count", "means nothing without `filter`")),
            (None, None) => chosen(&wanted.systems),
        }
    }

    fn freeze(&self, conn: &mut Conn, organization_id: i64) -> Result<Vec<SystemId>, Error> {
        let (filter, expected, instants) = match self {
            Targets::Chosen(ids) => return Ok(ids.clone()),
            Targets::Matching(filter, expected, instants) => (filter, *expected, *instants),
        };
        let found = systems::matching(conn, organization_id, filter, instants)?;
        let matching = i64::try_from(found.len()).unwrap_or(i64::MAX);
        if matching != expected {
            return Err(Error::CountChanged { expected, matching });
        }
        if found.len() > MAX_TARGETS {
            let reason =
                format!("matches {matching} systems, at most {MAX_TARGETS} are allowed in one rollout");
            return Err(Error::invalid("filter", reason));
        }
        Ok(found)
    }
}

fn chosen(ids: &[SystemId]) -> Result<Targets, Error> {
    if ids.is_empty() || ids.len() > MAX_TARGETS {
        let reason = format!("must name 1 to {MAX_TARGETS} systems, unless `filter` is given");
        return Err(Error::invalid("systems", reason));
    }
    let mut seen = HashSet::with_capacity(ids.len());
    match ids.iter().find(|id| !seen.insert(**id)) {
        Some(id) => Err(Error::invalid("systems", format!("names system {id} twice"))),
        None => Ok(Targets::Chosen(ids.to_vec())),
    }
}

/// Creates a rollout, which begins at once. A repeated `Idempotency-Key` creates none.
///
/// # Errors
/// [`Error::Invalid`] naming the member, [`Error::Conflict`] `no_package` or `already_created`, [`Error::CountChanged`].
pub(super) async fn create(
    app: &App,
    caller: Caller,
    wanted: CreateRollout,
    idempotency_key: Option<&str>,
) -> Result<Rollout, Error> {
    if let Some((field, reason)) = wanted.problem() {
        return Err(Error::invalid(field, reason));
    }
    if let Some(text) = &wanted.version {
        version(text).map_err(|reason| Error::invalid("version", reason))?;
    }
    let targets = Targets::asked(app, &wanted)?;
    let now = app.clock.now();
    let organization_id = caller.organization_id();
    let key = idempotency_key.map(|chosen| idempotency::Key {
        organization_id,
        principal: caller.actor.name.clone(),
        route: caller.route,
        hash: SecretHash::of(chosen),
    });
    let created = app.storage.writer.run(move |conn| {
        // Before what refers to it: two servers would wait for each other otherwise.
        hold_organization(conn, organization_id)?;
        let write = |conn: &mut Conn| write(conn, &caller, &wanted, &targets, now);
        match key {
            Some(key) => idempotency::once(conn, &key, now, write),
            None => Ok(write(conn)?.1),
        }
    });
    let rollout = created.await?;
    tell(app, organization_id);
    Ok(rollout)
}

fn write(
    conn: &mut Conn,
    caller: &Caller,
    wanted: &CreateRollout,
    targets: &Targets,
    now: UnixMillis,
) -> Result<(i64, Rollout), Error> {
    let organization_id = caller.organization_id();
    let version = chosen_version(conn, wanted)?;
    let systems = targets.freeze(conn, organization_id)?;
    let stages = wanted.stages();
    let new = NewRollout {
        organization_id,
        version: version.clone(),
        filter: wanted.filter.clone(),
        stages: json!(stages).to_string(),
        stage: 0,
        failure_budget: i64::from(wanted.failure_budget),
        automatic: i64::from(wanted.automatic),
        at_once: i64::from(wanted.at_once.unwrap_or(DEFAULT_AT_ONCE)),
        state: RolloutState::Running.as_str(),
        created_ms: now.0,
        created_by: caller.actor.name.clone(),
        created_from: caller.actor.address.clone(),
        changed_ms: now.0,
    };
    let id = store::create(conn, &new)?;
    let cohorts: Vec<_> = systems
        .iter()
        .map(|system| (*system, cohort(*system, &version)))
        .collect();
    target_store::add(conn, id, &cohorts)?;
    let mut detail = json!({
        "version": version, "count": systems.len(), "stages": stages,
        "failure_budget": wanted.failure_budget, "automatic": wanted.automatic,
    });
    if let Some(filter) = &wanted.filter {
        detail["filter"] = json!(filter);
    }
    caller.record(conn, now, &format!("rollout:{id}"), detail)?;
    Ok((id.0, read(conn, organization_id, id)?))
}

/// The version that is wanted, or the newest that is offered for any platform.
fn chosen_version(conn: &mut Conn, wanted: &CreateRollout) -> Result<String, Error> {
    let packages = packages::all(conn)?;
    let offered = packages.iter().filter(|package| package.offered);
    let found = match &wanted.version {
        Some(version) => packages
            .iter()
            .any(|package| package.version == *version)
            .then(|| version.clone()),
        None => newest(offered.map(|package| package.version.as_str())).map(str::to_owned),
    };
    found.ok_or_else(|| Error::Conflict {
        code: "no_package",
        detail: match &wanted.version {
            Some(version) => {
                format!("there is no package {version}; add it with `scmserver packages add`")
            }
            None => "there are no packages; add one with `scmserver packages add`".to_owned(),
        },
    })
}

fn read(conn: &mut Conn, organization_id: i64, id: RolloutId) -> Result<Rollout, Error> {
    let row = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
    view::rollout(conn, row)
}

fn tell(app: &App, organization_id: i64) {
    app.events.commands(organization_id);
    app.events.audited(organization_id);
}

/// What somebody does with a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Steer {
    /// Nothing more is queued, and what no system has fetched is taken back.
    Halt,
    /// A halted one goes on; the failures until now count no more.
    Resume,
    /// The next stage begins.
    Advance,
    /// It is given up: as halted, and for good.
    Abort,
}

impl Steer {
    fn fits(self, state: RolloutState) -> bool {
        match self {
            Steer::Halt => matches!(state, RolloutState::Running | RolloutState::Waiting),
            Steer::Resume => state == RolloutState::Halted,
            Steer::Advance => state == RolloutState::Waiting,
            Steer::Abort => !state.is_over(),
        }
    }

    fn needs(self) -> &'static str {
        match self {
            Steer::Halt => "only one that is running or waiting can be halted",
            Steer::Resume => "only one that is halted can be resumed",
            Steer::Advance => "only one that waits after a stage can be advanced",
            Steer::Abort => "only one that is not over can be aborted",
        }
    }
}

/// Does that with a rollout.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] `wrong_state`.
pub(super) async fn steer(app: &App, caller: Caller, id: RolloutId, what: Steer) -> Result<Rollout, Error> {
    let now = app.clock.now();
    let organization_id = caller.organization_id();
    let steered = app.storage.writer.run(move |conn| {
        let row = store::locked(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
        let state = view::state(&row)?;
        if !what.fits(state) {
            return Err(Error::Conflict {
                code: "wrong_state",
                detail: format!("rollout {id} is {}: {}", state.as_str(), what.needs()),
            });
        }
        carry_out(conn, &caller, &row, what, now)?;
        read(conn, organization_id, id)
    });
    let rollout = steered.await?;
    tell(app, organization_id);
    Ok(rollout)
}

fn carry_out(
    conn: &mut Conn,
    caller: &Caller,
    row: &RolloutRow,
    what: Steer,
    now: UnixMillis,
) -> Result<(), Error> {
    let id = RolloutId(row.id);
    let actor = &caller.actor;
    match what {
        Steer::Halt => step::halt(conn, row, (actor, &format!("halted by {}", actor.name)), now),
        Steer::Advance => step::advance(conn, row, actor, now),
        Steer::Resume => {
            let failed = upgrades::of_rollout(conn, id)?.count(UpgradeState::is_failure);
            let change = Change {
                forgiven: failed,
                ..Change::to(row, RolloutState::Running, now)
            };
            store::change(conn, id, &change)?;
            step::record(conn, row, (caller.route, actor), json!({ "failed": failed }), now)
        }
        Steer::Abort => {
            store::change(conn, id, &Change::to(row, RolloutState::Aborted, now))?;
            let taken = step::take_back(conn, row, (actor, "its rollout was aborted"), now)?;
            step::record(
                conn,
                row,
                (caller.route, actor),
                json!({ "taken_back": taken }),
                now,
            )
        }
    }
}

/// One rollout.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn show(app: &App, organization_id: i64, id: RolloutId) -> Result<Rollout, Error> {
    app.storage
        .readers
        .run(move |conn| read(conn, organization_id, id))
        .await
}

/// One page of rollouts, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<RolloutPage, Error> {
    let limit = paging::limit(limit)?;
    let before = paging::id_cursor(cursor)?;
    let read = move |conn: &mut Conn| {
        let rows = store::page(conn, organization_id, before, i64::from(limit))?;
        rows.into_iter()
            .map(|row| view::rollout(conn, row))
            .collect::<Result<Vec<_>, _>>()
    };
    let items = app.storage.readers.run(read).await?;
    let full = items.len() == limit as usize;
    Ok(RolloutPage {
        next_cursor: items.last().filter(|_| full).map(|last| last.id.to_string()),
        items,
        server_time_ms: app.clock.now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_not_steered_any_more() {
        for what in [Steer::Halt, Steer::Resume, Steer::Advance, Steer::Abort] {
            for state in RolloutState::ALL {
                assert!(!(state.is_over() && what.fits(state)), "{what:?} {state:?}");
            }
            assert!(RolloutState::ALL.into_iter().any(|state| what.fits(state)));
        }
    }
}
