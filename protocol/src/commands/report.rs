//! What an agent says of its commands: `POST /agent/v1/results`, signed as a check-in is.
//!
//! Reports may be sent again after a lost reply, and are taken once: a beginning or an end that is known changes nothing,
//! and output carries the place where it begins. The reply brings what there is to do, as that of a check-in does.

use super::catalogue::Catalogue;
use super::order::SignedOrder;
use crate::ids::{CommandId, UnixMillis};
use crate::upgrades::progress::UpgradeProgress;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Path of the results.
pub const RESULTS_PATH: &str = "/agent/v1/results";
/// Most reports of one message.
pub const MAX_REPORTS: usize = 64;
/// Most output of one report, in bytes.
pub const MAX_CHUNK_BYTES: usize = 24 * 1024;
/// Longest reason, in bytes.
pub const MAX_REASON_BYTES: usize = 300;

/// The message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultsRequest {
    /// As in a check-in: only the run that checked in last is heard.
    pub boot_id: String,
    /// What the system offers, when the server asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<Catalogue>,
    /// What came of commands, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<CommandReport>,
}

/// The reply: all reports were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResultsReply {
    /// The server's clock.
    pub server_time_ms: UnixMillis,
    /// What there is to do.
    #[serde(default, flatten)]
    pub tasks: Tasks,
}

/// What there is to do for an agent; part of every reply to one that is Active.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tasks {
    /// Commands to carry out. One that was handed out already and not heard of is among them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<SignedOrder>,
    /// Commands to stop, or not to begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancel: Vec<CommandName>,
}

impl Tasks {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.cancel.is_empty()
    }
}

/// Which command is meant. An id alone would name another one after the server's database was put back to an older state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct CommandName {
    /// Its id.
    pub id: CommandId,
    /// The nonce that it was handed out with.
    pub nonce: String,
}

/// What came of one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandReport {
    /// The command.
    pub command: CommandName,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The program was started, or is about to be: the id is used up.
    Started,
    /// The program wrote something.
    Output {
        /// Bytes that it had written before.
        start: i64,
        /// What it wrote, in base64.
        data: String,
    },
    /// How far an upgrade is.
    Progress(UpgradeProgress),
    /// It is over.
    Ended(End),
}

impl Event {
    /// Output from `start` on.
    pub fn output(start: i64, bytes: &[u8]) -> Self {
        Event::Output {
            start,
            data: STANDARD.encode(bytes),
        }
    }
}

/// The bytes of a report's output.
///
/// # Errors
/// Why they are none.
pub fn output_bytes(data: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = STANDARD.decode(data).map_err(|_| "must be base64")?;
    if bytes.is_empty() || bytes.len() > MAX_CHUNK_BYTES {
        return Err("must be 1 to 24,576 bytes");
    }
    Ok(bytes)
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct End {
    /// What became of it.
    pub outcome: EndOutcome,
    /// Why, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The program's exit status, where it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// All that the program wrote, in bytes, whether it was sent or not.
    #[serde(default)]
    pub output_bytes: i64,
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndOutcome {
    /// The program exited with 0.
    Completed,
    /// The program exited otherwise, ran too long, or could not be started.
    Failed,
    /// The agent ended between beginning and end: whether and how far the program ran is not known. It is not run again.
    Interrupted,
    /// Stopped, or never begun, because an administrator said so.
    Cancelled,
    /// It was too late to begin.
    Expired,
    /// No such kind of command.
    UnknownKind,
    /// No such action is offered.
    UnknownAction,
    /// A parameter's value will not do.
    BadParameter,
    /// It would touch what the agent protects: its own files, keys or unit.
    Protected,
    /// As many commands as may are under way.
    Busy,
    /// Whether the id was used before cannot be told any more.
    Unprovable,
    /// An upgrade that the agent does not do; nothing was changed, and `reason` says why.
    Refused,
    /// The new program was tried and did not prove itself: the one before runs again, and `reason` says why.
    RolledBack,
}

impl EndOutcome {
    /// All of them.
    pub const ALL: [EndOutcome; 13] = [
        EndOutcome::Completed,
        EndOutcome::Failed,
        EndOutcome::Interrupted,
        EndOutcome::Cancelled,
        EndOutcome::Expired,
        EndOutcome::UnknownKind,
        EndOutcome::UnknownAction,
        EndOutcome::BadParameter,
        EndOutcome::Protected,
        EndOutcome::Busy,
        EndOutcome::Unprovable,
        EndOutcome::Refused,
        EndOutcome::RolledBack,
    ];

    /// The stable name on the wire, in the log and in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            EndOutcome::Completed => "completed",
            EndOutcome::Failed => "failed",
            EndOutcome::Interrupted => "interrupted",
            EndOutcome::Cancelled => "cancelled",
            EndOutcome::Expired => "expired",
            EndOutcome::UnknownKind => "unknown_kind",
            EndOutcome::UnknownAction => "unknown_action",
            EndOutcome::BadParameter => "bad_parameter",
            EndOutcome::Protected => "protected",
            EndOutcome::Busy => "busy",
            EndOutcome::Unprovable => "unprovable",
            EndOutcome::Refused => "refused",
            EndOutcome::RolledBack => "rolled_back",
        }
    }

    /// The state that it leaves a command in.
    pub fn state(self) -> super::CommandState {
        use super::CommandState;
        match self {
            EndOutcome::Completed => CommandState::Completed,
            EndOutcome::Failed | EndOutcome::Interrupted | EndOutcome::RolledBack => CommandState::Failed,
            EndOutcome::Cancelled => CommandState::Cancelled,
            EndOutcome::Expired => CommandState::Expired,
            EndOutcome::UnknownKind
            | EndOutcome::UnknownAction
            | EndOutcome::BadParameter
            | EndOutcome::Protected
            | EndOutcome::Busy
            | EndOutcome::Unprovable
            | EndOutcome::Refused => CommandState::Refused,
        }
    }
}

