//! Space on volumes.

use crate::calls;
use std::io;
use std::path::{Path, PathBuf};

/// A disk of this machine, by the system's number: no share of another machine, which could hang, and nothing removable.
const FIXED: u32 = 3;

/// Bytes that this process may still use where this folder is.
///
/// # Errors
/// As the operating system says.
pub fn usable_bytes(folder: &Path) -> io::Result<u64> {
    calls::space(folder).map(|(usable, _, _)| usable)
}

/// All bytes and the free ones of the largest volume with a drive letter that is a disk of this machine.
///
/// # Errors
/// When there is none, or none can be measured.
pub fn largest() -> io::Result<(u64, u64)> {
    let drives = calls::drives();
    let roots = (b'A'..=b'Z')
        .enumerate()
        .filter(|(bit, _)| drives & (1 << bit) != 0)
        .map(|(_, letter)| PathBuf::from(format!("{}:\\", char::from(letter))));
    let mut failure = io::Error::other("there is no disk with a drive letter");
    let mut largest = None;
    for root in roots {
        if calls::drive_type(&root)? != FIXED {
            continue;
        }
        match calls::space(&root) {
            Ok((_, total, free)) if largest.is_none_or(|(most, _)| total > most) => {
                largest = Some((total, free));
            }
            Ok(_) => {}
            Err(error) => failure = error,
        }
    }
    largest.ok_or(failure)
}
