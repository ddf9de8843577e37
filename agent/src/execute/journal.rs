//! Which commands were begun, and what came of them: `client_<8>.commands`, across restarts.
//!
//! Invariants: every change is durable before it is acted on; an entry is dropped only after the server took its end, and
//! then nothing that was issued before it is accepted any more (`floor`), so that forgetting never means running twice,
//! whatever the clocks do; a file that cannot be read makes everything issued until now unprovable, never new.

use crate::identity::{Error, StateFolder};
use crate::upgrade::Held;
use scm_protocol::commands::order::Order;
use scm_protocol::commands::report::{CommandName, End, EndOutcome};
use scm_protocol::ids::UnixMillis;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Entries that are kept, beside those whose end the server has not taken.
const KEPT: usize = 128;
/// Ends that the server has not taken: with as many, no further command is begun.
const MOST_UNTOLD: usize = 64;

/// What is known of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It was never heard of.
    New,
    /// Its id is used up; it has not ended.
    Begun,
    /// It ended so.
    Ended(End),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Content {
    /// Nothing that was issued at or before this is accepted, unless it is an entry below.
    #[serde(default)]
    floor_ms: UnixMillis,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    name: CommandName,
    issued_ms: UnixMillis,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<End>,
    /// The server has taken the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    told: bool,
}

/// The journal of one server's commands.
#[derive(Debug)]
pub struct Journal {
    folder: Arc<StateFolder>,
    file: String,
    content: Content,
    /// What was there could not be read: everything until the server's present time is unprovable.
    lost: bool,
}

impl Journal {
    /// Reads the file. What was begun by a former run and has no end was interrupted, which is its end; but for an upgrade,
    /// which outlives the run that began it: `held` says what became of it.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read or written.
    pub fn open(
        folder: Arc<StateFolder>,
        file: String,
        now: UnixMillis,
        held: impl Fn(&CommandName) -> Held,
    ) -> Result<Self, Error> {
        let bytes = folder.read(&file)?;
        let read = bytes.as_deref().map(serde_json::from_slice::<Content>);
        let lost = matches!(read, Some(Err(_)));
        if lost {
            tracing::error!(
                target: "security", event = "journal_corrupt", file.name = %file,
                "the journal of commands is corrupt, it is set aside; what was issued until now is not run"
            );
            folder.set_aside(&file, "corrupt", now)?;
        }
        let mut journal = Journal {
            folder,
            file,
            content: read.and_then(Result::ok).unwrap_or_default(),
            lost,
        };
        journal.interrupt(held)?;
        Ok(journal)
    }

    /// What is known of a command. `now` is the server's time.
    pub fn known(&self, name: &CommandName) -> Known {
        match self.find(name) {
            None => Known::New,
            Some(Entry { end: Some(end), .. }) => Known::Ended(end.clone()),
            Some(_) => Known::Begun,
        }
    }

    /// Whether a command that is not known may have been one that was forgotten. `now` is the server's time.
    pub fn is_unprovable(&self, issued: UnixMillis, now: UnixMillis) -> bool {
        let floor = self.content.floor_ms;
        issued <= if self.lost { floor.max(now) } else { floor }
    }

    /// Whether there is room for another command.
    pub fn is_full(&self) -> bool {
        self.content.entries.iter().filter(|entry| !entry.told).count() >= MOST_UNTOLD
    }

    /// Uses up a command's id. Only then may its program be started.
    ///
    /// # Errors
    /// [`Error`] when that cannot be made durable; the command is as unknown as before.
    pub fn begin(&mut self, order: &Order, now: UnixMillis) -> Result<(), Error> {
        self.add(order.name(), order.issued_ms, None, now)
    }

    /// Uses up the id of a command that is not run, with the reason.
    ///
    /// # Errors
    /// As [`Journal::begin`].
    pub fn refuse(
        &mut self,
        name: CommandName,
        issued: UnixMillis,
        end: End,
        now: UnixMillis,
    ) -> Result<(), Error> {
        self.add(name, issued, Some(end), now)
    }

    /// Notes how a command ended.
    ///
    /// # Errors
    /// [`Error`] when that cannot be made durable: after a restart it would count as interrupted.
    pub fn end(&mut self, name: &CommandName, end: End) -> Result<(), Error> {
        self.change(|content| {
            if let Some(entry) = content.entries.iter_mut().find(|entry| entry.name == *name) {
                entry.end = Some(end);
            }
        })
    }

