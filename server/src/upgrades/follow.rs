//! What becomes of an upgrade with the command that carries it: a pure function from where it stands and the news to where
//! it comes to, and the writing of it.
//!
//! The commands room says when its command really changed, in the transaction of that change; here nothing ever goes back,
//! but for what was presumed and is contradicted by a system's late word.

use super::store::{self, Change, UpgradeRow};
use super::view;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::commands::report::EndOutcome;
use scm_protocol::ids::{CommandId, UnixMillis, UpgradeId};
use scm_protocol::upgrades::has_arrived;
use scm_protocol::upgrades::progress::{UpgradeProgress, UpgradeStage};
use scm_protocol::upgrades::upgrade::UpgradeState;

/// How long a system may say nothing of an upgrade that it was told of, in milliseconds: an hour. It says something with each
/// part that it fetches.
const SILENCE_MS: i64 = 3_600_000;

/// What is new of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It was handed to its system.
    Dispatched,
    /// Its system began.
    Started,
    /// Its system says how far it is.
    Progress(UpgradeProgress),
    /// Its system says how it ended, and why.
    Ended(EndOutcome, Option<String>),
    /// The server ended it so, and why.
    Given(UpgradeState, Option<String>),
}

/// Writes what becomes of the upgrade that a command carries, if anything does.
///
/// # Errors
/// When the database fails.
pub fn follow(conn: &mut Conn, command: CommandId, news: &News, now: UnixMillis) -> Result<(), Error> {
    let Some(row) = store::by_command(conn, command)? else {
        return Ok(());
    };
    if let Some(change) = after(&row, view::state(&row)?, news, now) {
        store::change(conn, UpgradeId(row.id), &change)?;
    }
    Ok(())
}

/// Where it comes to; none where nothing changes.
fn after(row: &UpgradeRow, state: UpgradeState, news: &News, now: UnixMillis) -> Option<Change> {
    let (next, reason) = match news {
        News::Started => (state, None),
        News::Dispatched => (UpgradeState::Dispatched, None),
        News::Progress(progress) => (stage(progress.stage), None),
        News::Ended(outcome, reason) => (ended(*outcome), reason.clone()),
        News::Given(state, reason) => (*state, reason.clone()),
    };
    let word_of_an_end = matches!(news, News::Ended(..) | News::Given(..));
    if state.is_over() && !word_of_an_end {
        return None;
    }
    let next = if next.is_over() { next } else { next.max(state) };
    let done_bytes = match news {
        News::Progress(progress) => progress.done_bytes.clamp(row.done_bytes, row.total_bytes),
        _ if next == UpgradeState::Done => row.total_bytes,
        _ => row.done_bytes,
    };
    Some(Change {
        state: next.as_str(),
        reason,
        done_bytes,
        changed_ms: if next == state { row.changed_ms } else { now.0 },
        heard_ms: now.0,
        ended_ms: next.is_over().then_some(now.0),
    })
}

fn stage(stage: UpgradeStage) -> UpgradeState {
    match stage {
        UpgradeStage::Downloading => UpgradeState::Downloading,
        UpgradeStage::Verifying => UpgradeState::Verifying,
        UpgradeStage::Restarting => UpgradeState::Restarting,
    }
}

fn ended(outcome: EndOutcome) -> UpgradeState {
    match outcome {
        EndOutcome::Completed => UpgradeState::Done,
        EndOutcome::RolledBack => UpgradeState::RolledBack,
        EndOutcome::Cancelled => UpgradeState::Cancelled,
        EndOutcome::Expired => UpgradeState::Expired,
        EndOutcome::Failed | EndOutcome::Interrupted => UpgradeState::Failed,
        EndOutcome::UnknownKind
        | EndOutcome::UnknownAction
        | EndOutcome::BadParameter
        | EndOutcome::Protected
        | EndOutcome::Busy
        | EndOutcome::Unprovable
        | EndOutcome::Refused => UpgradeState::Refused,
    }
}

/// Whether the system runs the version that the command is to bring it to, or a newer one: it said so, or its word was lost, or
/// somebody else upgraded it.
///
/// # Errors
/// When the database fails.
pub fn arrived(conn: &mut Conn, command: CommandId) -> Result<bool, Error> {
    let Some(row) = store::by_command(conn, command)? else {
        return Ok(false);
    };
    let present = store::agent_version(conn, row.system_id)?;
    Ok(present.is_some_and(|present| has_arrived(&present, &row.version)))
}

