//! SSH public keys that log their users in, and the signatures that they make.
//!
//! Invariants: ed25519, ecdsa over P-256 or P-384, and rsa of 2048 bits or more with SHA-2 only; a signature counts for the
//! one namespace alone; a user without a password keeps at least one key.

mod line;
pub mod routes;
mod service;
mod signature;
mod store;

pub use line::{PublicKey, read as read_line};
pub use service::{add_key, registered, used};
pub use signature::verify;
