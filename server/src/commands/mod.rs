//! Commands: what systems are told to do, and what they say came of it.
//!
//! Invariants: a command names an action that its system offers, with values that fit; it is signed when it is handed out,
//! under a nonce of its own, and handed out again, the same, until its system is heard of it; a system carries each out
//! once at most, so that handing out twice (a lost reply, two replicas, a restart) does no harm; every transition is one
//! transaction with its audit entry, and happens once; what is over stays as it is, but for a command that was given up
//! without a word of its system: its late word counts.

pub mod agent_routes;
mod bulk;
mod dispatch;
mod output_store;
mod overdue;
mod report;
pub mod routes;
mod service;
mod store;
mod transition;
mod upgrade;
mod view;

pub use bulk::{NotRun, OfJob, RunOrder, begin_all, cancel_of, check_offered, last_of, of_job};
pub use dispatch::{hand_out, waiting};
pub use overdue::{keep_moving, sweep};
pub use upgrade::{NewUpgradeCommand, create_upgrade, is_under_way, take_back};
