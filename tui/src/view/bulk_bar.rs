//! The beginning of the last line where systems are selected: how many, and by which filter.

use super::{format, text};
use crate::model::{List, State, clean};

/// Columns of a filter in the bulk bar.
const SHOWN_FILTER: usize = 24;

/// `14 selected:`, or what they match.
pub(super) fn selection(state: &State) -> (String, String) {
    let number = i64::try_from(selected(state)).unwrap_or(i64::MAX);
    let number = format::count(number);
    match state.list().and_then(List::whole) {
        None => (number, "selected:".to_owned()),
        Some(whole) if whole.filter.is_empty() => (format!("all {number}"), "systems:".to_owned()),
        Some(whole) => {
            let filter = text::cut(&clean(&whole.filter), SHOWN_FILTER, "..");
            (format!("all {number}"), format!("matching {filter}:"))
        }
    }
}

/// How many systems an action would be about, where it is more than the one under the cursor.
pub(super) fn selected(state: &State) -> usize {
    state.list().map_or(0, |list| {
        if list.whole().is_some() {
            return list.len();
        }
        let range = list.range().iter().filter(|id| !list.marks.contains(id));
        list.marks.len() + range.count()
    })
}
