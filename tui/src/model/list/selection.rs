//! What an action on a list is about: marks, a range of them, or everything that matches the filter.

use super::{List, ListScope};
use crate::model::Whole;
use scm_protocol::ids::SystemId;
use scm_rules::Filter;
use std::collections::HashSet;

/// What the list of pending systems is narrowed to.
const PENDING: &str = "status = pending";

impl List {
    /// The places from the anchor to the cursor, both included.
    pub fn range(&self) -> &[SystemId] {
        let Some(anchor) = self
            .anchor
            .and_then(|id| self.order.iter().position(|other| *other == id))
        else {
            return &[];
        };
        let (from, to) = (anchor.min(self.cursor), anchor.max(self.cursor));
        self.order.get(from..=to).unwrap_or_default()
    }

    /// Marks the range and ends it.
    pub fn commit_range(&mut self) {
        let range = self.range().to_vec();
        self.marks.extend(range);
        self.anchor = None;
    }

    /// Selects everything that matches, as the server finds it when it is asked; marks are dropped for it.
    ///
    /// # Errors
    /// Why the filter cannot be sent.
    pub fn select_whole(&mut self) -> Result<(), String> {
        let text = self.filter.text().trim().to_owned();
        let typed = Filter::parse(&text).map_err(|error| format!("the filter cannot be used: {error}"))?;
        let filter = match self.scope {
            ListScope::All => text.clone(),
            ListScope::Pending if text.is_empty() => PENDING.to_owned(),
            ListScope::Pending => format!("{PENDING} and ({typed})"),
        };
        self.marks.clear();
        self.anchor = None;
        self.whole = Some((text, Whole { filter }));
        Ok(())
    }

    /// The selection of everything that matches, as long as the filter is the one that it was made with.
    pub fn whole(&self) -> Option<&Whole> {
        let (text, whole) = self.whole.as_ref()?;
        (text == self.filter.text().trim()).then_some(whole)
    }

    /// Makes marks of a selection of everything, so that single systems can be taken out.
    pub fn dissolve(&mut self) {
        if self.whole().is_some() {
            self.marks = self.order.iter().copied().collect();
        }
        self.whole = None;
    }

    /// Drops marks, range and selection.
    pub fn clear_marks(&mut self) {
        self.marks.clear();
        self.anchor = None;
        self.whole = None;
    }

    /// Whether a system is among those that an action would be about.
    pub fn is_marked(&self, id: SystemId, range: &[SystemId]) -> bool {
        self.whole().is_some() || self.marks.contains(&id) || range.contains(&id)
    }

    /// Marks or unmarks the system under the cursor.
    pub fn toggle_mark(&mut self) {
        if let Some(id) = self.cursor()
            && !self.marks.remove(&id)
        {
            self.marks.insert(id);
        }
    }

    /// What an action is about: the marks, or the one under the cursor, in the order of the list.
    pub fn targets(&self) -> Vec<SystemId> {
        if self.whole().is_some() {
            return self.order.clone();
        }
        if self.marks.is_empty() {
            return self.cursor().into_iter().collect();
        }
        let mut ids: Vec<SystemId> = self
            .order
            .iter()
            .copied()
            .filter(|id| self.marks.contains(id))
            .collect();
        let shown: HashSet<SystemId> = ids.iter().copied().collect();
        let mut hidden: Vec<SystemId> = self.marks.difference(&shown).copied().collect();
        hidden.sort_unstable();
        ids.extend(hidden);
        ids
    }
}
