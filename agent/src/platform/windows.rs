//! Windows: access lists, owners, the console's signals, the registry's word on the machine.

use scm_windows::{files, volumes};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use windows_registry::LOCAL_MACHINE;

/// Where the configuration is read from: a key of the registry. A path of a file in its place is read as everywhere.
pub const DEFAULT_CONFIG: &str = "HKLM\\SOFTWARE\\OpenSCM\\Client";
/// Container runtimes and what they listen on: none is asked here.
pub const RUNTIMES: &[(&str, &str)] = &[];
/// What [`exposure`] says of a file that more than its owner, the system and administrators may read.
pub const OTHERS_MAY_READ: &str = "others than its owner may read it";

/// A connection to a service on this host.
pub type LocalStream = File;

/// Where identities are kept.
pub fn default_state_folder() -> PathBuf {
    program_data().join("OpenSCM\\Client")
}

/// Where programs keep what belongs to the machine: by the registry's word, because an environment is whatever somebody made it.
pub(super) fn program_data() -> PathBuf {
    const DRIVE: &str = "%SystemDrive%";
    let key = LOCAL_MACHINE.open("SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList");
    let said = key
        .and_then(|key| key.get_string("ProgramData"))
        .unwrap_or_default();
    let drive = std::env::var("SystemDrive").unwrap_or_else(|_| "C:".to_owned());
    let folder = match said.get(..DRIVE.len()) {
        Some(begin) if begin.eq_ignore_ascii_case(DRIVE) => format!("{drive}{}", &said[DRIVE.len()..]),
        _ => said,
    };
    let folder = PathBuf::from(folder);
    if folder.is_absolute() {
        folder
    } else {
        PathBuf::from("C:\\ProgramData")
    }
}

/// Nobody is asked here.
///
/// # Errors
/// Always.
pub fn local_stream(_path: &str, _limit: Duration) -> io::Result<LocalStream> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a folder, and those above it, for its owner, the system and administrators alone.
///
/// # Errors
/// As the operating system says.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    files::create_private_folder(path)
}

/// Makes a new file for its owner, the system and administrators alone; fails if there is one of that name.
///
/// # Errors
/// As the operating system says.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    files::create_private_file(path)
}

/// Makes a new file that everyone may read; fails if there is one of that name.
///
/// # Errors
/// As the operating system says.
pub fn create_readable_file(path: &Path) -> io::Result<File> {
    files::create_readable_file(path)
}

/// Takes everyone's rights on a folder but its owner's, the system's and administrators'.
///
/// # Errors
/// As the operating system says.
pub fn restrict_folder(path: &Path) -> io::Result<()> {
    files::restrict(path)
}

/// Takes everyone's rights on a file but its owner's, the system's and administrators'.
///
/// # Errors
/// As the operating system says.
pub fn restrict_file(path: &Path) -> io::Result<()> {
    files::restrict(path)
}

/// Makes a program durable. That it may be executed is said by its name and its access list, which it has already.
///
/// # Errors
/// As the operating system says.
pub fn make_executable(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Why what lies here cannot be trusted: someone else owns it or may write it. None when it can.
pub fn exposure(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    let Ok((found, me)) = files::descriptor(path) else {
        return Some("who may do what with it cannot be read");
    };
    if metadata.is_symlink() {
        Some("it is a link")
    } else if !found.is_owned_by(&me) {
        Some("it belongs to another user")
    } else if found.others_may_write(&me) {
        Some("others than its owner may write it")
    } else if metadata.is_file() && found.others_may_read(&me) {
        Some(OTHERS_MAY_READ)
    } else {
        None
    }
}

/// Nothing is to be done: NTFS journals names, and a folder cannot be flushed.
///
/// # Errors
/// None.
pub fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Space on a volume, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeSpace {
    /// In use.
    pub used_bytes: i64,
    /// All of it.
    pub total_bytes: i64,
}

/// The space of the largest disk with a drive letter.
///
/// # Errors
/// As the operating system says.
pub fn root_volume() -> io::Result<VolumeSpace> {
    let (total, free) = volumes::largest()?;
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    Ok(VolumeSpace {
        used_bytes: bytes(total.saturating_sub(free)),
        total_bytes: bytes(total),
    })
}

/// Space that this process may still use where this folder is, in bytes.
///
/// # Errors
/// As the operating system says.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    volumes::usable_bytes(folder)
}

/// What identifies this installation of the operating system.
pub fn machine_id() -> Option<String> {
    let key = LOCAL_MACHINE.open("SOFTWARE\\Microsoft\\Cryptography").ok()?;
    let id = key.get_string("MachineGuid").ok()?;
    (!id.is_empty()).then_some(id)
}

/// The operating system's name for people: as `sysinfo` has it.
pub fn os_name() -> Option<String> {
    None
}

/// Who asked the agent to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    ServiceManager,
    Console,
}

static ASKED: (Mutex<Option<Asked>>, Condvar) = (Mutex::new(None), Condvar::new());

/// Has whoever waits by [`StopSignals`] hear of it, also if it begins to wait later.
pub(super) fn ask_to_stop(by: Asked) {
    *ASKED.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(by);
    ASKED.1.notify_all();
}

/// What asks the agent to stop: the service manager, or Ctrl-C and the closing of the console.
#[derive(Debug)]
pub struct StopSignals(());

impl StopSignals {
    /// Takes the console's signals over from their default, which would end the process at once.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn listen() -> io::Result<Self> {
        if !scm_windows::service::is_one() {
            ctrlc::set_handler(|| ask_to_stop(Asked::Console)).map_err(io::Error::other)?;
        }
        Ok(StopSignals(()))
    }

    /// Waits for one; its name.
    pub fn wait(&mut self) -> &'static str {
        let mut asked = ASKED.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match asked.take() {
                Some(Asked::ServiceManager) => return "stop",
                Some(Asked::Console) => return "Ctrl-C",
                None => asked = ASKED.1.wait(asked).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
