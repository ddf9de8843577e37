//! A list of systems on the screen: cursor, marks and scroll position by id, never by place.
//!
//! Invariants: the cursor is in the list whenever the list has rows; rows change their places only by [`List::rebuild`];
//! when the row under the cursor vanishes, [`List::disarmed`] is set until the next key.

mod selection;

use super::filter_line::Offer;
use super::fleet::{Fleet, Order};
use super::row_filter::RowFilter;
use super::sort::{Places, Sort};
use super::subject::Whole;
use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::ids::SystemId;
use scm_rules::{Filter, FilterError};
use std::collections::HashSet;

/// Which systems a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListScope {
    /// All.
    All,
    /// Those that wait for approval.
    Pending,
}

/// A list and where the administrator is in it.
#[derive(Debug)]
pub struct List {
    /// Which systems.
    pub scope: ListScope,
    /// Marked systems, also those that the filter hides.
    pub marks: HashSet<SystemId>,
    whole: Option<(String, Whole)>,
    /// The other end of a range that is being marked.
    pub anchor: Option<SystemId>,
    /// The filter's text.
    pub filter: TextField,
    /// The filter is being typed.
    pub filtering: bool,
    /// What is wrong with it, and where.
    pub filter_error: Option<FilterError>,
    /// What is offered while it is typed.
    pub offer: Offer,
    applied: RowFilter,
    matching: Option<HashSet<SystemId>>,
    asked: Option<String>,
    unanswered: bool,
    /// How it is sorted.
    sort: Sort,
    /// The server's places for this order.
    places: Option<Places>,
    unordered: bool,
    /// Only marked systems are shown.
    pub marked_only: bool,
    /// Systems that appeared and wait for the next re-sort.
    pub waiting: usize,
    /// Values changed since the last re-sort.
    pub unsorted: bool,
    /// The row under the cursor vanished: actions wait for the next key.
    pub disarmed: bool,
    /// What the last drawn frame showed under the cursor.
    pub drawn: Option<SystemId>,
    /// When a key was last pressed here.
    pub touched: Moment,
    order: Vec<SystemId>,
    cursor: usize,
    top: usize,
    height: usize,
}

impl List {
    /// An empty list.
    pub fn new(scope: ListScope) -> Self {
        List {
            scope,
            marks: HashSet::new(),
            whole: None,
            anchor: None,
            filter: TextField::default(),
            filtering: false,
            filter_error: None,
            offer: Offer::default(),
            applied: RowFilter::default(),
            matching: None,
            asked: None,
            unanswered: false,
            sort: Sort::default(),
            places: None,
            unordered: false,
            marked_only: false,
            waiting: 0,
            unsorted: false,
            disarmed: false,
            drawn: None,
            touched: Moment::default(),
            order: Vec::new(),
            cursor: 0,
            top: 0,
            height: 1,
        }
    }

    /// The system under the cursor.
    pub fn cursor(&self) -> Option<SystemId> {
        self.order.get(self.cursor).copied()
    }

    /// Its place, from 0.
    pub fn position(&self) -> usize {
        self.cursor
    }

    /// How many rows match.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no row matches.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The rows that fit on the screen, top to bottom.
    pub fn visible(&self) -> &[SystemId] {
        let end = self.order.len().min(self.top + self.height);
        &self.order[self.top.min(end)..end]
    }

    /// Everything that matches.
    pub fn all(&self) -> &[SystemId] {
        &self.order
    }

    /// Reads the filter's text. A text that cannot be read changes nothing but the message; one that asks for what rows do
    /// not know is for the server, and the last answer stays until it comes.
    fn read_filter(&mut self) {
        let whole = self.filter.text().trim();
        self.filter_error = Filter::parse(whole).err();
        if self.filter_error.is_some() {
            return;
        }
        let applied = self.applied_text();
        let text = applied.trim();
        // A joining word may stand at its end: then what is applied stays.
        let Ok(filter) = Filter::parse(text) else { return };
        match RowFilter::new(&filter) {
            Some(local) => {
                self.applied = local;
                self.matching = None;
                self.asked = None;
            }
            None if self.asked.as_deref() != Some(text) => {
                self.asked = Some(text.to_owned());
                self.unanswered = true;
            }
            None => {}
        }
    }

    /// The text without a condition that is still being begun: a field's name is no word to look for until Enter says so.
    fn applied_text(&self) -> String {
        let text = self.filter.text();
        let at_end = self.filter.cursor() >= text.trim_end().chars().count();
        match self
            .offer
            .completion
            .unfinished
            .filter(|_| self.filtering && at_end)
        {
            Some(begun) => text.chars().take(begun).collect(),
            None => text.to_owned(),
        }
    }

    /// The filter that the server is to be asked about; none when it was asked already.
    pub fn question(&mut self) -> Option<String> {
        std::mem::take(&mut self.unanswered)
            .then(|| self.asked.clone())
            .flatten()
    }

