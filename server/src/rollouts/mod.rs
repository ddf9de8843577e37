//! Rollouts: an upgrade for a part of the fleet, then for more of it.
//!
//! Invariants: which systems and which version is fixed when a rollout is created; each system belongs to a cohort by its id
//! alone, so that whoever is in an early stage is in every later one; a system is queued once, unless it was taken back by a
//! halt; more failures than its budget halt it before anything more is queued; one server works on a rollout at a time, in
//! transactions that begin by looking, so that a restart or two servers do no harm; every change is in the audit.

mod decide;
pub mod routes;
mod service;
mod step;
mod store;
mod target_store;
mod view;
mod work;

pub use work::{sweep, work};
