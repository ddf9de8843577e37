//! Commands that carry upgrades: what they are to do stands in the upgrades room, which their every step is told to.

use super::service::nonce;
use super::store::{self, Change, CommandRow, NewCommand};
use super::transition::Transition;
use super::view;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use crate::upgrades::{self, News};
use scm_protocol::commands::CommandState;
use scm_protocol::commands::report::CommandName;
use scm_protocol::ids::{CommandId, JobId, SystemId, UnixMillis};
use scm_protocol::upgrades::order::{DEFAULT_DEADLINE_SECS, UPGRADE};
use scm_protocol::upgrades::upgrade::UpgradeState;
use serde_json::json;

/// Why a command ended that nobody reported about.
pub(super) const BY_VERSION: &str = "its system checked in with this version, or a newer one";

/// An upgrade to be carried.
#[derive(Clone, Debug)]
pub struct NewUpgradeCommand<'a> {
    /// Whose system.
    pub organization_id: i64,
    /// The system.
    pub system: SystemId,
    /// The bulk job that it belongs to.
    pub job: Option<JobId>,
    /// The platform of the package.
    pub platform: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Who, as the audit names them.
    pub by: &'a str,
    /// How long it waits for its system, in seconds.
    pub wait_secs: u32,
    /// When.
    pub now: UnixMillis,
}

/// Creates the command of an upgrade.
///
/// # Errors
/// When the database fails.
pub fn create_upgrade(conn: &mut Conn, upgrade: &NewUpgradeCommand<'_>) -> Result<CommandId, Error> {
    let now = upgrade.now;
    let new = NewCommand {
        organization_id: upgrade.organization_id,
        system_id: upgrade.system.0,
        job_id: upgrade.job.map(|job| job.0),
        kind: UPGRADE,
        action: UPGRADE.to_owned(),
        parameters: json!({ "platform": upgrade.platform, "version": upgrade.version }).to_string(),
        redacted: 0,
        timeout_secs: i64::from(DEFAULT_DEADLINE_SECS),
        state: CommandState::Created.as_str(),
        created_ms: now.0,
        created_by: upgrade.by.to_owned(),
        wait_until_ms: now.plus(i64::from(upgrade.wait_secs) * 1000).0,
        nonce: nonce()?,
    };
    Ok(CommandId(store::create(conn, &new)?))
}

/// Whether it carries an upgrade.
pub(super) fn is_upgrade(row: &CommandRow) -> bool {
    row.kind == UPGRADE
}

/// Tells the upgrade that a command carries, where it carries one.
pub(super) fn tell(conn: &mut Conn, row: &CommandRow, news: &News, now: UnixMillis) -> Result<(), Error> {
    if is_upgrade(row) {
        upgrades::follow(conn, CommandId(row.id), news, now)?;
    }
    Ok(())
}

/// Whether that very command of that system was handed out and is not over.
///
/// # Errors
/// When the database fails.
pub fn is_under_way(conn: &mut Conn, system: SystemId, name: &CommandName) -> Result<bool, Error> {
    let Some(row) = store::locked(conn, name.id)? else {
        return Ok(false);
    };
    let state = view::state(&row)?;
    let open = matches!(state, CommandState::Dispatched | CommandState::Running);
    Ok(open && is_upgrade(&row) && row.system_id == system.0 && row.nonce == name.nonce)
}

/// Ends what has arrived without a word of its system; whether it had.
pub(super) fn settle(
    conn: &mut Conn,
    row: &CommandRow,
    now: UnixMillis,
) -> Result<Option<CommandRow>, Error> {
    let id = CommandId(row.id);
    if !is_upgrade(row) || !upgrades::arrived(conn, id)? {
        return Ok(None);
    }
    let change = Change {
        reason: Some(BY_VERSION.to_owned()),
        ended_ms: Some(now.0),
        ..Change::to(row, CommandState::Completed)
    };
    store::change(conn, id, &change)?;
    let news = News::Given(UpgradeState::Done, Some(BY_VERSION.to_owned()));
    upgrades::follow(conn, id, &news, now)?;
    Ok(Some(row.clone()))
}

/// One entry for each that has arrived; after every change of the transaction.
pub(super) fn record_settled(conn: &mut Conn, rows: &[CommandRow], now: UnixMillis) -> Result<(), Error> {
    end_entries(
        conn,
        rows,
        (&Actor::server(), CommandState::Completed, BY_VERSION),
        now,
    )
}

fn end_entries(
    conn: &mut Conn,
    rows: &[CommandRow],
    (actor, state, reason): (&Actor, CommandState, &str),
    now: UnixMillis,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let targets: Vec<String> = rows.iter().map(|row| format!("command:{}", row.id)).collect();
    let entries: Vec<Entry<'_>> = rows
        .iter()
        .zip(&targets)
        .map(|(row, target)| Entry {
            organization_id: row.organization_id,
            at: now,
            actor,
            action: Transition::of(Change::to(row, state), state).action,
            target,
            outcome: Outcome::Done,
            detail: json!({ "system": row.system_id, "action": row.action, "reason": reason }),
        })
        .collect();
    audit::record_all(conn, &entries)
}

/// Takes back what no system has fetched yet; how many. Those that one fetched meanwhile go on.
///
/// # Errors
/// When the database fails.
pub fn take_back(
    conn: &mut Conn,
    ids: &[CommandId],
    (actor, reason): (&Actor, &str),
    now: UnixMillis,
) -> Result<Vec<CommandId>, Error> {
    let mut taken = Vec::new();
    for id in ids {
        let Some(row) = store::locked(conn, *id)? else {
            continue;
        };
        if view::state(&row)? != CommandState::Created || !is_upgrade(&row) {
            continue;
        }
        let change = Change {
            cancel_ms: Some(now.0),
            cancel_by: Some(actor.name.clone()),
            reason: Some(reason.to_owned()),
            ended_ms: Some(now.0),
            ..Change::to(&row, CommandState::Cancelled)
        };
        store::change(conn, *id, &change)?;
        let news = News::Given(UpgradeState::Cancelled, Some(reason.to_owned()));
        upgrades::follow(conn, *id, &news, now)?;
        taken.push(row);
    }
    end_entries(conn, &taken, (actor, CommandState::Cancelled, reason), now)?;
    Ok(taken.into_iter().map(|row| CommandId(row.id)).collect())
}
