//! Who did what: one entry for every change, written in the transaction of the change itself.
//!
//! Invariants: entry ids rise by one within an organization, and each entry's hash covers the one before it, so that an
//! edited, removed or reordered one shows (`chain`, `verify`); the organization's key signs where the chain stands
//! (`anchor`); no entry holds a secret; what cannot be recorded is not done.

pub mod anchor;
mod anchor_store;
mod anchors;
mod begin;
pub mod chain;
pub mod command;
mod export;
mod filter;
mod forward;
mod forward_store;
mod retention;
pub mod routes;
mod search_store;
mod service;
mod store;
pub mod verify;
mod verify_store;
mod watch;

use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::UnixMillis;
use serde_json::Value;

pub use anchors::{anchor_now, keep_anchored};
pub use begin::begin_chain;
pub use export::AT_ONCE as EXPORTS_AT_ONCE;
pub use forward::start_forwarding;
pub use retention::keep_pruned;
pub use service::recent;
pub use store::Head;
pub use verify::verify;
pub use watch::{ChainWatch, watch_chains};

/// Who acts, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// `user:jdoe`, `system:42`, `local-admin` or `server`.
    pub name: String,
    /// Address of the peer; empty for the server itself.
    pub address: String,
}

impl Actor {
    /// The server, acting by itself.
    pub fn server() -> Self {
        Actor {
            name: "server".to_owned(),
            address: String::new(),
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "ok",
            Outcome::Refused => "refused",
        }
    }
}

/// An entry to write.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Whose audit it belongs to.
    pub organization_id: i64,
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub actor: &'a Actor,
    /// What: the name of the route, or of what the server does by itself.
    pub action: &'a str,
    /// On what, for example `system:42`.
    pub target: &'a str,
    /// How it ended.
    pub outcome: Outcome,
    /// Before, after and reason.
    pub detail: Value,
}

impl Entry<'_> {
    /// Writes it.
    ///
    /// # Errors
    /// When the database fails; the change that it belongs to must fail with it.
    pub fn write(&self, conn: &mut Conn) -> Result<(), Error> {
        store::record(conn, std::slice::from_ref(self))
    }
}

/// Where an organization's chain ends.
///
/// # Errors
/// When the database fails.
pub fn head_of(conn: &mut Conn, organization_id: i64) -> Result<Head, Error> {
    store::head(conn, organization_id)
}

/// Writes many at once, in this order: the chain's head moves once per organization however many they are.
///
/// # Errors
/// When the database fails; the changes that they belong to must fail with them.
pub fn record_all(conn: &mut Conn, entries: &[Entry<'_>]) -> Result<(), Error> {
    store::record(conn, entries)
}
