//! How the lists of systems are looked at.

use super::column::Column;
use super::filter_line::FilterHistory;
use scm_protocol::rules::FieldCatalogue;
use scm_protocol::saved_filters::SavedFilter;

/// What lists show, and what their filters and orders can ask for.
#[derive(Debug)]
pub struct Views {
    /// Columns behind the host name.
    pub columns: Vec<Column>,
    /// The fields that the server knows; those of this version until it says so.
    pub fields: FieldCatalogue,
    /// Filters that were used.
    pub history: FilterHistory,
    /// Filters under a name: one's own first.
    pub saved: Vec<SavedFilter>,
}

impl Default for Views {
    fn default() -> Self {
        Views {
            columns: Column::USUAL.to_vec(),
            fields: FieldCatalogue::of_this_version(),
            history: FilterHistory::default(),
            saved: Vec::new(),
        }
    }
}
