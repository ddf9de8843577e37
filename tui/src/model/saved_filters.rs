//! Filters under a name: the list of them, the form that saves the present one, the question before one is deleted.

use super::dialog::Focus;
use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::ids::FilterId;
use scm_protocol::saved_filters::SavedFilter;

/// The saved filters, over a list of systems.
#[derive(Debug, Default)]
pub struct SavedMenu {
    /// The one under the cursor.
    pub cursor: Option<FilterId>,
    /// What takes the keys.
    pub mode: SavedMode,
}

/// What takes the keys.
#[derive(Debug, Default)]
pub enum SavedMode {
    /// The list.
    #[default]
    List,
    /// The form.
    Saving(SaveForm),
    /// The question.
    Deleting(DeleteQuestion),
}

/// The present filter, order and columns on their way to a name.
#[derive(Debug, Default)]
pub struct SaveForm {
    /// The name.
    pub name: TextField,
    /// For everybody.
    pub shared: bool,
    /// The field for that has the keys.
    pub on_shared: bool,
    /// What is wrong.
    pub fault: Option<String>,
    /// The request whose answer is awaited.
    pub waits_for: Option<u64>,
}

/// Whether a filter is to be deleted.
#[derive(Debug)]
pub struct DeleteQuestion {
    /// Which.
    pub id: FilterId,
    /// Its name.
    pub name: String,
    /// Others lose it too.
    pub shared: bool,
    /// The button.
    pub focus: Focus,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

impl SavedMenu {
    /// The place of the cursor; a filter that is gone leaves it at the first.
    pub fn position(&self, saved: &[SavedFilter]) -> usize {
        let at = saved.iter().position(|filter| Some(filter.id) == self.cursor);
        at.unwrap_or(0)
    }

    /// Moves the cursor.
    pub fn go(&mut self, place: usize, saved: &[SavedFilter]) {
        let place = place.min(saved.len().saturating_sub(1));
        self.cursor = saved.get(place).map(|filter| filter.id);
    }
}
