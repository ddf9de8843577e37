//! Files and folders for their owner, the system and administrators alone, and who could do something to those that are there.

use crate::calls;
use crate::descriptor::Descriptor;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The system and administrators; what is made in a folder inherits it.
const PRIVATE: &str = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)";
/// The same, and everyone may read.
const READABLE: &str = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FR;;;BU)";

/// With the user of this process, where that is no administrator: what it makes is its own.
fn with_me(list: &str) -> io::Result<String> {
    if calls::is_elevated()? {
        return Ok(list.to_owned());
    }
    Ok(format!("{list}(A;OICI;FA;;;{})", calls::own_sid()?))
}

/// Makes a new file that only its owner, the system and administrators may read or write; fails if there is one of that name.
///
/// # Errors
/// As the operating system says.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    calls::create_file(path, &with_me(PRIVATE)?)
}

/// As [`create_private_file`], but every user may read it.
///
/// # Errors
/// As the operating system says.
pub fn create_readable_file(path: &Path) -> io::Result<File> {
    calls::create_file(path, &with_me(READABLE)?)
}

/// Makes a folder, and those above it that are missing, for its owner, the system and administrators alone.
///
/// # Errors
/// As the operating system says.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        create_private_folder(above)?;
    }
    match calls::create_folder(path, &with_me(PRIVATE)?) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        other => other,
    }
}

/// Takes everyone's rights on a file or folder but its owner's, the system's and administrators'.
///
/// # Errors
/// As the operating system says.
pub fn restrict(path: &Path) -> io::Result<()> {
    calls::set_access(path, &with_me(PRIVATE)?)
}

/// Owner and access list of a file or folder, with the SID of this process's user.
///
/// # Errors
/// As the operating system says; also when the answer cannot be read.
pub fn descriptor(path: &Path) -> io::Result<(Descriptor, String)> {
    let text = calls::descriptor(path)?;
    let found = Descriptor::parse(&text)
        .ok_or_else(|| io::Error::other(format!("its security descriptor cannot be read: {text}")))?;
    Ok((found, calls::own_sid()?))
}
