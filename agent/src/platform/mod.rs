//! Everything that differs between operating systems: paths, file modes, signals, where the host describes itself.
//!
//! The only folder of this crate with `cfg`. Each system's file offers the same names.

#[cfg(unix)]
mod processes;
#[cfg(unix)]
#[path = "service_unix.rs"]
pub mod service;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
#[path = "user_unix.rs"]
pub mod user;

#[cfg(unix)]
pub use processes::{
    Account, PROTECTED_PATHS, PROTECTED_UNITS, account, ended_by, is_executable, isolate, kill_group,
    may_switch_user, replace_process, tampering, terminate_group, wait_for_end,
};
#[cfg(unix)]
pub use unix::{
    DEFAULT_CONFIG, DEFAULT_STATE_FOLDER, LocalStream, OTHERS_MAY_READ, RUNTIMES, StopSignals, VolumeSpace,
    create_private_file, create_private_folder, create_readable_file, exposure, free_bytes, local_stream,
    machine_id, make_executable, os_name, restrict_file, restrict_folder, root_volume, sync_folder,
};
