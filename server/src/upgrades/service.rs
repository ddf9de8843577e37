//! Queuing one upgrade, showing them, and what the rooms beside this one ask. A change and its audit entry are one
//! transaction.

use super::queue::{self, Order, Outcome};
use super::store::{self, Filter, Tally};
use super::view;
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::packages;
use crate::paging;
use crate::storage::{Conn, hold_organization};
use crate::systems;
use scm_protocol::commands::MAX_WAIT_SECS;
use scm_protocol::ids::{CommandId, RolloutId, SystemId, UnixMillis, UpgradeId};
use scm_protocol::upgrades::order::{DEFAULT_DEADLINE_SECS, UpgradeOrder};
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::upgrade::{CreateUpgrade, Upgrade, UpgradeOffer, UpgradePage, UpgradeState};
use scm_protocol::upgrades::version;
use serde_json::json;

/// How long an upgrade is kept after its end, in milliseconds: 90 days, as a command.
const KEPT_MS: i64 = 90 * 86_400_000;

fn unknown(system: SystemId) -> Error {
    Error::NotFound(format!("there is no system {system}"))
}

/// Queues an upgrade of one system. One that is queued or under way to that version is the answer, and nothing is changed;
/// whether it is new.
///
/// # Errors
/// [`Error::Invalid`] naming the member, [`Error::NotFound`], [`Error::Conflict`] `wrong_status`, `not_offered` or
/// `upgrade_under_way`.
pub(super) async fn create(
    app: &App,
    caller: Caller,
    system: SystemId,
    wanted: CreateUpgrade,
) -> Result<(Upgrade, bool), Error> {
    check(&wanted)?;
    let now = app.clock.now();
    let organization_id = caller.organization_id();
    let queued = app.storage.writer.run(move |conn| {
        // In the order in which a check-in locks them: two servers would wait for each other otherwise.
        systems::lock_row(conn, system)?;
        hold_organization(conn, organization_id)?;
        write(conn, &caller, system, &wanted, now)
    });
    let (upgrade, new) = queued.await?;
    if new {
        app.wake(&[system]);
        app.events.commands(organization_id);
        app.events.audited(organization_id);
    }
    Ok((upgrade, new))
}

fn check(wanted: &CreateUpgrade) -> Result<(), Error> {
    if let Some(text) = &wanted.version {
        version(text).map_err(|reason| Error::invalid("version", reason))?;
    }
    match wanted.wait_secs {
        Some(secs) if !(1..=MAX_WAIT_SECS).contains(&secs) => Err(Error::invalid(
            "wait_secs",
            format!("must be between 1 and {MAX_WAIT_SECS}"),
        )),
        _ => Ok(()),
    }
}

fn write(
    conn: &mut Conn,
    caller: &Caller,
    system: SystemId,
    wanted: &CreateUpgrade,
    now: UnixMillis,
) -> Result<(Upgrade, bool), Error> {
    let organization_id = caller.organization_id();
    let order = Order {
        organization_id,
        version: wanted.version.as_deref(),
        wait_secs: wanted.wait_secs.unwrap_or(MAX_WAIT_SECS),
        rollout: None,
        job: None,
        by: &caller.actor.name,
        now,
    };
    let outcome = queue::queue(conn, &order, &[system])?.pop();
    let outcome = outcome.ok_or_else(|| Error::internal("an upgrade without outcome"))?;
    let detail = outcome.reason().unwrap_or_default();
    let conflict = |code| Err(Error::Conflict { code, detail });
    match outcome {
        Outcome::Queued { id, version } => {
            let upgrade = find(conn, organization_id, id)?;
            let detail = json!({ "upgrade": id, "version": version, "from": upgrade.from_version });
            caller.record(conn, now, &format!("system:{system}"), detail)?;
            Ok((upgrade, true))
        }
        Outcome::UnderWay(version) => match store::last(conn, system)? {
            Some(row) if wanted.version.as_ref().is_none_or(|wanted| *wanted == version) => {
                Ok((view::upgrade(row)?, false))
            }
            _ => conflict("upgrade_under_way"),
        },
        Outcome::WrongStatus(_) => conflict("wrong_status"),
        Outcome::NotOffered(_) => conflict("not_offered"),
        Outcome::Gone => Err(unknown(system)),
    }
}