/// Commands of upgrades whose systems were told and say nothing any more.
///
/// # Errors
/// When the database fails.
pub fn silent(conn: &mut Conn, now: UnixMillis, limit: i64) -> Result<Vec<CommandId>, Error> {
    store::silent(conn, now.plus(-SILENCE_MS), limit)
}

/// Whether the system of an upgrade still says something.
///
/// # Errors
/// When the database fails.
pub fn heard(conn: &mut Conn, command: CommandId, now: UnixMillis) -> Result<bool, Error> {
    let row = store::by_command(conn, command)?;
    Ok(row.is_some_and(|row| row.heard_ms >= now.plus(-SILENCE_MS).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(9);

    fn row(state: UpgradeState) -> UpgradeRow {
        UpgradeRow {
            id: 1,
            system_id: 7,
            command_id: Some(3),
            rollout_id: None,
            platform: "x86_64-linux".to_owned(),
            version: "1.4.0".to_owned(),
            from_version: "1.3.0".to_owned(),
            total_bytes: 100,
            done_bytes: 40,
            state: state.as_str().to_owned(),
            reason: None,
            created_ms: 1,
            created_by: "user:jdoe".to_owned(),
            changed_ms: 2,
            heard_ms: 2,
            ended_ms: state.is_over().then_some(2),
        }
    }

    fn come(state: UpgradeState, news: &News) -> Option<UpgradeState> {
        after(&row(state), state, news, NOW).and_then(|change| UpgradeState::parse(change.state))
    }

    fn progress(stage: UpgradeStage, done_bytes: i64) -> News {
        News::Progress(UpgradeProgress {
            stage,
            done_bytes,
            total_bytes: 100,
        })
    }

    #[test]
    fn nothing_goes_back_and_what_is_over_is_not_opened_again() {
        let stages = [
            UpgradeStage::Downloading,
            UpgradeStage::Verifying,
            UpgradeStage::Restarting,
        ];
        let mut news = vec![News::Dispatched, News::Started];
        news.extend(stages.map(|stage| progress(stage, 50)));
        for state in UpgradeState::ALL {
            for one in &news {
                match come(state, one) {
                    Some(next) => assert!(!state.is_over() && next >= state, "{state:?} {one:?}"),
                    None => assert!(state.is_over(), "{state:?} {one:?}"),
                }
            }
        }
        assert_eq!(
            come(UpgradeState::Queued, &News::Dispatched),
            Some(UpgradeState::Dispatched)
        );
        assert_eq!(
            come(UpgradeState::Dispatched, &progress(UpgradeStage::Restarting, 100)),
            Some(UpgradeState::Restarting)
        );
    }

    #[test]
    fn every_end_of_the_command_is_one_of_the_upgrade() {
        for outcome in EndOutcome::ALL {
            let news = News::Ended(outcome, Some("why".to_owned()));
            let change = after(
                &row(UpgradeState::Restarting),
                UpgradeState::Restarting,
                &news,
                NOW,
            )
            .unwrap();
            let state = UpgradeState::parse(change.state).unwrap();
            assert!(state.is_over(), "{outcome:?}");
            assert_eq!(
                (change.ended_ms, change.reason.as_deref()),
                (Some(9), Some("why"))
            );
            assert_eq!(outcome == EndOutcome::Completed, state == UpgradeState::Done);
        }
        let late = News::Ended(EndOutcome::RolledBack, None);
        assert_eq!(come(UpgradeState::Done, &late), Some(UpgradeState::RolledBack));
    }

    #[test]
    fn progress_is_bounded_by_the_package_and_never_shrinks() {
        let bytes = |news: &News| {
            let change = after(
                &row(UpgradeState::Downloading),
                UpgradeState::Downloading,
                news,
                NOW,
            );
            change.unwrap().done_bytes
        };
        assert_eq!(bytes(&progress(UpgradeStage::Downloading, 60)), 60);
        assert_eq!(bytes(&progress(UpgradeStage::Downloading, 20)), 40);
        assert_eq!(bytes(&progress(UpgradeStage::Downloading, 1000)), 100);
        assert_eq!(bytes(&News::Ended(EndOutcome::Completed, None)), 100);
        assert_eq!(bytes(&News::Ended(EndOutcome::Failed, None)), 40);
    }
}
