//! Follows the chain from entry to entry: pure, for the database and for exports alike.

use super::finding::{Fault, Findings};
use crate::audit::chain::{Fields, Hash};
use crate::audit::store::Head;

/// Most entries of which it is worked out whether they stood elsewhere.
const MAX_SUSPECTS: usize = 200;

/// An entry with its place in the chain. A hash that is not 32 bytes is none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the entry")]
pub struct Linked {
    pub organization_id: i64,
    pub id: i64,
    pub at_ms: i64,
    pub actor: String,
    pub address: String,
    pub action: String,
    pub target: String,
    pub outcome: String,
    pub detail: String,
    pub previous: Option<Hash>,
    pub hash: Option<Hash>,
}

impl Linked {
    pub(super) fn fields_as(&self, id: i64) -> Fields<'_> {
        Fields {
            organization_id: self.organization_id,
            id,
            at_ms: self.at_ms,
            actor: &self.actor,
            address: &self.address,
            action: &self.action,
            target: &self.target,
            outcome: &self.outcome,
            detail: &self.detail,
        }
    }

    /// Whether the content has the hash that is recorded with it.
    fn is_sound(&self) -> bool {
        self.was_at(self.id, self.previous, self.hash)
    }

    /// Whether this content, as entry `id` behind `previous`, has that hash.
    fn was_at(&self, id: i64, previous: Option<Hash>, hash: Option<Hash>) -> bool {
        previous.is_some_and(|previous| Some(self.fields_as(id).hash(&previous)) == hash)
    }
}

/// What a missing id means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gaps {
    /// Everything must be there.
    AreFaults,
    /// Only what a filter let through is there.
    AreExpected,
}

/// The entry before.
#[derive(Clone, Copy, Debug)]
struct Before {
    id: i64,
    hash: Option<Hash>,
    sound: bool,
    /// Where verification starts, which is no entry itself.
    start: bool,
}

impl Before {
    fn start(head: Head) -> Self {
        Before {
            id: head.id,
            hash: Some(head.hash),
            sound: true,
            start: true,
        }
    }
}

/// Takes entries in order and remembers what is wrong with them.
#[derive(Clone, Debug)]
pub struct Checker {
    gaps: Gaps,
    before: Option<Before>,
    entries: u64,
    suspects: Vec<Linked>,
    findings: Findings,
}

impl Checker {
    /// Begins behind `start`, or with whatever entry comes first.
    pub fn new(start: Option<Head>, gaps: Gaps) -> Self {
        Checker {
            gaps,
            before: start.map(Before::start),
            entries: 0,
            suspects: Vec::new(),
            findings: Findings::default(),
        }
    }

    /// Goes on behind an entry that is not there any more.
    pub fn go_on_from(&mut self, start: Head) {
        self.before = Some(Before::start(start));
    }

    /// Entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// The last entry, or where it began.
    pub fn last(&self) -> Head {
        let before = self.before;
        Head {
            id: before.map_or(0, |before| before.id),
            hash: before.and_then(|before| before.hash).unwrap_or_default(),
        }
    }

    /// The next entry.
    pub fn add(&mut self, entry: Linked) {
        self.entries += 1;
        let sound = entry.is_sound();
        if let Some(before) = self.before {
            self.follow(before, &entry, sound);
        }
        if self.before.is_none_or(|before| entry.id > before.id) {
            self.before = Some(Before {
                id: entry.id,
                hash: entry.hash,
                sound,
                start: false,
            });
        }
        if sound {
            return;
        }
        if self.suspects.len() < MAX_SUSPECTS {
            self.suspects.push(entry);
        } else {
            self.findings.add(Fault::Edited, entry.id, NOT_ITS_HASH);
        }
    }

    fn follow(&mut self, before: Before, entry: &Linked, sound: bool) {
        let id = entry.id;
        if id <= before.id {
            let reason = format!("it stands behind entry {}", before.id);
            self.findings.add(Fault::Reordered, id, reason);
        } else if id > before.id + 1 {
            if self.gaps == Gaps::AreFaults {
                self.findings.add_range(
                    Fault::Deleted,
                    (before.id + 1, id - 1),
                    "the ids have a gap there",
                );
            }
        } else if sound && before.sound && entry.previous != before.hash {
            // Both are whole in themselves: one was written anew, with a hash computed for it.
            if before.start {
                self.findings
                    .add(Fault::Edited, id, "it does not follow what the audit begins with");
            } else {
                let reason = format!("entry {id} follows another version of it");
                self.findings.add(Fault::Edited, before.id, reason);
            }
        }
    }

    /// What is wrong.
    pub fn finish(self) -> Findings {
        let mut findings = self.findings;
        let origins: Vec<Option<i64>> = self
            .suspects
            .iter()
            .map(|suspect| origin(suspect, &self.suspects))
            .collect();
        for (suspect, origin) in self.suspects.iter().zip(&origins) {
            match origin {
                Some(id) => {
                    findings.add(
                        Fault::Reordered,
                        suspect.id,
                        format!("this is what entry {id} was"),
                    );
                }
                None if origins.contains(&Some(suspect.id)) => {
                    findings.add(Fault::Inserted, suspect.id, "what was here stands elsewhere");
                }
                None => findings.add(Fault::Edited, suspect.id, NOT_ITS_HASH),
            }
        }
        findings.listed.sort_by_key(|finding| finding.first_id);
        findings
    }
}

const NOT_ITS_HASH: &str = "its content does not have the hash that is recorded with it";

/// The id that an entry had when it was written, when it is another one's or a neighbouring one.
fn origin(suspect: &Linked, all: &[Linked]) -> Option<i64> {
    let moved_whole = |id: i64| id != suspect.id && suspect.was_at(id, suspect.previous, suspect.hash);
    let taken = all
        .iter()
        .filter(|other| other.id != suspect.id)
        .find(|other| moved_whole(other.id) || suspect.was_at(other.id, other.previous, other.hash));
    taken.map(|other| other.id).or_else(|| {
        [suspect.id - 1, suspect.id + 1]
            .into_iter()
            .find(|id| moved_whole(*id))
    })
}
