//! Upgrades: which system is to come to which version, and how far it is.
//!
//! Invariants: an upgrade is queued only where the package for the system's platform is strictly newer; a system has one open
//! upgrade at most, and queuing again changes nothing; an upgrade is carried by a command, which is signed, handed out and
//! reported as every other, and its state follows that one's; its state never goes back; a system may read the parts of the
//! package of its open upgrade, and of no other. An acknowledgement that was lost resolves itself: the next check-in from
//! that version ends the upgrade as done.

pub mod agent_routes;
mod follow;
mod part;
mod queue;
pub mod routes;
mod service;
mod store;
mod view;

pub use follow::{News, arrived, follow, heard, silent};
pub use queue::{Order, Outcome, queue};
pub use service::{order, sweep, under_way};
pub use store::Tally;

pub(crate) use service::{of_rollout, queued_of_rollout};
