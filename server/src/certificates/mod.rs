//! Client certificates of systems: issued for the registered key, judged at every request of an agent, withdrawn with
//! the system, and listed for proxies when they are.
//!
//! Invariants: a certificate is for one system and its registered key, and worth nothing with another; of a system's
//! certificates only the newest counts, and the one that its agent held when that was issued, so that a lost reply locks
//! nobody out; what withdraws a system withdraws its certificates in the same transaction; the rows of revoked ones stay
//! until they have expired. A check-in is judged by columns of its system's row, never by a query of its own.

pub mod agent_routes;
mod judge;
pub mod public_routes;
mod revocation_service;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use judge::{Credential, Fault, Issued, Shown, judge, shown, strange};
pub use revocation_service::{Revocations, keep_file};
pub use service::{Reason, Withdrawal, invalid, newest, required, sweep, withdraw};