fn find(conn: &mut Conn, organization_id: i64, id: UpgradeId) -> Result<Upgrade, Error> {
    let row = store::find(conn, organization_id, id)?;
    view::upgrade(row.ok_or_else(|| Error::NotFound(format!("there is no upgrade {id}")))?)
}

/// What is offered to a system, and if nothing, why.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn offered(
    app: &App,
    organization_id: i64,
    system: SystemId,
) -> Result<UpgradeOffer, Error> {
    let read = move |conn: &mut Conn| {
        let mut machines = systems::machines(conn, organization_id, &[system], false)?;
        let machine = machines.remove(&system).ok_or_else(|| unknown(system))?;
        let last = store::last(conn, system)?.map(view::upgrade).transpose()?;
        let packages = packages::all(conn)?;
        let decided = queue::decide(
            Some(&machine),
            last.as_ref()
                .filter(|last| !last.state.is_over())
                .map(|last| &last.version),
            &packages,
            None,
        );
        let (offered, reason) = match decided {
            Ok(package) => (Some(package.version.clone()), None),
            Err(outcome) => (None, outcome.reason()),
        };
        Ok(UpgradeOffer {
            platform: machine.platform,
            present: machine.agent_version,
            offered,
            reason,
            last,
        })
    };
    app.storage.readers.run(read).await
}

/// One page of upgrades, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    (system, rollout, state): (Option<i64>, Option<i64>, Option<&str>),
    (cursor, limit): (Option<&str>, Option<u32>),
) -> Result<UpgradePage, Error> {
    let limit = paging::limit(limit)?;
    let state = state.map(|name| {
        let known = UpgradeState::ALL.map(UpgradeState::as_str).join(", ");
        UpgradeState::parse(name).ok_or_else(|| Error::invalid("state", format!("must be one of {known}")))
    });
    let filter = Filter {
        system,
        rollout,
        state: state.transpose()?,
        before: paging::id_cursor(cursor)?,
    };
    let read = move |conn: &mut Conn| store::page(conn, organization_id, filter, i64::from(limit));
    let rows = app.storage.readers.run(read).await?;
    let full = rows.len() == limit as usize;
    Ok(UpgradePage {
        next_cursor: rows.last().filter(|_| full).map(|(row, _)| row.id.to_string()),
        items: rows.into_iter().map(view::upgrade).collect::<Result<_, _>>()?,
        server_time_ms: app.clock.now(),
    })
}

/// What the command of an upgrade tells its system; none where its package is gone.
///
/// # Errors
/// When the database fails.
pub fn order(conn: &mut Conn, command: CommandId) -> Result<Option<UpgradeOrder>, Error> {
    let Some(row) = store::by_command(conn, command)? else {
        return Ok(None);
    };
    let package = packages::find(conn, &row.platform, &row.version)?;
    let platform: Platform = row
        .platform
        .parse()
        .map_err(|_| Error::internal(format!("the row of upgrade {} is damaged", row.id)))?;
    Ok(package.map(|package| UpgradeOrder {
        platform,
        version: row.version,
        size: package.size_bytes,
        sha256: package.sha256,
        signature: package.signature,
        deadline_secs: DEFAULT_DEADLINE_SECS,
    }))
}

/// How many upgrades that are not over need a package.
///
/// # Errors
/// When the database fails.
pub fn under_way(conn: &mut Conn, platform: &Platform, version: &str) -> Result<i64, Error> {
    store::under_way(conn, platform.as_str(), version)
}

/// How many upgrades of a rollout are in which state.
///
/// # Errors
/// When the database fails.
pub(crate) fn of_rollout(conn: &mut Conn, rollout: RolloutId) -> Result<Tally, Error> {
    store::tally(conn, rollout)
}

/// Upgrades of a rollout that no system has fetched yet: command and system.
///
/// # Errors
/// When the database fails.
pub(crate) fn queued_of_rollout(
    conn: &mut Conn,
    rollout: RolloutId,
) -> Result<Vec<(CommandId, SystemId)>, Error> {
    store::queued(conn, rollout)
}

/// Forgets upgrades that were over long ago; they stand in the audit.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: &App) -> Result<(), Error> {
    let before = app.clock.now().plus(-KEPT_MS);
    let forget = move |conn: &mut Conn| store::forget(conn, before);
    let forgotten = app.storage.writer.run(forget).await?;
    if forgotten > 0 {
        tracing::info!(
            upgrades.count = forgotten,
            "upgrades that were over for 90 days were forgotten"
        );
    }
    Ok(())
}