    /// Notes that the server took the end of a command. Its words are forgotten, the fact stays.
    ///
    /// # Errors
    /// [`Error`] when that cannot be made durable: after a restart it would be told again.
    pub fn told(&mut self, name: &CommandName) -> Result<(), Error> {
        self.change(|content| {
            if let Some(entry) = content.entries.iter_mut().find(|entry| entry.name == *name) {
                entry.told = true;
                entry.end = entry.end.take().map(|end| End { reason: None, ..end });
            }
        })
    }

    /// Ends that the server has not taken, oldest first.
    pub fn untold(&self) -> Vec<(CommandName, End)> {
        let untold = self.content.entries.iter().filter(|entry| !entry.told);
        untold
            .filter_map(|entry| Some((entry.name.clone(), entry.end.clone()?)))
            .collect()
    }

    fn find(&self, name: &CommandName) -> Option<&Entry> {
        self.content.entries.iter().find(|entry| entry.name == *name)
    }

    fn add(
        &mut self,
        name: CommandName,
        issued: UnixMillis,
        end: Option<End>,
        now: UnixMillis,
    ) -> Result<(), Error> {
        let lost = self.lost;
        self.change(|content| {
            if lost {
                content.floor_ms = content.floor_ms.max(now);
            }
            content.entries.push(Entry {
                name,
                issued_ms: issued,
                end,
                told: false,
            });
            forget(content);
        })?;
        self.lost = false;
        Ok(())
    }

    fn interrupt(&mut self, held: impl Fn(&CommandName) -> Held) -> Result<(), Error> {
        if self.content.entries.iter().all(|entry| entry.end.is_some()) {
            return Ok(());
        }
        self.change(|content| {
            for entry in content.entries.iter_mut().filter(|entry| entry.end.is_none()) {
                entry.end = match held(&entry.name) {
                    Held::Open => None,
                    Held::Ended(end) => Some(end),
                    Held::Nothing => Some(interrupted(&entry.name)),
                };
            }
        })
    }

    /// Memory follows the disk.
    fn change(&mut self, change: impl FnOnce(&mut Content)) -> Result<(), Error> {
        let mut content = self.content.clone();
        change(&mut content);
        self.folder
            .write(&self.file, &serde_json::to_vec(&content).unwrap_or_default())?;
        self.content = content;
        Ok(())
    }
}

/// The end of a command that a former run of the agent began.
fn interrupted(name: &CommandName) -> End {
    tracing::error!(
        command.id = %name.id,
        "the agent ended while this command ran: whether and how far it ran is not known, it is not run again"
    );
    End {
        outcome: EndOutcome::Interrupted,
        reason: Some("the agent ended while it ran: whether and how far it ran is not known".to_owned()),
        exit_code: None,
        output_bytes: 0,
    }
}

