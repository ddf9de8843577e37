//! The part of the key table about how lists of systems are looked at.

use super::Key;
use super::binding::{Action, Binding, Scope, plain};
use Key::Char;

/// Columns, saved filters, export.
pub(super) const VIEWS: &[Binding] = &[
    plain(
        Action::Columns,
        &[Char('C')],
        Scope::List,
        "columns",
        "choose the columns; they are remembered",
    ),
    plain(
        Action::SavedFilters,
        &[Char('F')],
        Scope::List,
        "saved filters",
        "filters under a name: Enter shows one, n saves the present one, x deletes one",
    ),
    plain(
        Action::ExportList,
        &[Char('e')],
        Scope::List,
        "export",
        "write the marked systems, or all that match, into a file as CSV or JSON",
    ),
];
