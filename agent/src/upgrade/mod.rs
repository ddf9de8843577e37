//! Becoming another version of this program: ordered by a server, released by a key that no server holds.
//!
//! A package goes through types, each made from the one before and from nothing else: [`Fetching`] (a part of it is there),
//! [`Fetched`] (all of it, with the size and the hash that were ordered), [`Verified`] (signed by the release key as exactly
//! this version for this platform), [`Installed`] (a program that can be started). Then it is *tried*: the running program,
//! which is known to work, starts it as a child, and keeps watch until it has completed a signed check-in ([`trial`]); only
//! then does it become it. Who starts first is always the installed program, which becomes the newest verified one
//! ([`launch`]).
//!
//! Invariants: nothing is executed that the release key did not sign, whoever ordered it; never an older version or the same;
//! every refusal leaves the running program untouched; the durable record ([`record`]) is changed under the lock of the
//! state folder only, and says after a kill at any moment what runs next: never a program on trial that has not proven
//! itself; one upgrade at a time, whichever server ordered it.

mod fetch;
mod install;
pub mod launch;
mod order;
mod programs;
pub mod record;
#[cfg(test)]
mod release_key;
mod role;
mod slot;
pub mod trial;
mod verify;

pub use fetch::{Fetched, Fetching, NotFetched};
pub use install::Installed;
pub use order::{Policy, refusal};
pub use programs::Programs;
pub use record::{Job, Outcome, Record, Step, Stored};
pub use role::{OnTrial, Role, installed_program};
pub use slot::{Busy, Held, Ready, Upgrades};
pub use verify::Verified;

/// Why a step could not be done, for a person.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub(crate) String);

impl Trouble {
    /// What was to be done, and what the operating system said.
    pub(crate) fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Trouble(format!("cannot {action} {}: {error}", path.display()))
    }
}
