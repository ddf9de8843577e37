//! Notices on their way to other replicas: what says the same is said once.

use crate::events::Notice;
use scm_protocol::events::MAX_CHANGED_IDS;
use scm_protocol::ids::SystemId;
use std::collections::{BTreeMap, BTreeSet};

/// Most other notices at once; more are told as "anything may have changed".
const MOST: usize = 1000;

/// What is to be told.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// Systems that sent telemetry, by organization; none where they are too many.
    updated: BTreeMap<i64, Option<BTreeSet<SystemId>>>,
    /// In the order in which it happened.
    other: Vec<Notice>,
    missed: bool,
}

impl Gathering {
    /// Adds a notice.
    pub(super) fn add(&mut self, notice: Notice) {
        match notice {
            Notice::Updated(of, systems) => {
                let named = self.updated.entry(of).or_insert_with(|| Some(BTreeSet::new()));
                if let Some(ids) = named {
                    ids.extend(systems);
                    if ids.len() > MAX_CHANGED_IDS {
                        *named = None;
                    }
                }
            }
            Notice::ManyUpdated(of) => {
                self.updated.insert(of, None);
            }
            Notice::Missed => self.missed = true,
            other if self.other.contains(&other) => {}
            other if self.other.len() < MOST => self.other.push(other),
            _ => self.missed = true,
        }
    }

    /// What is to be told, which is forgotten then.
    pub(super) fn take(&mut self) -> Vec<Notice> {
        let Gathering {
            updated,
            other,
            missed,
        } = std::mem::take(self);
        if missed {
            // It says more than all others together.
            return vec![Notice::Missed];
        }
        let updated = updated.into_iter().map(|(of, ids)| match ids {
            Some(ids) => Notice::Updated(of, ids.into_iter().collect()),
            None => Notice::ManyUpdated(of),
        });
        other.into_iter().chain(updated).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<i64>) -> Vec<SystemId> {
        range.map(SystemId).collect()
    }

    #[test]
    fn the_same_is_said_once() {
        let mut gathering = Gathering::default();
        for _ in 0..3 {
            gathering.add(Notice::Audit(1));
            gathering.add(Notice::Updated(1, ids(1..3)));
        }
        gathering.add(Notice::Wake(ids(7..8)));
        let told = gathering.take();
        let wanted = [
            Notice::Audit(1),
            Notice::Wake(ids(7..8)),
            Notice::Updated(1, ids(1..3)),
        ];
        assert_eq!(told, wanted);
        assert_eq!(gathering.take(), []);
    }

    #[test]
    fn what_is_too_much_is_told_in_short() {
        let mut gathering = Gathering::default();
        gathering.add(Notice::Updated(1, ids(0..600)));
        gathering.add(Notice::Updated(2, ids(0..3)));
        assert_eq!(
            gathering.take(),
            [Notice::ManyUpdated(1), Notice::Updated(2, ids(0..3))]
        );
        for id in 0..2000 {
            gathering.add(Notice::Wake(ids(id..id + 1)));
        }
        assert_eq!(gathering.take(), [Notice::Missed]);
    }
}
