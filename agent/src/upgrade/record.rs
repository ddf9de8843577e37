//! What is known of upgrades across restarts and kills: `upgrade.record` in the state folder.
//!
//! Invariants: only who holds the state folder's lock changes it; memory follows the disk; a trial is written down before the
//! program on trial is started, and the program's own word that it proved itself is another file, `upgrade.confirmed`, which
//! names that very trial: so a kill at any moment leaves either a trial that was confirmed, or one that failed.

use crate::identity::{Error, StateFolder};
use scm_protocol::commands::report::{CommandName, End, EndOutcome};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::order::UpgradeOrder;
use serde::{Deserialize, Serialize};

const NAME: &str = "upgrade.record";
const CONFIRMED: &str = "upgrade.confirmed";

/// All that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The verified program that is run in place of the installed one; none: the installed one runs itself.
    pub current: Option<Stored>,
    /// The order that is under way, or whose end the journal does not have yet.
    pub job: Option<Job>,
    /// How the last one ended, for `scmclient status`.
    pub last: Option<Outcome>,
}

/// A program that was confirmed. The order is kept because it holds the signature, which is verified at each start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The order that it came by.
    pub order: UpgradeOrder,
}

/// An order that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The tag of the server that ordered it.
    pub server: String,
    /// The order's name.
    pub command: CommandName,
    /// What was ordered.
    pub order: UpgradeOrder,
    /// How far it is.
    pub step: Step,
}

/// How far an upgrade is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The package is fetched, verified and installed, or is about to be: nothing was changed yet.
    Fetching,
    /// The new program was started, or is about to be, and has not proven itself.
    Trial {
        /// Random, names this trial.
        mark: String,
    },
    /// It is over, and the journal is to know how.
    Ended(End),
}

/// How an upgrade ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The version that was ordered.
    pub version: String,
    /// What became of it.
    pub outcome: EndOutcome,
    /// Why, for a person.
    pub reason: Option<String>,
    /// When, by the host's clock.
    pub at_ms: UnixMillis,
}

/// The end of an upgrade.
pub(super) fn end(outcome: EndOutcome, reason: Option<&str>) -> End {
    End {
        outcome,
        reason: reason.map(crate::actions::bounded),
        exit_code: None,
        output_bytes: 0,
    }
}

impl Record {
    /// Reads it. What is corrupt is set aside where the folder may be written, and is as none: the installed program runs.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read or set aside.
    pub fn open(folder: &StateFolder, now: UnixMillis) -> Result<Self, Error> {
        match folder.read(NAME)?.map(|bytes| serde_json::from_slice(&bytes)) {
            None => Ok(Record::default()),
            Some(Ok(record)) => Ok(record),
            Some(Err(error)) => {
                tracing::error!(
                    target: "security", event = "upgrade_record_corrupt", %error,
                    "the record of upgrades is corrupt, it is set aside: the installed program runs"
                );
                folder.set_aside(NAME, "corrupt", now)?;
                Ok(Record::default())
            }
        }
    }

