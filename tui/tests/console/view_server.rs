//! The part of the server in memory that keeps saved filters, and the file that remembers how lists are looked at.

use crate::server::{START, refused};
use scm_protocol::ids::{FilterId, SystemId, UnixMillis};
use scm_protocol::rules::FieldCatalogue;
use scm_protocol::saved_filters::{SaveFilter, SavedFilter, SavedFilterList};
use scm_protocol::systems::SystemDetail;
use scmtui::message::{ViewCall, ViewReply};
use scmtui::model::{ListExport, ViewMemory};
use std::collections::BTreeMap;

/// What is saved and remembered.
#[derive(Default)]
pub(crate) struct ViewServer {
    pub(crate) filters: Vec<SavedFilter>,
    pub(crate) memories: BTreeMap<String, ViewMemory>,
    pub(crate) exports: Vec<ListExport>,
    /// Saving is refused with this.
    pub(crate) refuses: Option<&'static str>,
}

impl ViewServer {
    pub(crate) fn add(&mut self, id: i64, body: SaveFilter) -> SavedFilter {
        let saved = SavedFilter {
            id: FilterId(id),
            name: body.name,
            filter: body.filter,
            sort: body.sort,
            columns: body.columns,
            shared: body.shared,
            changed_ms: UnixMillis(START),
        };
        self.filters.push(saved.clone());
        saved
    }

    pub(crate) fn answer(&mut self, call: ViewCall, systems: &BTreeMap<SystemId, SystemDetail>) -> ViewReply {
        match call {
            ViewCall::Fields => ViewReply::Fields(Ok(FieldCatalogue::of_this_version())),
            ViewCall::Ordered(sort) => ViewReply::Ordered {
                sort,
                // By id, backwards: an order that no row could give.
                result: Ok(systems.keys().rev().copied().collect()),
            },
            ViewCall::Saved => ViewReply::Saved(Ok(SavedFilterList {
                items: self.filters.clone(),
            })),
            ViewCall::Save { ticket, body } => ViewReply::SavedOne {
                ticket,
                result: match self.refuses {
                    Some(reason) => Err(refused(409, "too_many", reason)),
                    None => Ok(self.add(self.filters.len() as i64 + 1, body)),
                },
            },
            ViewCall::Delete { id, name } => {
                self.filters.retain(|filter| filter.id != id);
                ViewReply::Deleted { name, result: Ok(()) }
            }
            ViewCall::Recall(who) => ViewReply::Recalled(Ok(self.memories.get(&who).cloned())),
            ViewCall::Remember { who, memory } => {
                self.memories.insert(who, memory);
                ViewReply::Remembered(Ok(()))
            }
            ViewCall::Export(export) => {
                let said = format!("exported {} systems to {}", export.rows.len(), export.file);
                self.exports.push(*export);
                ViewReply::Exported(Ok(said))
            }
        }
    }
}