    /// Whether a filter waits for the server to be asked.
    pub fn has_question(&self) -> bool {
        self.unanswered
    }

    /// Asks the server again about the same filter: what it knows may have changed.
    pub fn ask_again(&mut self) {
        self.unanswered = self.asked.is_some();
    }

    /// The server's answer; that to another filter is dropped. Answers whether it was taken.
    pub fn answered(&mut self, text: &str, ids: HashSet<SystemId>) -> bool {
        let wanted = self.asked.as_deref() == Some(text);
        if wanted {
            self.matching = Some(ids);
            self.applied = RowFilter::default();
        }
        wanted
    }

    /// Whether a filter narrows the list.
    pub fn is_filtered(&self) -> bool {
        self.matching.is_some() || !self.applied.is_everything()
    }

    /// What is shown, in which order.
    pub fn order(&self) -> Order<'_> {
        Order {
            pending_only: self.scope == ListScope::Pending,
            filter: self.applied.clone(),
            matching: self.matching.as_ref(),
            only: self.marked_only.then_some(&self.marks),
            sort: self.sort,
            places: self.places.as_ref(),
        }
    }

    /// How it is sorted.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Sorts by something else. What rows do not know is for the server, and they stand by name until it answers.
    pub fn set_sort(&mut self, sort: Sort) {
        if self.sort != sort {
            self.sort = sort;
            self.places = None;
        }
        self.unordered = sort.question().is_some();
    }

    /// The order that the server is to be asked for; none when it was asked already.
    pub fn order_question(&mut self) -> Option<String> {
        std::mem::take(&mut self.unordered)
            .then(|| self.sort.question())
            .flatten()
    }

    /// The server's order; that for another question is dropped. Answers whether it was taken.
    pub fn placed(&mut self, sort: &str, ids: &[SystemId]) -> bool {
        let wanted = self.sort.question().as_deref() == Some(sort);
        if wanted {
            self.places = Some(ids.iter().copied().zip(0..).collect());
        }
        wanted
    }

    /// So many rows fit.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.scroll();
    }

    /// How many rows fit.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Puts the cursor at a place, or as near as there are rows.
    pub fn go(&mut self, place: usize) {
        self.cursor = place.min(self.order.len().saturating_sub(1));
        self.scroll();
    }

    /// Puts the cursor on a system, if it is in the list.
    pub fn go_to(&mut self, id: SystemId) -> bool {
        let place = self.order.iter().position(|other| *other == id);
        if let Some(place) = place {
            self.go(place);
        }
        place.is_some()
    }

    fn scroll(&mut self) {
        let last_top = self.order.len().saturating_sub(self.height);
        let lowest = (self.cursor + 1).saturating_sub(self.height);
        self.top = self.top.clamp(lowest, self.cursor.max(lowest)).min(last_top);
    }

    /// Sorts and filters anew. The cursor stays on its system and, where it can, on its line of the screen.
    ///
    /// Answers whether the system under the cursor stayed.
    pub fn rebuild(&mut self, fleet: &Fleet) -> bool {
        self.read_filter();
        let held = self.cursor();
        let line = self.cursor.saturating_sub(self.top);
        self.order = fleet.ordered(&self.order());
        self.waiting = 0;
        self.unsorted = false;
        let place = held.and_then(|id| self.order.iter().position(|other| *other == id));
        self.cursor = place
            .unwrap_or(self.cursor)
            .min(self.order.len().saturating_sub(1));
        self.top = self.cursor.saturating_sub(line);
        self.scroll();
        held.is_none() || place.is_some()
    }

    /// Adds rows at the end, as the first reading of the list delivers them in order.
    pub fn append(&mut self, fleet: &Fleet, ids: &[SystemId]) {
        let order = self.order();
        let taken: Vec<SystemId> = ids
            .iter()
            .copied()
            .filter(|id| fleet.get(*id).is_some_and(|row| order.takes(row)))
            .collect();
        self.order.extend(taken);
        self.scroll();
    }

    /// Takes vanished systems out. Where the one under the cursor is among them, the cursor goes to the nearest that
    /// is left and actions wait for the next key.
    pub fn remove(&mut self, gone: &HashSet<SystemId>) {
        self.marks.retain(|id| !gone.contains(id));
        if self.anchor.is_some_and(|id| gone.contains(&id)) {
            self.anchor = None;
        }
        let lost = self.cursor().is_some_and(|id| gone.contains(&id));
        let above = |end: usize| self.order[..end].iter().filter(|id| gone.contains(id)).count();
        let (before_cursor, before_top) = (above(self.cursor), above(self.top.min(self.order.len())));
        self.order.retain(|id| !gone.contains(id));
        self.cursor = (self.cursor - before_cursor).min(self.order.len().saturating_sub(1));
        self.top = self.top.saturating_sub(before_top);
        self.disarmed |= lost;
        self.scroll();
    }
}
