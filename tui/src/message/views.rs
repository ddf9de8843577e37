//! Questions about how lists of systems are looked at, and their answers: fields, orders,
//! saved filters, what is remembered, exports.

use super::Failure;
use crate::model::{ListExport, ViewMemory};
use scm_protocol::ids::{FilterId, SystemId};
use scm_protocol::rules::FieldCatalogue;
use scm_protocol::saved_filters::{SaveFilter, SavedFilter, SavedFilterList};

/// A question.
#[derive(Debug)]
pub enum ViewCall {
    /// `GET /api/v1/rules/fields`.
    Fields,
    /// `GET /api/v1/systems?sort=`, over all pages: the ids in that order.
    Ordered(String),
    /// `GET /api/v1/filters`.
    Saved,
    /// `POST /api/v1/filters`.
    Save {
        /// Which form.
        ticket: u64,
        /// What was typed.
        body: SaveFilter,
    },
    /// `DELETE /api/v1/filters/{id}`.
    Delete {
        /// Which filter.
        id: FilterId,
        /// Its name, for the message.
        name: String,
    },
    /// What the console's own file remembers of a user.
    Recall(String),
    /// Remembers it there.
    Remember {
        /// Of whom.
        who: String,
        /// What.
        memory: ViewMemory,
    },
    /// Writes systems into a new file.
    Export(Box<ListExport>),
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum ViewReply {
    Fields(Result<FieldCatalogue, Failure>),
    Ordered {
        sort: String,
        result: Result<Vec<SystemId>, Failure>,
    },
    Saved(Result<SavedFilterList, Failure>),
    SavedOne {
        ticket: u64,
        result: Result<SavedFilter, Failure>,
    },
    Deleted {
        name: String,
        result: Result<(), Failure>,
    },
    Recalled(Result<Option<ViewMemory>, String>),
    Remembered(Result<(), String>),
    /// What was written, or why nothing was.
    Exported(Result<String, String>),
}
