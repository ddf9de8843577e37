//! The audit: what is searched for, the entries found, where the chain stands, an export under way.
//!
//! Invariants: the cursor is an entry's id, never a place; answers to an earlier search are dropped ([`AuditView::round`]).

use super::text_field::TextField;
use scm_protocol::audit::{AuditChain, AuditEntry, AuditForwarding};

/// A field of the search form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditField {
    /// Who.
    Actor,
    /// What.
    Action,
    /// On what.
    Target,
    /// How it ended.
    Outcome,
    /// Text anywhere.
    Text,
    /// Not before this.
    From,
    /// Before this.
    To,
}

impl AuditField {
    /// The fields of the form, top to bottom.
    pub const ALL: [AuditField; 7] = [
        AuditField::Actor,
        AuditField::Action,
        AuditField::Target,
        AuditField::Outcome,
        AuditField::Text,
        AuditField::From,
        AuditField::To,
    ];

    /// Its name: in the form, in the filter line, and as the API's parameter.
    pub fn name(self) -> &'static str {
        match self {
            AuditField::Actor => "actor",
            AuditField::Action => "action",
            AuditField::Target => "target",
            AuditField::Outcome => "outcome",
            AuditField::Text => "text",
            AuditField::From => "from",
            AuditField::To => "to",
        }
    }

    /// What it takes.
    pub fn hint(self) -> &'static str {
        match self {
            AuditField::Actor => "user:jdoe, or user:* for how it begins, or !server for anybody else",
            AuditField::Action => "systems.approve, systems.*, !systems.checkin",
            AuditField::Target => "system:42, system:*",
            AuditField::Outcome => "ok or refused",
            AuditField::Text => "anywhere in who, where, what or the details",
            AuditField::From | AuditField::To => "2026-11-22 or 2026-11-22T14:00:00Z",
        }
    }
}

/// What is searched for: one text for each field, blank where it does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFilter([String; AuditField::ALL.len()]);

impl Default for AuditFilter {
    /// Everything but heartbeats, which would bury the rest.
    fn default() -> Self {
        let mut filter = AuditFilter::everything();
        filter.set(AuditField::Action, "!systems.checkin");
        filter
    }
}

impl AuditFilter {
    /// A filter that lets everything through.
    pub fn everything() -> Self {
        AuditFilter(Default::default())
    }

    /// The text of a field.
    pub fn get(&self, field: AuditField) -> &str {
        &self.0[field as usize]
    }

    /// Sets a field.
    pub fn set(&mut self, field: AuditField, text: &str) {
        text.trim().clone_into(&mut self.0[field as usize]);
    }

    /// The fields that count, with their texts.
    pub fn set_fields(&self) -> impl Iterator<Item = (AuditField, &str)> {
        AuditField::ALL
            .into_iter()
            .map(|field| (field, self.get(field)))
            .filter(|(_, text)| !text.is_empty())
    }
}

/// The search form.
#[derive(Debug)]
pub struct AuditForm {
    /// The fields, in the order of [`AuditField::ALL`].
    pub fields: [TextField; AuditField::ALL.len()],
    /// The field with the cursor.
    pub focus: usize,
}

impl AuditForm {
    /// The form with what is searched for now.
    pub fn new(filter: &AuditFilter) -> Self {
        AuditForm {
            fields: AuditField::ALL.map(|field| TextField::new(filter.get(field))),
            focus: 0,
        }
    }

    /// What was typed.
    pub fn filter(&self) -> AuditFilter {
        let mut filter = AuditFilter::everything();
        for (field, typed) in AuditField::ALL.into_iter().zip(&self.fields) {
            filter.set(field, typed.text());
        }
        filter
    }
}

/// An export under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditExport {
    /// Which request.
    pub ticket: u64,
    /// The file, as typed.
    pub file: String,
    /// Bytes written.
    pub bytes: u64,
}

/// What lies over the page and takes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFront {
    /// The search form.
    Search,
    /// The name of the export's file.
    Export,
    /// One entry.
    Entry,
}

/// The page.
#[derive(Debug, Default)]
pub struct AuditView {
    /// Newest first.
    entries: Vec<AuditEntry>,
    /// Where to read on; none at the end.
    pub next: Option<String>,
    /// Being read.
    pub loading: bool,
    /// The list was read at least once.
    pub complete: bool,
    /// Which search the answers must be of.
    pub round: u64,
    /// Newer entries exist.
    pub newer: bool,
    /// The newest entries are shown as they come.
    pub follow: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    /// What is searched for.
    pub filter: AuditFilter,
    /// The search form, while one is open.
    pub form: Option<AuditForm>,
    /// The name of an export's file, while it is typed, and what is wrong with it.
    pub export_file: Option<(TextField, Option<String>)>,
    /// The export under way.
    pub export: Option<AuditExport>,
    /// The entry that is shown whole, and the first of its lines on the screen.
    pub open: Option<(AuditEntry, usize)>,
    /// Where the chain stands.
    pub chain: Option<AuditChain>,
    /// How far the audit was sent to its targets.
    pub forwarding: Option<AuditForwarding>,
    cursor: Option<i64>,
    top: usize,
    height: usize,
}

