//! What the running agent leaves for `scmclient status`: one small file per server, replaced whole.

use crate::decide::Standing;
use crate::identity::{Error, ServerTag, StateFolder};
use scm_protocol::ids::{SystemId, UnixMillis};
use serde::{Deserialize, Serialize};

/// How it stands with one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The server.
    pub url: String,
    /// The organization.
    pub organization: String,
    /// The id that the server gave.
    pub system_id: Option<SystemId>,
    /// Where the agent stands by the server's last trusted word.
    pub standing: Standing,
    /// Version of the agent that wrote this.
    pub agent_version: String,
    /// When the server was last heard, by the host's clock.
    pub last_contact_ms: Option<UnixMillis>,
    /// What went wrong last; none when the last attempt went well.
    pub last_error: Option<String>,
    /// When it went wrong.
    pub last_error_ms: Option<UnixMillis>,
    /// When the next attempt is made.
    pub next_attempt_ms: Option<UnixMillis>,
    /// Server's clock minus the host's, as far as it was corrected.
    pub clock_offset_ms: i64,
}

impl Report {
    /// The last one; an empty one where there is none that can be read.
    pub fn read(folder: &StateFolder, tag: &ServerTag) -> Self {
        let bytes = folder.read(&name(tag)).ok().flatten();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Leaves it in the folder.
    ///
    /// # Errors
    /// [`Error`] when it cannot be written; the former one stays.
    pub fn write(&self, folder: &StateFolder, tag: &ServerTag) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        folder.replace(&name(tag), &bytes)
    }
}

fn name(tag: &ServerTag) -> String {
    tag.file("client", "state")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written_and_garbage_as_none() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("client");
        let folder = StateFolder::open(&path).unwrap();
        let tag = ServerTag::of("https://scm.example.com");
        let report = Report {
            standing: Standing::Active,
            system_id: Some(SystemId(7)),
            last_error: Some("x".to_owned()),
            ..Report::default()
        };
        report.write(&folder, &tag).unwrap();
        assert_eq!(Report::read(&StateFolder::peek(&path), &tag), report);
        std::fs::write(path.join(name(&tag)), "{").unwrap();
        assert_eq!(Report::read(&folder, &tag), Report::default());
    }
}
