//! Carrying out commands: whether to ([`judge`]), once at most ([`Journal`]), how ([`process`]), and what is told of it
//! ([`Runner`]).
//!
//! Invariants: a command's id is used up durably before its program is started, so that a kill in between leaves a command
//! whose outcome is not known, and never a second execution; a forged command gets no answer; what is told of a command is
//! kept until the server has taken it.

mod journal;
mod judge;
pub mod process;
mod runner;
mod server_clock;

pub use journal::{Journal, Known};
pub use judge::{Authority, Verdict, judge};
pub use runner::Runner;
pub use server_clock::ServerClock;
