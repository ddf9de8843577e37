//! The rows that are kept of one organization.

use super::super::facts;
use super::super::observed::{Heard, SystemFacts};
use super::super::shared::Shared;
use crate::error::Error;
use crate::groups;
use crate::storage::Conn;
use scm_rules::Needs;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most systems of an organization that are kept: less than half a kilobyte each.
pub(super) const MOST: usize = 200_000;
/// Systems that are read at once by their ids.
const AT_ONCE: usize = 500;
/// What is kept beside the groups, whose names are read when a filter first asks for them.
const KEPT: Needs = Needs {
    groups: false,
    ..Needs::ALL
};

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Whether every system was read.
    complete: bool,
    /// Whether the names of groups were read.
    grouped: bool,
    /// Each in a box: the map leaves room between what it holds.
    systems: BTreeMap<i64, Box<SystemFacts>>,
    shared: Shared,
}

impl Rows {
    /// Reads what is missing; whether the fleet is small enough to be kept.
    pub(super) fn complete(
        &mut self,
        conn: &mut Conn,
        organization_id: i64,
        needs: Needs,
    ) -> Result<bool, Error> {
        // Also where all were read once: one that nobody told of is found at once.
        let known = if self.complete {
            self.systems.keys().next_back()
        } else {
            None
        };
        let mut after = known.copied().unwrap_or(0);
        while let Some(last) = self.read_chunk(conn, organization_id, after)? {
            after = last;
            if self.systems.len() > MOST {
                *self = Rows::default();
                return Ok(false);
            }
        }
        self.complete = true;
        if needs.groups && !self.grouped {
            self.read_groups(conn)?;
        }
        self.shared.forget_unused();
        Ok(true)
    }

    /// Reads the systems behind `after` anew, and forgets those of them that are gone; the id of the last one, or none
    /// where there was none.
    pub(super) fn read_chunk(
        &mut self,
        conn: &mut Conn,
        organization_id: i64,
        after: i64,
    ) -> Result<Option<i64>, Error> {
        let needs = self.needs();
        let read = facts::shared_chunk(conn, organization_id, after, needs, &mut self.shared)?;
        let last = read.last().map(|system| system.id().0);
        let gone: Vec<i64> = self
            .systems
            .range(after + 1..=last.unwrap_or(i64::MAX))
            .map(|(id, _)| *id)
            .filter(|id| read.binary_search_by_key(id, |system| system.id().0).is_err())
            .collect();
        for id in gone {
            self.systems.remove(&id);
        }
        self.systems
            .extend(read.into_iter().map(|system| (system.id().0, Box::new(system))));
        Ok(last)
    }

    /// Takes over what check-ins said. A system that is not kept yet is marked: it was listed.
    pub(super) fn take_over(&mut self, heard: Vec<Heard>) {
        for heard in heard {
            if let Some(system) = self.systems.get_mut(&heard.id) {
                system.heard(heard, &mut self.shared);
            }
        }
    }

    /// Reads these systems again; those that are gone are forgotten.
    pub(super) fn read_again(
        &mut self,
        conn: &mut Conn,
        organization_id: i64,
        systems: HashSet<i64>,
    ) -> Result<(), Error> {
        if !self.complete {
            return Ok(());
        }
        let needs = self.needs();
        let mut ids: Vec<i64> = systems.into_iter().collect();
        ids.sort_unstable();
        for ids in ids.chunks(AT_ONCE) {
            let read = facts::shared_facts_of(conn, organization_id, ids, needs, &mut self.shared)?;
            for id in ids {
                self.systems.remove(id);
            }
            self.systems
                .extend(read.into_iter().map(|system| (system.id().0, Box::new(system))));
        }
        Ok(())
    }

    /// Gives each to `each`, by id, until it fails.
    pub(super) fn each(&self, each: impl FnMut(&SystemFacts) -> Result<(), Error>) -> Result<(), Error> {
        self.systems.values().map(AsRef::as_ref).try_for_each(each)
    }

    /// The groups changed: their names are read when they are asked for.
    pub(super) fn forget_groups(&mut self) {
        self.grouped = false;
    }

    /// Whether every system was read.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    fn read_groups(&mut self, conn: &mut Conn) -> Result<(), Error> {
        let range = self.systems.keys().next().zip(self.systems.keys().next_back());
        let mut names = match range {
            Some((first, last)) => groups::names_between(conn, (*first, *last))?,
            None => HashMap::new(),
        };
        for (id, system) in &mut self.systems {
            system.regrouped(names.remove(id).unwrap_or_default(), &mut self.shared);
        }
        self.grouped = true;
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs {
            groups: self.grouped,
            ..KEPT
        }
    }
}