impl ResultsRequest {
    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(String, String)> {
        if self.reports.len() > MAX_REPORTS {
            let reason = format!(
                "has {} entries, at most {MAX_REPORTS} are allowed",
                self.reports.len()
            );
            return Some(("reports".to_owned(), reason));
        }
        let catalogue = self.catalogue.as_ref().and_then(Catalogue::problem);
        if let Some((field, reason)) = catalogue {
            return Some((format!("catalogue.{field}"), reason));
        }
        self.reports.iter().enumerate().find_map(|(index, report)| {
            let (field, reason) = event_problem(&report.event)?;
            Some((format!("reports[{index}].event.{field}"), reason.to_owned()))
        })
    }
}

fn event_problem(event: &Event) -> Option<(&'static str, &'static str)> {
    match event {
        Event::Started => None,
        Event::Output { start, .. } if *start < 0 => Some(("start", "must not be negative")),
        Event::Output { data, .. } => output_bytes(data).err().map(|reason| ("data", reason)),
        Event::Progress(progress) => progress.problem(),
        Event::Ended(end) if end.output_bytes < 0 => Some(("output_bytes", "must not be negative")),
        Event::Ended(end) => {
            let reason = end.reason.as_deref().unwrap_or_default();
            let long = reason.len() > MAX_REASON_BYTES || reason.chars().any(char::is_control);
            long.then_some(("reason", "must be at most 300 bytes without control characters"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upgrades::progress::UpgradeStage;

    fn report(event: Event) -> ResultsRequest {
        ResultsRequest {
            boot_id: "0".repeat(32),
            catalogue: None,
            reports: vec![CommandReport {
                command: CommandName {
                    id: CommandId(3),
                    nonce: "n".to_owned(),
                },
                event,
            }],
        }
    }

    fn progress(done_bytes: i64) -> UpgradeProgress {
        UpgradeProgress {
            stage: UpgradeStage::Downloading,
            done_bytes,
            total_bytes: 5,
        }
    }

    fn end(reason: &str) -> End {
        End {
            outcome: EndOutcome::Failed,
            reason: Some(reason.to_owned()),
            exit_code: Some(1),
            output_bytes: 5,
        }
    }

    #[test]
    fn reports_survive_the_wire() {
        for event in [
            Event::Started,
            Event::output(4, &[0, 255, 10]),
            Event::Progress(progress(3)),
            Event::Ended(end("x")),
        ] {
            let sent = report(event);
            let json = serde_json::to_vec(&sent).unwrap();
            assert_eq!(serde_json::from_slice::<ResultsRequest>(&json).unwrap(), sent);
            assert_eq!(sent.problem(), None);
        }
        let reply = ResultsReply {
            server_time_ms: UnixMillis(5),
            tasks: Tasks::default(),
        };
        let json = serde_json::to_string(&reply).unwrap();
        assert_eq!(json, r#"{"server_time_ms":5}"#);
        assert_eq!(serde_json::from_str::<ResultsReply>(&json).unwrap(), reply);
    }

    #[test]
    fn reports_are_bounded() {
        let field = |event| report(event).problem().map(|(field, _)| field);
        let output = |data: &str| Event::Output {
            start: 0,
            data: data.to_owned(),
        };
        assert_eq!(field(output("%")).as_deref(), Some("reports[0].event.data"));
        assert_eq!(field(output("")).as_deref(), Some("reports[0].event.data"));
        assert_eq!(
            field(Event::output(0, &[0; MAX_CHUNK_BYTES + 1])).as_deref(),
            Some("reports[0].event.data")
        );
        assert_eq!(
            field(Event::output(-1, &[0])).as_deref(),
            Some("reports[0].event.start")
        );
        for done in [-1, 6] {
            assert_eq!(
                field(Event::Progress(progress(done))).as_deref(),
                Some("reports[0].event.done_bytes")
            );
        }
        assert_eq!(
            field(Event::Ended(end(&"x".repeat(301)))).as_deref(),
            Some("reports[0].event.reason")
        );
        assert_eq!(
            field(Event::Ended(end("a\u{7}"))).as_deref(),
            Some("reports[0].event.reason")
        );
        let many = ResultsRequest {
            reports: vec![report(Event::Started).reports[0].clone(); 65],
            ..ResultsRequest::default()
        };
        assert_eq!(many.problem().map(|(field, _)| field).as_deref(), Some("reports"));
    }

    #[test]
    fn every_outcome_is_the_one_on_the_wire_and_ends_a_command() {
        for outcome in EndOutcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
            assert!(outcome.state().is_over());
        }
    }
}
