//! Organizations: sealed from each other. Only the server's local administrator makes them.
//!
//! Invariants: each has a signing key of its own, sealed, and a one-time setup code for its first owner; whatever belongs to
//! one is reached through its id in every query; every replica finds a new one when it is first asked for.

pub mod command;
pub mod routes;
mod service;
mod store;