/// Drops the oldest that the server knows all about, beyond those that are kept.
fn forget(content: &mut Content) {
    let told = content.entries.iter().filter(|entry| entry.told).count();
    let mut surplus = told.saturating_sub(KEPT);
    let floor = &mut content.floor_ms;
    content.entries.retain(|entry| {
        let drop = entry.told && surplus > 0;
        if drop {
            surplus -= 1;
            *floor = (*floor).max(entry.issued_ms);
        }
        !drop
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::ids::CommandId;

    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn name(id: i64) -> CommandName {
        CommandName {
            id: CommandId(id),
            nonce: format!("{id:032x}"),
        }
    }

    fn order(id: i64) -> Order {
        Order {
            id: CommandId(id),
            nonce: name(id).nonce,
            issued_ms: UnixMillis(id),
            system: scm_protocol::ids::SystemId(1),
            kind: String::new(),
            body: String::new(),
            expires_ms: NOW,
        }
    }

    fn completed() -> End {
        End {
            outcome: EndOutcome::Completed,
            reason: Some("x".to_owned()),
            exit_code: Some(0),
            output_bytes: 3,
        }
    }

    fn open(path: &std::path::Path) -> Journal {
        let folder = Arc::new(StateFolder::open(path).unwrap());
        Journal::open(folder, "client_1.commands".to_owned(), NOW, |_| Held::Nothing).unwrap()
    }

    #[test]
    fn what_was_begun_stays_used_up_across_restarts() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("client");
        let mut journal = open(&path);
        journal.begin(&order(1), NOW).unwrap();
        journal.begin(&order(2), NOW).unwrap();
        journal.end(&name(2), completed()).unwrap();
        assert_eq!(journal.known(&name(1)), Known::Begun);
        drop(journal);
        let journal = open(&path);
        let Known::Ended(end) = journal.known(&name(1)) else {
            panic!("not ended")
        };
        assert_eq!(end.outcome, EndOutcome::Interrupted);
        assert_eq!(journal.known(&name(2)), Known::Ended(completed()));
        assert_eq!(journal.known(&name(3)), Known::New);
        // The same id with another nonce is another command: the server's database was put back.
        let other = CommandName {
            nonce: "0".repeat(32),
            ..name(1)
        };
        assert_eq!(journal.known(&other), Known::New);
        assert_eq!(journal.untold().len(), 2);
    }

    #[test]
    fn an_upgrade_outlives_the_run_that_began_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("client");
        let mut journal = open(&path);
        journal.begin(&order(1), NOW).unwrap();
        journal.begin(&order(2), NOW).unwrap();
        drop(journal);
        let held = |ended: bool| {
            move |found: &CommandName| match (*found == name(1), ended) {
                (true, false) => Held::Open,
                (true, true) => Held::Ended(completed()),
                (false, _) => Held::Nothing,
            }
        };
        let file = || "client_1.commands".to_owned();
        let folder = || Arc::new(StateFolder::open(&path).unwrap());
        let journal = Journal::open(folder(), file(), NOW, held(false)).unwrap();
        assert_eq!(journal.known(&name(1)), Known::Begun);
        assert!(matches!(journal.known(&name(2)), Known::Ended(_)));
        drop(journal);
        let journal = Journal::open(folder(), file(), NOW, held(true)).unwrap();
        assert_eq!(journal.known(&name(1)), Known::Ended(completed()));
        assert_eq!(journal.untold().len(), 2);
    }

    #[test]
    fn what_is_forgotten_is_never_new_again() {
        let parent = tempfile::tempdir().unwrap();
        let mut journal = open(&parent.path().join("client"));
        for id in 1..=200 {
            journal.begin(&order(id), NOW).unwrap();
            journal.end(&name(id), completed()).unwrap();
            journal.told(&name(id)).unwrap();
        }
        assert!(journal.content.entries.len() <= KEPT + 1 && journal.untold().is_empty());
        for id in 1..=200 {
            let new = journal.known(&name(id)) == Known::New;
            assert!(!new || journal.is_unprovable(UnixMillis(id), NOW), "{id}");
        }
        assert!(!journal.is_unprovable(UnixMillis(201), NOW));
    }

    #[test]
    fn what_the_server_has_not_heard_is_never_forgotten() {
        let parent = tempfile::tempdir().unwrap();
        let mut journal = open(&parent.path().join("client"));
        let mut begun = 0;
        while !journal.is_full() {
            begun += 1;
            journal
                .refuse(name(begun), UnixMillis(begun), completed(), NOW)
                .unwrap();
        }
        assert_eq!(journal.untold().len(), usize::try_from(begun).unwrap());
        // The largest that it can be is still read.
        let size = serde_json::to_vec(&journal.content).unwrap().len();
        assert!(size < 48 * 1024, "{size}");
    }

    #[test]
    fn a_corrupt_journal_accepts_nothing_of_before() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("client");
        drop(open(&path));
        std::fs::write(path.join("client_1.commands"), "{").unwrap();
        let mut journal = open(&path);
        assert!(journal.is_unprovable(UnixMillis(500), UnixMillis(500)));
        journal
            .refuse(name(5), UnixMillis(5), completed(), UnixMillis(600))
            .unwrap();
        drop(journal);
        let journal = open(&path);
        assert!(journal.is_unprovable(UnixMillis(600), UnixMillis(700)));
        assert!(!journal.is_unprovable(UnixMillis(601), UnixMillis(700)));
        let aside = std::fs::read_dir(&path).unwrap().flatten();
        assert!(
            aside
                .into_iter()
                .any(|entry| entry.file_name().to_string_lossy().contains("corrupt"))
        );
    }
}
