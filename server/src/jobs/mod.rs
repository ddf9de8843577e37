//! Bulk jobs: one thing done to many systems, in the background, with an outcome for each.
//!
//! Invariants: what a job works on is frozen in the transaction that creates it; a system's change, its audit entry and its
//! outcome are one transaction, so that nothing is done twice whatever breaks when; one server at a time works on a job
//! (`lease_owner`), and another takes it over when that one falls silent; every transaction begins by locking the job's
//! row, so that cancelling comes between two of them; what decides on one system decides here, too (`systems::decide`).

mod act;
mod chunk;
mod retention;
pub mod routes;
mod service;
mod store;
mod subject;
mod target_store;
mod targets;
mod view;
mod work;

pub use retention::sweep;
pub use work::work;
