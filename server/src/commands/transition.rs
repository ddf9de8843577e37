//! What a report means for a command: a pure function from its row and the report to the change, if there is one.
//!
//! What was taken before changes nothing, so that reports may be sent again; what is over stays so, but for a command that
//! was given up without a word of its system ([`is_given_up`]): then nothing was known, and its word is news.

use super::store::{Change, CommandRow};
use super::upgrade::BY_VERSION;
use super::view;
use crate::error::Error;
use scm_protocol::commands::CommandState;
use scm_protocol::commands::report::{End, EndOutcome};
use scm_protocol::ids::UnixMillis;

/// A change of a command's state.
#[derive(Clone, Debug)]
pub(super) struct Transition {
    pub change: Change,
    pub state: CommandState,
    /// As the audit names it.
    pub action: &'static str,
}

/// The audit's name for a command that came to this state.
pub(super) fn audit_action(state: CommandState) -> &'static str {
    match state {
        CommandState::Created => "commands.create",
        CommandState::Dispatched => "commands.dispatch",
        CommandState::Running => "commands.start",
        CommandState::Completed => "commands.complete",
        CommandState::Failed => "commands.fail",
        CommandState::Cancelled => "commands.cancelled",
        CommandState::Expired => "commands.expire",
        CommandState::Refused => "commands.refuse",
    }
}

impl Transition {
    pub(super) fn of(change: Change, state: CommandState) -> Self {
        Transition {
            change,
            state,
            action: audit_action(state),
        }
    }
}

/// Whether the server gave a command up without knowing what became of it.
fn is_given_up(row: &CommandRow, state: CommandState) -> bool {
    state.is_over()
        && row.dispatched_ms.is_some()
        && row.exit_code.is_none()
        && row.reason.as_deref() == Some(GIVEN_UP)
}

/// Why a command ended that its system said nothing more about.
pub(super) const GIVEN_UP: &str = "its system was not heard of it again: whether and how far it ran is not known, it is not handed out any more";

/// Whether it ended so by the server's own guess: the word of its system counts.
fn is_presumed(row: &CommandRow, state: CommandState) -> bool {
    is_given_up(row, state) || row.reason.as_deref() == Some(BY_VERSION)
}

/// Its system began.
pub(super) fn started(row: &CommandRow, now: UnixMillis) -> Result<Option<Transition>, Error> {
    let state = view::state(row)?;
    let news = state == CommandState::Dispatched || (is_given_up(row, state) && row.started_ms.is_none());
    Ok(news.then(|| {
        let change = Change {
            started_ms: Some(now.0),
            reason: None,
            ended_ms: None,
            ..Change::to(row, CommandState::Running)
        };
        Transition::of(change, CommandState::Running)
    }))
}

/// Its system says how it ended.
pub(super) fn ended(row: &CommandRow, end: &End, now: UnixMillis) -> Result<Option<Transition>, Error> {
    let state = view::state(row)?;
    let open = matches!(state, CommandState::Dispatched | CommandState::Running);
    if !open && !is_presumed(row, state) {
        return Ok(None);
    }
    let after = end.outcome.state();
    let lost = row.redacted == 0 && end.output_bytes > row.output_bytes;
    let change = Change {
        reason: reason(end),
        exit_code: end.exit_code.map(i64::from),
        ended_ms: Some(now.0),
        output_incomplete: i64::from(lost || row.output_incomplete != 0),
        ..Change::to(row, after)
    };
    Ok(Some(Transition::of(change, after)))
}

fn reason(end: &End) -> Option<String> {
    let words = end.reason.clone();
    match end.outcome {
        EndOutcome::Completed => words,
        _ => words.or_else(|| Some(end.outcome.as_str().replace('_', " "))),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A command in that state, handed out.
    pub(in super::super) fn row(state: CommandState) -> CommandRow {
        CommandRow {
            id: 3,
            organization_id: 1,
            system_id: 7,
            action: "restart".to_owned(),
            parameters: "{}".to_owned(),
            redacted: 0,
            timeout_secs: 60,
            state: state.as_str().to_owned(),
            reason: None,
            exit_code: None,
            created_ms: 1,
            created_by: "user:jdoe".to_owned(),
            wait_until_ms: 600_000,
            nonce: "0".repeat(32),
            dispatched_ms: Some(2),
            expires_ms: Some(60_002),
            started_ms: None,
            ended_ms: None,
            cancel_ms: None,
            cancel_by: None,
            output_bytes: 0,
            output_incomplete: 0,
            kind: "run_action".to_owned(),
        }
    }

    fn end(outcome: EndOutcome) -> End {
        End {
            outcome,
            reason: None,
            exit_code: None,
            output_bytes: 0,
        }
    }

    const NOW: UnixMillis = UnixMillis(9);

    #[test]
    fn a_command_begins_once() {
        for state in CommandState::ALL {
            let begun = started(&row(state), NOW).unwrap();
            assert_eq!(begun.is_some(), state == CommandState::Dispatched, "{state:?}");
        }
    }

    #[test]
    fn a_command_ends_once_and_only_after_it_was_handed_out() {
        for state in CommandState::ALL {
            for outcome in EndOutcome::ALL {
                let change = ended(&row(state), &end(outcome), NOW).unwrap();
                let open = matches!(state, CommandState::Dispatched | CommandState::Running);
                assert_eq!(change.is_some(), open, "{state:?} {outcome:?}");
                if let Some(change) = change {
                    assert_eq!(change.state, outcome.state());
                    assert_eq!(change.change.ended_ms, Some(9));
                }
            }
        }
    }

    #[test]
    fn the_late_word_of_a_system_counts_where_nothing_was_known() {
        let given_up = CommandRow {
            reason: Some(GIVEN_UP.to_owned()),
            ended_ms: Some(5),
            ..row(CommandState::Failed)
        };
        let change = ended(&given_up, &end(EndOutcome::Completed), NOW)
            .unwrap()
            .unwrap();
        assert_eq!(
            (change.state, change.change.reason),
            (CommandState::Completed, None)
        );
        let begun = started(&given_up, NOW).unwrap().unwrap();
        assert_eq!(
            (begun.state, begun.change.ended_ms),
            (CommandState::Running, None)
        );
    }

    #[test]
    fn the_word_of_a_system_counts_more_than_its_version() {
        let presumed = CommandRow {
            kind: "upgrade".to_owned(),
            reason: Some(BY_VERSION.to_owned()),
            ended_ms: Some(5),
            ..row(CommandState::Completed)
        };
        let change = ended(&presumed, &end(EndOutcome::RolledBack), NOW)
            .unwrap()
            .unwrap();
        assert_eq!(change.state, CommandState::Failed);
        assert!(started(&presumed, NOW).unwrap().is_none());
    }

    #[test]
    fn output_that_never_came_is_noticed() {
        let some = CommandRow {
            output_bytes: 10,
            ..row(CommandState::Running)
        };
        let of = |bytes| End {
            output_bytes: bytes,
            ..end(EndOutcome::Completed)
        };
        let incomplete = |row: &CommandRow, bytes| {
            ended(row, &of(bytes), NOW)
                .unwrap()
                .unwrap()
                .change
                .output_incomplete
        };
        assert_eq!((incomplete(&some, 10), incomplete(&some, 11)), (0, 1));
        let redacted = CommandRow {
            redacted: 1,
            ..row(CommandState::Running)
        };
        assert_eq!(incomplete(&redacted, 11), 0);
    }
}
