//! The second factor: one-time codes by time (RFC 6238) and recovery codes.
//!
//! Invariants: the seed is stored sealed under the master key and shown once; it counts from the confirmation with a code
//! on; each code is taken once, each recovery code too, and those are stored as SHA-256 alone; attempts are throttled.

pub mod routes;
mod service;
mod store;
mod totp;

pub use service::{Checked, check, is_required, reset};
