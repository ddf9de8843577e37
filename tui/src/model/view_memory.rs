//! What is remembered of how somebody looks at the systems of a server, from one run of the console to the next.

use super::column::Column;
use super::sort::Sort;
use serde::{Deserialize, Serialize};

/// Columns, orders and filters of one user at one server. What is not known any more is left out when it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViewMemory {
    /// Names of the columns; empty: the usual ones.
    pub columns: Vec<String>,
    /// The order of all systems.
    pub sort: String,
    /// The order of those that wait for approval.
    pub pending_sort: String,
    /// Filters that were used, the newest last.
    pub filters: Vec<String>,
}

impl ViewMemory {
    /// The columns.
    pub fn columns(&self) -> Vec<Column> {
        let known: Vec<Column> = self
            .columns
            .iter()
            .filter_map(|name| Column::named(name))
            .collect();
        if known.is_empty() {
            Column::USUAL.to_vec()
        } else {
            known
        }
    }

    /// The orders: of all systems, and of those that wait.
    pub fn sorts(&self) -> [Sort; 2] {
        [&self.sort, &self.pending_sort].map(|text| Sort::read(text).unwrap_or_default())
    }
}
