//! Jobs that have their systems run an action: a command for each, a few under way at once, until too many failed.
//!
//! Systems have their commands in the order of their ids, so that one number says how far the job is: those up to the
//! highest that has one were told, the others were not. A system keeps its place until its command is over.

use super::super::target_store::{self, TargetRow};
use super::{Acted, Deed, Verdict};
use crate::app::App;
use crate::commands::{self, NotRun, OfJob, RunOrder};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::commands::CommandState;
use scm_protocol::ids::SystemId;
use scm_protocol::jobs::{MAX_BATCH, RunOnMany};

/// What is said of systems that were not told.
const NOT_RUN: &str = "not run: too many systems of this job had failed before its turn";

/// One turn: what ended gets its outcome, and as many as may are told next.
pub(super) fn turn(conn: &mut Conn, deed: &Deed<'_>, run: &RunOnMany) -> Result<Acted, Error> {
    let last = commands::last_of(conn, deed.job())?.map_or(0, |system| system.0);
    let mut acted = Acted::default();
    let under_way = settle(conn, deed, last, &mut acted)?;
    let failed = deed.row.failed + acted.failed();
    if failed > i64::from(run.max_failures) {
        let rest = target_store::waiting_after(conn, deed.job(), last, deed.turn.most)?;
        for target in rest {
            acted.add(target, Verdict::Skipped(NOT_RUN.to_owned()));
        }
    } else {
        let room = i64::from(run.batch_size) - under_way;
        tell_next(conn, deed, run, (last, room), &mut acted)?;
    }
    Ok(acted)
}

/// Gives those their outcome whose commands are over; how many are still under way.
fn settle(conn: &mut Conn, deed: &Deed<'_>, last: i64, acted: &mut Acted) -> Result<i64, Error> {
    let told = target_store::waiting_until(conn, deed.job(), last, i64::from(MAX_BATCH))?;
    let ids: Vec<SystemId> = told.iter().map(|target| SystemId(target.system_id)).collect();
    let commands = commands::of_job(conn, deed.job(), &ids)?;
    let mut under_way = 0;
    for target in told {
        match verdict(commands.get(&SystemId(target.system_id))) {
            Some(verdict) => acted.add(target, verdict),
            None => under_way += 1,
        }
    }
    Ok(under_way)
}

/// What came of a system that was told; none while its command is under way.
fn verdict(command: Option<&OfJob>) -> Option<Verdict> {
    let Some(command) = command else {
        return Some(Verdict::Failed(
            "the system was deleted, and its command with it".to_owned(),
        ));
    };
    let reason = || {
        let state = command.state.as_str();
        let reason = command
            .reason
            .as_ref()
            .map_or(String::new(), |reason| format!(": {reason}"));
        Verdict::Failed(format!("{state}{reason}"))
    };
    match command.state {
        CommandState::Created | CommandState::Dispatched | CommandState::Running => None,
        CommandState::Completed => Some(Verdict::Done),
        CommandState::Failed | CommandState::Cancelled | CommandState::Expired | CommandState::Refused => {
            Some(reason())
        }
    }
}

/// Tells the next systems, until as many are under way as may. Those that do not offer it take no place.
fn tell_next(
    conn: &mut Conn,
    deed: &Deed<'_>,
    run: &RunOnMany,
    (last, mut room): (i64, i64),
    acted: &mut Acted,
) -> Result<(), Error> {
    let order = RunOrder {
        organization_id: deed.row.organization_id,
        job: deed.job(),
        actor: &deed.actor,
        run,
        now: deed.turn.now,
    };
    let (mut after, mut looked) = (last, 0);
    while room > 0 && looked < deed.turn.most {
        let next = target_store::waiting_after(conn, deed.job(), after, room.min(deed.turn.most - looked))?;
        let Some(end) = next.last() else {
            return Ok(());
        };
        after = end.system_id;
        looked += i64::try_from(next.len()).unwrap_or(i64::MAX);
        let ids: Vec<SystemId> = next.iter().map(|target| SystemId(target.system_id)).collect();
        for (target, begun) in next.into_iter().zip(commands::begin_all(conn, &order, &ids)?) {
            match begun {
                Ok(_) => {
                    room -= 1;
                    acted.told.push(SystemId(target.system_id));
                }
                Err(NotRun::Gone) => acted.add(target, Verdict::gone()),
                Err(NotRun::Refused(reason)) => {
                    acted.add(target, Verdict::Skipped(format!("refused: {reason}")));
                }
            }
        }
    }
    Ok(())
}

/// The next that a job would tell, or else the first that it told: what is given up when the server fails at it.
pub(super) fn first(conn: &mut Conn, deed: &Deed<'_>) -> Result<Vec<TargetRow>, Error> {
    let last = commands::last_of(conn, deed.job())?.map_or(0, |system| system.0);
    let next = target_store::waiting_after(conn, deed.job(), last, 1)?;
    if next.is_empty() {
        target_store::waiting_until(conn, deed.job(), last, 1)
    } else {
        Ok(next)
    }
}

/// After the commit: who was told may be waiting for it.
pub(super) fn tell(app: &App, organization_id: i64, told: &[SystemId]) {
    if !told.is_empty() {
        app.wake(told);
        app.events.commands(organization_id);
        app.events.audited(organization_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::ids::CommandId;

    #[test]
    fn a_system_has_its_outcome_when_its_command_is_over() {
        let of = |state, reason: Option<&str>| OfJob {
            id: CommandId(1),
            state,
            reason: reason.map(ToOwned::to_owned),
        };
        for state in CommandState::ALL {
            let verdict = verdict(Some(&of(state, Some("why"))));
            let expected = match state {
                _ if !state.is_over() => None,
                CommandState::Completed => Some(Verdict::Done),
                _ => Some(Verdict::Failed(format!("{}: why", state.as_str()))),
            };
            assert_eq!(verdict, expected, "{state:?}");
        }
        let bare = verdict(Some(&of(CommandState::Expired, None)));
        assert_eq!(bare, Some(Verdict::Failed("expired".to_owned())));
        assert!(matches!(verdict(None), Some(Verdict::Failed(_))));
    }
}
