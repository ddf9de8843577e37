//! How commands ended, in the words that are told.

use crate::actions::{Denied, bounded};
use crate::execute::process::Ending;
use scm_protocol::commands::report::{End, EndOutcome};

/// What is told of it. What of this machine is meant stays in its own log.
pub(super) fn denial(denied: Denied, action: &str) -> (EndOutcome, String) {
    if let Denied::Protected(refused) | Denied::Withdrawn(refused) = &denied {
        tracing::warn!(target: "security", event = "action_denied", action.name = %action, "not run: {refused}");
    }
    match denied {
        Denied::Unknown => (
            EndOutcome::UnknownAction,
            "no such action is offered here".to_owned(),
        ),
        Denied::BadValue(bad) => (
            EndOutcome::BadParameter,
            format!("`{}` {}", bad.parameter, bad.reason),
        ),
        Denied::Protected(refused) => (EndOutcome::Protected, refused.told.to_owned()),
        Denied::Withdrawn(refused) => (
            EndOutcome::UnknownAction,
            format!("not offered any more: {}", refused.told),
        ),
    }
}

/// What is told of a program's end.
pub(super) fn end(ending: Ending, written: i64) -> End {
    let (outcome, exit_code, reason) = match ending {
        Ending::Exited(0) => (EndOutcome::Completed, Some(0), None),
        Ending::Exited(code) => (
            EndOutcome::Failed,
            Some(code),
            Some(format!("it exited with {code}")),
        ),
        Ending::Signalled(signal) => (
            EndOutcome::Failed,
            None,
            Some(format!("signal {signal} ended it")),
        ),
        Ending::TimedOut => {
            let reason = "it ran longer than its time limit and was killed with all that it started";
            (EndOutcome::Failed, None, Some(reason.to_owned()))
        }
        Ending::Stopped => {
            let reason = "it was stopped while it ran, with all that it started";
            (EndOutcome::Cancelled, None, Some(reason.to_owned()))
        }
        Ending::NotStarted(reason) => (
            EndOutcome::Failed,
            None,
            Some(format!("it could not be started: {reason}")),
        ),
    };
    End {
        outcome,
        reason: reason.as_deref().map(bounded),
        exit_code,
        output_bytes: written,
    }
}
