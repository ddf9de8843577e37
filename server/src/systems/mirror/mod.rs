//! The fleet as lists see it, kept in memory: a filter over 100,000 systems is answered without reading their rows.
//!
//! Invariants: the database alone is true. What is kept is told of every change before its caller is answered ([`Marks`],
//! and by the check-ins' batches), and what it was told of is read again before the next list is made, so that a list lags no
//! more than the live stream does; what a list shows of its systems is read from the database anyway. Whatever decides
//! something (rules, jobs, commands) does not look here. Memory is bounded: of a fleet beyond [`MOST`] systems nothing is kept, and
//! its lists read the database.

mod keep;
mod rows;

pub use keep::keep_mirror;

use super::decide::Outcome;
use super::facts;
use super::observed::{Heard, SystemFacts};
use crate::error::Error;
use crate::events::Marks;
use crate::storage::Conn;
use rows::{MOST, Rows};
use scm_protocol::ids::SystemId;
use scm_rules::Needs;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

/// Most check-ins that wait to be taken over; beyond it everything is read again.
const MOST_HEARD: usize = 50_000;
/// How long after a look more of them are expected, in seconds.
const IN_USE_SECS: u32 = 120;

/// What is kept of all organizations.
#[derive(Clone, Debug)]
pub struct Mirror {
    fleets: Arc<Mutex<HashMap<i64, Arc<Fleet>>>>,
    marks: Arc<Marks>,
}

/// What is kept of one.
#[derive(Debug, Default)]
struct Fleet {
    /// What check-ins said since the last look.
    heard: Mutex<Vec<Heard>>,
    rows: RwLock<Rows>,
    too_large: AtomicBool,
    /// Seconds until nobody is taken to look any more.
    in_use: AtomicU32,
    /// Other replicas heard from more systems than they could name.
    outdated: AtomicBool,
}

impl Mirror {
    /// Nothing yet; `marks` are those of the server's events.
    pub fn new(marks: Arc<Marks>) -> Self {
        Mirror {
            fleets: Arc::default(),
            marks,
        }
    }

    /// Takes over what check-ins said, after their commit and in its order.
    pub(super) fn heard(&self, organization_id: i64, heard: impl Iterator<Item = Heard>) {
        let Some(fleet) = lock(&self.fleets).get(&organization_id).cloned() else {
            return;
        };
        if fleet.too_large.load(Ordering::Relaxed) {
            return;
        }
        let mut waiting = lock(&fleet.heard);
        waiting.extend(heard);
        if waiting.len() > MOST_HEARD {
            *waiting = Vec::new();
            self.marks.everything(organization_id);
        }
    }

    /// Gives every system of an organization to `each`, by id, until it fails.
    ///
    /// # Errors
    /// When the database fails, and what `each` returns.
    pub fn scan(
        &self,
        conn: &mut Conn,
        organization_id: i64,
        needs: Needs,
        mut each: impl FnMut(&SystemFacts) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let fleet = self.fleet(organization_id);
        let idle = fleet.in_use.swap(IN_USE_SECS, Ordering::Relaxed) == 0;
        if idle && fleet.outdated.swap(false, Ordering::Relaxed) {
            self.marks.everything(organization_id);
        }
        if !self.bring_up_to_date(conn, organization_id, &fleet, needs)? {
            return facts::scan(conn, organization_id, needs, each);
        }
        let rows = fleet.rows.read().unwrap_or_else(PoisonError::into_inner);
        rows.each(&mut each)
    }

    fn fleet(&self, organization_id: i64) -> Arc<Fleet> {
        // Marked before it is read: what changes meanwhile is read again.
        self.marks.keep(organization_id);
        Arc::clone(lock(&self.fleets).entry(organization_id).or_default())
    }

    /// Takes over and reads what changed; whether everything is kept then.
    fn bring_up_to_date(
        &self,
        conn: &mut Conn,
        organization_id: i64,
        fleet: &Fleet,
        needs: Needs,
    ) -> Result<bool, Error> {
        if fleet.too_large.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let mut rows = fleet.write();
        let read = self
            .take_over(conn, organization_id, fleet, &mut rows)
            .and_then(|()| rows.complete(conn, organization_id, needs));
        // What was to be read is not known any more.
        let kept = read.inspect_err(|_| self.marks.everything(organization_id))?;
        if !kept {
            tracing::info!(
                systems.most = MOST,
                "lists of so many systems read the database each time"
            );
            fleet.too_large.store(true, Ordering::Relaxed);
        }
        Ok(kept)
    }

    fn take_over(
        &self,
        conn: &mut Conn,
        organization_id: i64,
        fleet: &Fleet,
        rows: &mut Rows,
    ) -> Result<(), Error> {
        // First the marks: a check-in whose system is marked after this was heard before the mark is read.
        let marked = self.marks.take(organization_id);
        let heard = std::mem::take(&mut *lock(&fleet.heard));
        fleet.outdated.fetch_or(marked.many, Ordering::Relaxed);
        if marked.groups {
            rows.forget_groups();
        }
        if marked.everything {
            *rows = Rows::default();
            return Ok(());
        }
        rows.take_over(heard);
        rows.read_again(conn, organization_id, marked.systems)
    }
}

/// What those check-ins said that were accepted from these systems, in the order of both.
pub(super) fn said(outcomes: &[Outcome], systems: &[SystemId]) -> impl Iterator<Item = Heard> {
    let mut next = systems.iter().peekable();
    outcomes.iter().filter_map(move |outcome| {
        let Outcome::Accepted(accepted) = outcome else {
            return None;
        };
        next.next_if(|id| **id == accepted.after.id)
            .map(|_| Heard::of(accepted))
    })
}

impl Fleet {
    fn write(&self) -> RwLockWriteGuard<'_, Rows> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
