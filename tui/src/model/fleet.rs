//! Every system the console has read, by id.

use super::row::{Names, Row};
use super::row_filter::RowFilter;
use super::sort::{Places, Sort, by_order};
use scm_protocol::ids::SystemId;
use scm_protocol::systems::{SystemStatus, SystemSummary};
use std::collections::{HashMap, HashSet};

/// The systems of the current server.
#[derive(Debug, Default)]
pub struct Fleet {
    rows: HashMap<SystemId, Row>,
    names: Names,
    /// A list is being read; rows that it has shown so far.
    reading: Option<HashSet<SystemId>>,
    /// Which reading the answers belong to.
    pub round: u64,
    /// The list was read to its end at least once.
    pub complete: bool,
    /// How many systems the server says there are.
    pub total: i64,
    pending: usize,
}

/// Which rows in which order.
#[derive(Clone, Debug, Default)]
pub struct Order<'a> {
    /// Only Pending ones.
    pub pending_only: bool,
    /// What the filter takes, as far as rows know it.
    pub filter: RowFilter,
    /// What the server says that the filter takes, where rows do not know.
    pub matching: Option<&'a HashSet<SystemId>>,
    /// Only these.
    pub only: Option<&'a HashSet<SystemId>>,
    /// How sorted.
    pub sort: Sort,
    /// The places that the server gives, where rows do not know.
    pub places: Option<&'a Places>,
}

impl Order<'_> {
    /// Whether a row is shown.
    pub fn takes(&self, row: &Row) -> bool {
        (!self.pending_only || row.status == SystemStatus::Pending)
            && self.only.is_none_or(|only| only.contains(&row.id))
            && self.matching.is_none_or(|matching| matching.contains(&row.id))
            && self.filter.takes(row)
    }
}

impl Fleet {
    /// The row of a system.
    pub fn get(&self, id: SystemId) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many are Pending.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Every row, in no order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    /// Begins to read the list anew; what is known stays until the end.
    pub fn begin(&mut self) {
        self.round += 1;
        self.reading = Some(HashSet::new());
    }

    /// Whether a list is being read.
    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// The reading failed; what is known stays.
    pub fn abandon(&mut self) {
        self.reading = None;
    }

    /// Takes newer values; answers which systems were not known before, and whether any other may have to move.
    pub fn put(&mut self, summaries: &[SystemSummary]) -> (Vec<SystemId>, bool) {
        let (mut added, mut moved) = (Vec::new(), false);
        for summary in summaries {
            if let Some(reading) = &mut self.reading {
                reading.insert(summary.id);
            }
            let row = Row::new(summary, &mut self.names);
            self.pending += usize::from(row.status == SystemStatus::Pending);
            let (word, name) = (row.word(), row.hostname.clone());
            match self.rows.insert(summary.id, row) {
                Some(old) => {
                    self.pending -= usize::from(old.status == SystemStatus::Pending);
                    moved |= old.word() != word || old.hostname != name;
                }
                None => added.push(summary.id),
            }
        }
        (added, moved)
    }

    /// Forgets systems; answers which of them were known.
    pub fn remove(&mut self, ids: &[SystemId]) -> HashSet<SystemId> {
        let mut gone = HashSet::new();
        for id in ids {
            if let Some(row) = self.rows.remove(id) {
                self.pending -= usize::from(row.status == SystemStatus::Pending);
                gone.insert(*id);
            }
        }
        gone
    }

    /// The list was read to its end: answers what it did not show, which is gone.
    pub fn finish(&mut self) -> Vec<SystemId> {
        self.complete = true;
        let Some(seen) = self.reading.take() else {
            return Vec::new();
        };
        self.rows
            .keys()
            .copied()
            .filter(|id| !seen.contains(id))
            .collect()
    }

    /// The server has newer values of one system.
    pub fn mark_stale(&mut self, id: SystemId) {
        if let Some(row) = self.rows.get_mut(&id) {
            row.stale = true;
        }
    }

    /// The server has newer values of all systems.
    pub fn mark_all_stale(&mut self) {
        self.rows.values_mut().for_each(|row| row.stale = true);
    }

    /// Ids in order.
    pub fn ordered(&self, order: &Order<'_>) -> Vec<SystemId> {
        let mut rows: Vec<&Row> = self.rows.values().filter(|row| order.takes(row)).collect();
        rows.sort_unstable_by(|a, b| by_order(order.sort, order.places, a, b));
        rows.into_iter().map(|row| row.id).collect()
    }
}
