//! The "ID 0" request: a machine with a key of its own asks to be managed.
//!
//! Invariants: possession of the key is proven before anything is parsed; the same key gets the same id, so a lost reply
//! costs nothing; a captured registration is refused for as long as its clock would be accepted; a denied key stays denied.

mod limits;
pub mod routes;
mod service;
mod store;

pub use limits::RegistrationLimits;
pub use service::sweep_nonces;
