//! What runs at a start: the installed program itself, or the verified one that it becomes.
//!
//! Invariants: called under the lock of the state folder only; a trial that is not going on any more is decided before
//! anything else is; a stored program is verified anew each time, and becomes current only where it is newer than the program
//! that asks; what is not is removed, so that the package manager's word counts.

use super::order::Policy;
use super::record::{self, Record, Stored};
use super::slot::used;
use super::verify::verify_file;
use super::{Programs, Role, Trouble};
use crate::identity::{Error, StateFolder};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::is_newer;
use std::path::PathBuf;

/// Why a trial counts as failed of which nobody knows more.
pub const KILLED: &str = "the agent ended while the new program was on trial";

/// What this process becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It stays what it is.
    Own,
    /// Another program.
    Program(PathBuf),
}

/// Decides a trial that was left, durably, and removes what is of no use any more. `reason` is why it failed, if it did.
///
/// # Errors
/// [`Error`] when that cannot be made durable: then nothing may be started by the record.
pub fn settle(folder: &StateFolder, reason: &str, now: UnixMillis) -> Result<Record, Error> {
    let mut record = Record::open(folder, now)?;
    let confirmed = record::confirmed(folder)?;
    if let Some(settled) = record.settled(confirmed.as_deref(), reason, now) {
        settled.write(folder)?;
        if let Some(last) = &settled.last {
            tracing::info!(upgrade.version = %last.version, outcome = last.outcome.as_str(), "upgrade {}", last.in_words());
        }
        record = settled;
    }
    if confirmed.is_some() {
        record::forget_confirmation(folder)?;
    }
    let programs = Programs::of(folder.path());
    programs.keep_only(&used(&record, &programs));
    Ok(record)
}

/// Which program this one, of `policy`'s version, becomes. What the record holds and is not newer is dropped from it, if
/// this is the installed program: whoever installed it wanted it to run.
///
/// # Errors
/// [`Error`] when that cannot be made durable.
pub fn next(folder: &StateFolder, record: &mut Record, role: &Role, policy: &Policy) -> Result<Next, Error> {
    let Some(current) = &record.current else {
        return Ok(Next::Own);
    };
    let programs = Programs::of(folder.path());
    if !is_newer(&current.order.version, &policy.version) {
        if *role == Role::Installed {
            tracing::info!(
                stored.version = %current.order.version, own.version = %policy.version,
                "the installed program is as new as the stored one, which is removed"
            );
            drop_current(folder, record, &programs)?;
        }
        return Ok(Next::Own);
    }
    if policy.keys.is_empty() {
        tracing::warn!(
            stored.version = %current.order.version,
            "no release key is known: the stored program cannot be verified, the installed one runs"
        );
        return Ok(Next::Own);
    }
    match verify(current, &programs, policy) {
        Ok(path) => Ok(Next::Program(path)),
        Err(error) => {
            tracing::error!(
                target: "security", event = "stored_program_refused", stored.version = %current.order.version, %error,
                "the stored program is not run, the installed one is"
            );
            drop_current(folder, record, &programs)?;
            Ok(Next::Own)
        }
    }
}

fn verify(stored: &Stored, programs: &Programs, policy: &Policy) -> Result<PathBuf, Trouble> {
    programs.make()?;
    let path = programs.program(&stored.order.version, &stored.order.sha256);
    verify_file(&path, &stored.order, policy)?;
    Ok(path)
}

fn drop_current(folder: &StateFolder, record: &mut Record, programs: &Programs) -> Result<(), Error> {
    let without = Record {
        current: None,
        ..record.clone()
    };
    without.write(folder)?;
    *record = without;
    programs.keep_only(&used(record, programs));
    Ok(())
}

#[cfg(test)]
mod tests;
