//! What people put on systems: tags and a note.
//!
//! Invariants: a change and its audit entry are one transaction; a change of tags re-evaluates the rules for that system in
//! the same transaction; what is there already is left without an entry.

mod many;
pub mod routes;
mod service;
mod store;

pub use many::{TagOrder, TaggedMany, Untagged, tag_in_use, tag_many};
pub use service::{change_tags_in, notes_between, notes_of, tags_between, tags_of};
