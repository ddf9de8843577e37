//! Settings that administrators change while the server runs, for each organization (`scm_protocol::settings`).
//!
//! Invariants: stored is only what differs from the default; reading takes no lock and no query ([`SettingsCache::of`]); a
//! change holds in this process before its reply leaves, and in other replicas after `poll`'s next look; a change and its
//! audit entry are one transaction; a stored value that its definition does not take any more counts as not stored.

mod cache;
mod guard;
mod poll;
pub mod routes;
mod service;
mod store;
mod values;

pub use cache::SettingsCache;
pub use guard::{Guard, Proposal};
pub use poll::{follow_changes, read_again};
pub use values::OrganizationSettings;
