//! Everything that differs between operating systems: paths, file modes, signals, where the host describes itself.
//!
//! The only folder of this crate with `cfg`. Each system's file offers the same names.

#[cfg(unix)]
mod processes;
#[cfg(windows)]
#[path = "processes_windows.rs"]
mod processes;
#[cfg(unix)]
#[path = "registry_unix.rs"]
pub mod registry;
#[cfg(windows)]
#[path = "registry_windows.rs"]
pub mod registry;
#[cfg(unix)]
#[path = "service_unix.rs"]
pub mod service;
#[cfg(windows)]
#[path = "service_windows.rs"]
pub mod service;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
#[path = "user_unix.rs"]
pub mod user;
#[cfg(windows)]
#[path = "user_windows.rs"]
pub mod user;
#[cfg(windows)]
mod windows;

pub use processes::{
    Account, Group, Leader, PROTECTED_UNITS, REPLACES_ITSELF, account, become_program, comparable, ended_by,
    environment, is_executable, is_unit, may_switch_user, named_paths, protected_paths, tampering,
    working_folder,
};
#[cfg(unix)]
pub use unix::{
    DEFAULT_CONFIG, LocalStream, OTHERS_MAY_READ, RUNTIMES, StopSignals, VolumeSpace, create_private_file,
    create_private_folder, create_readable_file, default_state_folder, exposure, free_bytes, local_stream,
    machine_id, make_executable, os_name, restrict_file, restrict_folder, root_volume, sync_folder,
};
#[cfg(windows)]
pub use windows::{
    DEFAULT_CONFIG, LocalStream, OTHERS_MAY_READ, RUNTIMES, StopSignals, VolumeSpace, create_private_file,
    create_private_folder, create_readable_file, default_state_folder, exposure, free_bytes, local_stream,
    machine_id, make_executable, os_name, restrict_file, restrict_folder, root_volume, sync_folder,
};

use std::process::ExitStatus;

/// What came of becoming another program, where this process is still there to be told.
#[derive(Debug)]
pub enum Became {
    /// It could not be started.
    Failed(std::io::Error),
    /// It ran in this one's place, and ended because this one was asked to stop.
    Stopped,
    /// It ran in this one's place, and ended by itself.
    Ended(ExitStatus),
}
