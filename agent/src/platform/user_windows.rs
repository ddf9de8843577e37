//! Windows: the agent's service runs as the system itself, so that there is no other user to act for.

use std::convert::Infallible;
use std::path::Path;
use std::process::Command;

/// Another user: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User(Infallible);

/// None, always.
pub fn owner_to_act_for(_folder: &Path) -> Option<User> {
    None
}

/// Runs the command as nobody else.
pub fn act_as(_command: &mut Command, user: User) {
    match user.0 {}
}

/// Lets nobody else read.
///
/// # Errors
/// None.
pub fn let_group_read(_path: &Path, user: User) -> std::io::Result<()> {
    match user.0 {}
}

/// Whether a file that holds a secret can be read by others than its owner, the system and administrators.
pub fn is_widely_readable(file: &Path, _folder: &Path) -> bool {
    scm_windows::files::descriptor(file).is_ok_and(|(found, me)| found.others_may_read(&me))
}
