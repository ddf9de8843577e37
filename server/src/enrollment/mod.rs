//! The "ID 0" request: a machine with a key of its own asks to be managed; and the tokens that let it in at once.
//!
//! Invariants: possession of the key is proven before anything is parsed; the same key gets the same id, so a lost reply
//! costs nothing; a captured registration is refused for as long as its clock would be accepted; a denied key stays denied.
//! Of a token's secret only the SHA-256 is kept; a use is counted in the transaction of the registration that it approves;
//! a token that approves nobody never keeps a machine from waiting for an administrator. A bootstrap string is made on
//! request and kept nowhere.

mod admission;
pub mod bootstrap_routes;
mod bootstrap_service;
mod limits;
mod queue;
mod record;
mod registration;
pub mod routes;
mod service;
mod store;
#[cfg(test)]
mod tests;
pub mod token_routes;
mod token_service;
mod token_store;
mod waiting;

pub(crate) use bootstrap_service::is_loopback;
pub use limits::RegistrationLimits;
pub use queue::Registrations;
pub use service::sweep_nonces;
