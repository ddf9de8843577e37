//! What changed since somebody who keeps the fleet in memory last looked.
//!
//! Marked where a change is told, before its caller is answered: who asks after that finds the mark.

use super::Notice;
use scm_protocol::ids::SystemId;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Most systems that are marked one by one.
const MOST: usize = 20_000;

/// What is to be read again.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// These systems.
    pub systems: HashSet<i64>,
    /// The names of everybody's groups.
    pub groups: bool,
    /// What check-ins say, of systems that nobody named: more of them than can be told came to another replica.
    pub many: bool,
    /// Everything.
    pub everything: bool,
}

/// The marks of those organizations that somebody keeps.
#[derive(Debug, Default)]
pub struct Marks(Mutex<HashMap<i64, Marked>>);

impl Marks {
    /// From now on, what changes in an organization is marked.
    pub fn keep(&self, organization_id: i64) {
        self.lock().entry(organization_id).or_default();
    }

    /// What was marked since the last call.
    pub fn take(&self, organization_id: i64) -> Marked {
        let mut all = self.lock();
        all.get_mut(&organization_id)
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Everything of an organization is to be read again.
    pub fn everything(&self, organization_id: i64) {
        if let Some(marked) = self.lock().get_mut(&organization_id) {
            marked.all();
        }
    }

    /// Marks what a notice is about. What check-ins said here is heard from them, what they said elsewhere is not.
    pub(super) fn note(&self, notice: &Notice, elsewhere: bool) {
        let mut all = self.lock();
        match notice {
            Notice::Listed(of, systems) => all.get_mut(of).into_iter().for_each(|m| m.add(systems)),
            Notice::Updated(of, systems) if elsewhere => {
                all.get_mut(of).into_iter().for_each(|m| m.add(systems));
            }
            Notice::ManyUpdated(of) => all.get_mut(of).into_iter().for_each(|m| m.many = true),
            Notice::Groups(of) => all.get_mut(of).into_iter().for_each(|m| m.groups = true),
            Notice::Missed => all.values_mut().for_each(Marked::all),
            _ => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Marked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Marked {
    fn add(&mut self, systems: &[SystemId]) {
        if self.everything {
            return;
        }
        self.systems.extend(systems.iter().map(|id| id.0));
        if self.systems.len() > MOST {
            self.all();
        }
    }

    fn all(&mut self) {
        *self = Marked {
            everything: true,
            groups: true,
            ..Marked::default()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_marked_until_it_is_taken() {
        let marks = Marks::default();
        marks.note(&Notice::Listed(1, vec![SystemId(5)]), false);
        marks.keep(1);
        assert_eq!(marks.take(1), Marked::default());
        marks.note(&Notice::Listed(1, vec![SystemId(5)]), false);
        marks.note(&Notice::Listed(2, vec![SystemId(6)]), false);
        marks.note(&Notice::Updated(1, vec![SystemId(7)]), false);
        marks.note(&Notice::Updated(1, vec![SystemId(8)]), true);
        let marked = marks.take(1);
        assert_eq!(marked.systems, HashSet::from([5, 8]));
        assert!(!marked.groups && !marked.everything);
        assert_eq!(marks.take(1), Marked::default());
    }

    #[test]
    fn too_many_are_everything() {
        let marks = Marks::default();
        marks.keep(1);
        let many: Vec<SystemId> = (0..=MOST)
            .map(|id| SystemId(i64::try_from(id).unwrap()))
            .collect();
        marks.note(&Notice::Listed(1, many), false);
        let marked = marks.take(1);
        assert!(marked.everything && marked.groups && marked.systems.is_empty());
        marks.note(&Notice::Missed, true);
        assert!(marks.take(1).everything);
    }
}
