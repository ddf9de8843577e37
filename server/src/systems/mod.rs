//! Managed machines: their identity, status, check-ins and what the console sees of them.
//!
//! Invariants: an id is never used again; a status changes only with its audit entry in the same transaction; a check-in
//! is answered after it is durable; presence is computed when asked, never stored.

pub mod agent_routes;
mod batch;
mod boots;
mod checkin;
mod checkin_store;
mod conflict;
mod conflict_service;
mod conflict_store;
mod decide;
mod decision;
mod expiry;
mod expiry_store;
mod facts;
mod facts_store;
mod filtered;
mod grouping;
mod heartbeats;
mod hold;
mod keys;
mod list;
mod machine;
mod machine_store;
mod mirror;
mod observed;
mod overview;
mod presence;
mod replay;
mod request;
mod rotate;
mod rotate_store;
pub mod routes;
mod service;
mod shared;
mod signatures;
mod silence;
mod silence_store;
mod state_store;
mod store;
mod view;

pub use batch::{BatchContext, CheckinQueue};
pub use decide::Intervals;
pub use decision::{Decision, Refused, Shown};
pub use expiry::expire_pending;
pub use facts::{CHUNK, chunk, facts_of, matching, scan};
pub use filtered::{check_order, parse_filter, summaries};
pub use hold::Holds;
pub use keys::KeyCache;
pub use machine::{Machine, machines};
pub use mirror::{Mirror, keep_mirror};
pub use observed::SystemFacts;
pub use overview::Fleet;
pub use replay::ReplayWindow;
pub use request::{
    Admitted, Asked, Verification, admit, admit_run, authenticate, lock_row, note_actions, take_number,
};
pub use service::{Decided, Order, decide, exists, fleet, held_names, names, status_in, tell};
pub use signatures::Verifiers;
pub use silence::watch_silence;
pub use view::Instants;
