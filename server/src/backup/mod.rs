//! Backups: one consistent copy of the database in one file while the server works, and the way back.
//!
//! Invariants: a backup appears under its name only when it is whole and on the disk; it never holds the master key, so
//! that it alone yields no usable secret; a restore verifies everything before it replaces anything, and sets aside what it
//! replaces; every backup, failed backup, download, retention and restore stands in the audit of every organization,
//! because each concerns all of them.

mod archive;
mod begin;
mod checked;
pub mod command;
mod folder;
mod make;
mod manifest;
mod name;
mod postgres;
mod postgres_store;
mod restore;
pub mod routes;
mod schedule;
mod service;
mod store;
mod verify;

pub use begin::record_restores;
pub use schedule::keep_backed_up;

use std::path::PathBuf;

/// Where backups go, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder.
    pub folder: PathBuf,
    /// Hours between two scheduled ones; 0 for none.
    pub every_hours: u32,
    /// How many are kept.
    pub keep: u32,
    /// Folder of `pg_dump` and `pg_restore`; PATH when none is given.
    pub postgres_programs: Option<PathBuf>,
}
