//! What a job of the kind `run_action` has its systems run, and how carefully.

use crate::commands::{MAX_WAIT_SECS, catalogue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most commands of one job that may be under way at once.
pub const MAX_BATCH: u32 = 1000;
/// Largest parameters of a job, as JSON, in bytes.
const MAX_PARAMETERS_BYTES: usize = 16 * 1024;

/// What each system runs, and how many at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunOnMany {
    /// The action's name. Systems that do not offer it are left out.
    pub action: String,
    /// A value for each parameter that the action takes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Whoever asks means it: needed where the action of one of the systems asks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confirmed: bool,
    /// So many commands are under way at once, at most; 1 to 1,000.
    pub batch_size: u32,
    /// When more than so many systems failed, no further one is told; what is under way goes on.
    pub max_failures: u32,
    /// How long each command waits for its system, in seconds; 600 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_secs: Option<u32>,
}

impl RunOnMany {
    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if !catalogue::is_name(&self.action) {
            return Some(("run.action", "must be the name of an action".to_owned()));
        }
        if serde_json::to_vec(&self.parameters).map_or(0, |json| json.len()) > MAX_PARAMETERS_BYTES {
            let reason = format!("must take at most {MAX_PARAMETERS_BYTES} bytes together");
            return Some(("run.parameters", reason));
        }
        if !(1..=MAX_BATCH).contains(&self.batch_size) {
            return Some(("run.batch_size", format!("must be between 1 and {MAX_BATCH}")));
        }
        let wait = self.wait_secs.filter(|secs| !(1..=MAX_WAIT_SECS).contains(secs));
        wait.map(|_| ("run.wait_secs", format!("must be between 1 and {MAX_WAIT_SECS}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunOnMany {
        RunOnMany {
            action: "restart-web".to_owned(),
            parameters: BTreeMap::new(),
            confirmed: false,
            batch_size: 10,
            max_failures: 0,
            wait_secs: None,
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        let field = |run: RunOnMany| run.problem().map(|(field, _)| field);
        assert_eq!(field(run()), None);
        for action in ["", "-x", "a b", "a/b"] {
            let action = action.to_owned();
            assert_eq!(field(RunOnMany { action, ..run() }), Some("run.action"));
        }
        for batch_size in [0, MAX_BATCH + 1] {
            assert_eq!(field(RunOnMany { batch_size, ..run() }), Some("run.batch_size"));
        }
        for secs in [0, MAX_WAIT_SECS + 1] {
            let wait_secs = Some(secs);
            assert_eq!(field(RunOnMany { wait_secs, ..run() }), Some("run.wait_secs"));
        }
        let parameters = BTreeMap::from([("a".to_owned(), "x".repeat(20_000))]);
        assert_eq!(field(RunOnMany { parameters, ..run() }), Some("run.parameters"));
    }
}
