//! API tokens: what scripts call the console's API with.
//!
//! Invariants: a token is stored as its SHA-256 alone and shown once; it has an end; what it may do is the weaker of its own
//! role and the role that its user has when it is used, and it goes with its user; it never makes another one.

pub mod routes;
mod service;
mod store;

pub use service::principal;