    /// Reads it to show it; as none where it cannot be read.
    pub fn peek(folder: &StateFolder) -> Self {
        let bytes = folder.read(NAME).ok().flatten();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Writes it durably.
    ///
    /// # Errors
    /// [`Error`]; the former one stays.
    pub fn write(&self, folder: &StateFolder) -> Result<(), Error> {
        folder.write(NAME, &serde_json::to_vec(self).unwrap_or_default())
    }

    /// Decides a trial that is not going on any more: what it has become. None where there was none.
    #[must_use]
    pub fn settled(&self, confirmed: Option<&str>, reason: &str, now: UnixMillis) -> Option<Record> {
        let job = self.job.as_ref()?;
        let Step::Trial { mark } = &job.step else {
            return None;
        };
        let won = confirmed == Some(mark.as_str());
        let end = if won {
            end(EndOutcome::Completed, None)
        } else {
            let reason = format!("{reason}; the program before it runs again");
            end(EndOutcome::RolledBack, Some(&reason))
        };
        let current = if won {
            Some(Stored {
                order: job.order.clone(),
            })
        } else {
            self.current.clone()
        };
        Some(
            Record {
                current,
                ..self.clone()
            }
            .ended(end, now),
        )
    }

    /// The same with the job's end. Nothing happens where there is no job.
    #[must_use]
    pub fn ended(mut self, end: End, now: UnixMillis) -> Record {
        if let Some(job) = &mut self.job {
            self.last = Some(Outcome {
                version: job.order.version.clone(),
                outcome: end.outcome,
                reason: end.reason.clone(),
                at_ms: now,
            });
            job.step = Step::Ended(end);
        }
        self
    }
}

/// The trial that a program on trial says it passed.
///
/// # Errors
/// [`Error`] when it cannot be read.
pub fn confirmed(folder: &StateFolder) -> Result<Option<String>, Error> {
    let bytes = folder.read(CONFIRMED)?;
    Ok(bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(|text| text.trim().to_owned()))
}

/// Says durably that this trial is passed.
///
/// # Errors
/// [`Error`]; it is not passed then.
pub fn confirm(folder: &StateFolder, mark: &str) -> Result<(), Error> {
    folder.write(CONFIRMED, format!("{mark}\n").as_bytes())
}

/// Forgets that word: it was heard.
///
/// # Errors
/// [`Error`].
pub(super) fn forget_confirmation(folder: &StateFolder) -> Result<(), Error> {
    folder.remove(CONFIRMED)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use scm_protocol::ids::CommandId;

    pub(in crate::upgrade) const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    pub(in crate::upgrade) fn order(version: &str) -> UpgradeOrder {
        UpgradeOrder {
            platform: "x86_64-linux".parse().unwrap(),
            version: version.to_owned(),
            size: 9,
            sha256: "0a".repeat(32),
            signature: "x".to_owned(),
            deadline_secs: 180,
        }
    }

    pub(in crate::upgrade) fn record(step: Step) -> Record {
        Record {
            current: Some(Stored {
                order: order("1.4.0"),
            }),
            job: Some(Job {
                server: "d1dc93bf".to_owned(),
                command: CommandName {
                    id: CommandId(5),
                    nonce: "0".repeat(32),
                },
                order: order("1.5.0"),
                step,
            }),
            last: None,
        }
    }

    fn trial() -> Record {
        record(Step::Trial { mark: "m".to_owned() })
    }

    #[test]
    fn only_the_mark_of_this_very_trial_confirms_it() {
        let won = trial().settled(Some("m"), "x", NOW).unwrap();
        assert_eq!(won.current.unwrap().order.version, "1.5.0");
        assert_eq!(won.last.unwrap().outcome, EndOutcome::Completed);
        for other in [None, Some(""), Some("n"), Some("mm")] {
            let lost = trial().settled(other, "it exited with 3", NOW).unwrap();
            assert_eq!(lost.current.unwrap().order.version, "1.4.0");
            let last = lost.last.unwrap();
            assert_eq!(
                (last.outcome, last.version.as_str()),
                (EndOutcome::RolledBack, "1.5.0")
            );
            assert!(
                last.reason
                    .unwrap()
                    .starts_with("it exited with 3; the program before")
            );
            assert!(matches!(lost.job.unwrap().step, Step::Ended(_)));
        }
    }

    #[test]
    fn what_is_no_trial_is_not_settled() {
        for step in [Step::Fetching, Step::Ended(end(EndOutcome::Completed, None))] {
            assert_eq!(record(step).settled(Some("m"), "x", NOW), None);
        }
        assert_eq!(Record::default().settled(Some("m"), "x", NOW), None);
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_a_corrupt_one_is_none() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("client");
        let folder = StateFolder::open(&path).unwrap();
        assert_eq!(Record::open(&folder, NOW).unwrap(), Record::default());
        trial().write(&folder).unwrap();
        assert_eq!(Record::open(&folder, NOW).unwrap(), trial());
        assert_eq!(Record::peek(&folder), trial());
        assert_eq!(confirmed(&folder).unwrap(), None);
        confirm(&folder, "m").unwrap();
        assert_eq!(confirmed(&folder).unwrap().as_deref(), Some("m"));
        std::fs::write(path.join(NAME), "{").unwrap();
        assert_eq!(Record::open(&folder, NOW).unwrap(), Record::default());
        assert!(!path.join(NAME).exists());
    }
}
