//! Users: managed by owners; everyone manages how they log in themselves.
//!
//! Invariants: an organization keeps an owner; a user keeps something to log in with; a change of role, of password, or a
//! deletion ends the user's sessions in the same transaction, and a deletion takes the API tokens and SSH keys along.

mod account;
pub mod account_routes;
pub mod routes;
mod service;
mod store;
