//! Programs of agents that systems can be upgraded to: the same for every organization of the server, and shared by its
//! replicas through the database.
//!
//! Invariants: a package is stored only when a configured release key signed it as an agent's program of that version, that
//! platform and that hash, whole or not at all; a version of a platform never changes; what an upgrade that is under way
//! needs is not removed. Packages are added and removed on the server's machine, by hand or with the server's own package, never
//! over the network.

mod carried;
pub mod command;
mod file;
mod recorded;
pub mod routes;
mod service;
mod store;

pub use carried::take_carried;
pub use service::{Stored, all, find, part};