impl AuditView {
    /// The entries that were read.
    pub fn entries(&self) -> &[AuditEntry] {
        &self.entries
    }

    /// The entries on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &AuditEntry> {
        self.entries.iter().skip(self.top).take(self.height)
    }

    /// The id under the cursor.
    pub fn cursor(&self) -> Option<i64> {
        self.cursor
    }

    /// The entry under the cursor.
    pub fn current(&self) -> Option<&AuditEntry> {
        self.entries.iter().find(|entry| Some(entry.id) == self.cursor)
    }

    /// The cursor's place.
    pub fn position(&self) -> usize {
        let at = self
            .entries
            .iter()
            .position(|entry| Some(entry.id) == self.cursor);
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.entries.len().saturating_sub(1));
        self.cursor = self.entries.get(place).map(|entry| entry.id);
        self.keep_in_sight();
    }

    /// Rows that are on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.keep_in_sight();
    }

    /// The newest page. The cursor stays on its entry; where that is further down, or the newest are followed, it goes to the
    /// first one.
    pub fn put_newest(&mut self, entries: Vec<AuditEntry>) {
        self.entries = entries;
        self.complete = true;
        if self.follow || self.current().is_none() {
            self.go(0);
        }
        self.keep_in_sight();
    }

    /// Older entries.
    pub fn put_older(&mut self, entries: Vec<AuditEntry>) {
        self.entries.extend(entries);
    }

    fn keep_in_sight(&mut self) {
        let (at, height) = (self.position(), self.height.max(1));
        let last = self.entries.len().saturating_sub(height);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at).min(last);
    }

    /// Another search: what was found before goes, and answers to it are dropped.
    pub fn search(&mut self, filter: AuditFilter) {
        self.filter = filter;
        self.round += 1;
        self.entries.clear();
        self.next = None;
        self.loading = false;
        self.complete = false;
        self.error = None;
        self.go(0);
    }

    /// What takes the keys.
    pub fn front(&self) -> Option<AuditFront> {
        if self.form.is_some() {
            Some(AuditFront::Search)
        } else if self.export_file.is_some() {
            Some(AuditFront::Export)
        } else {
            self.open.as_ref().map(|_| AuditFront::Entry)
        }
    }

    /// Answers of a session that ended will not come any more; what is typed stays.
    pub fn interrupted(&mut self) -> bool {
        self.loading = false;
        self.export.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::ids::UnixMillis;

    fn entries(ids: &[i64]) -> Vec<AuditEntry> {
        let entry = |id: &i64| AuditEntry {
            id: *id,
            at_ms: UnixMillis(0),
            actor: String::new(),
            address: String::new(),
            action: String::new(),
            target: String::new(),
            outcome: String::new(),
            detail: serde_json::Value::Null,
            previous_hash: String::new(),
            hash: String::new(),
        };
        ids.iter().map(entry).collect()
    }

    #[test]
    fn the_cursor_stays_on_its_entry_unless_the_newest_are_followed() {
        let mut view = AuditView::default();
        view.set_height(2);
        view.put_newest(entries(&[5, 4, 3, 2]));
        view.go(2);
        view.put_newest(entries(&[7, 6, 5, 4, 3, 2]));
        assert_eq!((view.cursor(), view.position()), (Some(3), 4));
        assert!(view.visible().any(|entry| entry.id == 3));
        view.follow = true;
        view.put_newest(entries(&[8, 7]));
        assert_eq!(view.cursor(), Some(8));
        view.put_older(entries(&[6]));
        view.go(usize::MAX);
        assert_eq!(view.cursor(), Some(6));
    }

    #[test]
    fn another_search_forgets_what_was_found() {
        let mut view = AuditView::default();
        view.put_newest(entries(&[2, 1]));
        let round = view.round;
        view.search(AuditFilter::everything());
        assert!(view.entries().is_empty() && view.round > round && view.cursor().is_none());
    }

    #[test]
    fn the_form_gives_back_what_it_was_opened_with() {
        let mut filter = AuditFilter::default();
        filter.set(AuditField::Text, "  web 1 ");
        let typed = AuditForm::new(&filter).filter();
        assert_eq!(typed, filter);
        let set: Vec<_> = typed.set_fields().collect();
        assert_eq!(
            set,
            [
                (AuditField::Action, "!systems.checkin"),
                (AuditField::Text, "web 1")
            ]
        );
    }
}
