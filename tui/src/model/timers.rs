//! Work that waits for its moment.

use crate::clock::Moment;

/// Work that waits for its moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timers {
    /// Fetch stale visible rows.
    pub rows: Option<Moment>,
    /// Fetch the overview.
    pub overview: Option<Moment>,
    /// Fetch the details of what is shown.
    pub detail: Option<Moment>,
    /// Fetch the history of what is shown.
    pub history: Option<Moment>,
    /// Read the list again.
    pub list: Option<Moment>,
    /// Ask what the draft of a rule would do.
    pub preview: Option<Moment>,
    /// Ask the server what a filter takes.
    pub filter: Option<Moment>,
    /// Repaint the seconds of a countdown.
    pub countdown: Option<Moment>,
}
