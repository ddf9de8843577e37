//! A filter while it is typed: what is offered at the cursor, and what was typed before.

use super::text_field::TextField;
use scm_protocol::rules::FieldCatalogue;
use scm_rules::filter::{Completion, complete};

/// Filters that are remembered.
const MAX_LINES: usize = 50;

/// What is offered at the cursor.
#[derive(Debug, Default)]
pub struct Offer {
    /// What can stand there.
    pub completion: Completion,
    /// The candidate that was gone to; none before that: then `Tab` takes the first.
    pub chosen: Option<usize>,
    asked_for: bool,
}

impl Offer {
    /// What can stand at the cursor of a filter that was just changed.
    pub fn at(field: &TextField, catalogue: &FieldCatalogue) -> Self {
        Offer {
            completion: complete(field.text(), field.cursor(), catalogue),
            ..Offer::default()
        }
    }

    /// Whether candidates are on the screen.
    pub fn is_shown(&self) -> bool {
        !self.completion.candidates.is_empty() && (self.completion.wanted || self.asked_for)
    }

    /// Whether somebody is choosing among them, so that Enter takes one and Esc closes them.
    pub fn is_chosen(&self) -> bool {
        self.is_shown() && self.chosen.is_some()
    }

    /// Shows what can stand there although nothing calls for it.
    pub fn open(&mut self) {
        self.asked_for = true;
        self.chosen = Some(0);
    }

    /// The next or the previous candidate.
    pub fn step(&mut self, down: bool) {
        let last = self.completion.candidates.len().saturating_sub(1);
        self.chosen = Some(match (self.chosen, down) {
            (None, true) => 0,
            (None, false) => last,
            (Some(at), true) => (at + 1).min(last),
            (Some(at), false) => at.saturating_sub(1),
        });
    }

    /// Puts the candidate into the filter; answers whether there was one.
    pub fn take(&self, field: &mut TextField) -> bool {
        let candidate = self.completion.candidates.get(self.chosen.unwrap_or(0));
        if let Some(candidate) = candidate {
            field.put_in(self.completion.from, &candidate.text);
        }
        candidate.is_some()
    }
}

/// Filters that were used, the newest last.
#[derive(Debug, Default)]
pub struct FilterHistory {
    lines: Vec<String>,
    /// The line that is recalled, and what was typed before it was.
    recalled: Option<(usize, String)>,
}

impl FilterHistory {
    /// Those that were used before, the newest last.
    pub fn of(lines: &[String]) -> Self {
        let mut history = FilterHistory::default();
        lines.iter().for_each(|line| history.used(line));
        history
    }

    /// The lines, the newest last.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// A filter was used.
    pub fn used(&mut self, text: &str) {
        self.recalled = None;
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.lines.retain(|line| line != text);
        self.lines.push(text.to_owned());
        let extra = self.lines.len().saturating_sub(MAX_LINES);
        self.lines.drain(..extra);
    }

    /// The line before or after the recalled one; behind the newest is what was typed. None where there is none.
    pub fn recall(&mut self, older: bool, typed: &str) -> Option<String> {
        let (at, draft) = match self.recalled.take() {
            Some((at, draft)) => (at, draft),
            None => (self.lines.len(), typed.to_owned()),
        };
        let next = if older {
            at.checked_sub(1)
        } else {
            Some(at + 1).filter(|at| *at <= self.lines.len())
        };
        let text = next.map(|at| self.lines.get(at).unwrap_or(&draft).clone());
        self.recalled = match next {
            Some(next) if next < self.lines.len() => Some((next, draft)),
            Some(_) => None,
            None if at < self.lines.len() => Some((at, draft)),
            None => None,
        };
        text
    }

    /// The filter was typed on: what was recalled is a text like any other.
    pub fn typed(&mut self) {
        self.recalled = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_back_behind_the_newest() {
        let mut history = FilterHistory::of(&["a".to_owned(), "b".to_owned(), "a".to_owned()]);
        assert_eq!(history.lines(), ["b", "a"]);
        assert_eq!(history.recall(true, "draft").as_deref(), Some("a"));
        assert_eq!(history.recall(true, "a").as_deref(), Some("b"));
        assert_eq!(history.recall(true, "b"), None);
        assert_eq!(history.recall(false, "b").as_deref(), Some("a"));
        assert_eq!(history.recall(false, "a").as_deref(), Some("draft"));
        assert_eq!(history.recall(false, "draft"), None);
    }
}
