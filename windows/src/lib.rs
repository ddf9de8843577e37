//! What the agent needs of Windows and neither the standard library nor a well-kept safe one offers: who may do what to a
//! file, groups of processes that end together, space on volumes, and being a service.
//!
//! Invariants: all code that the compiler cannot check stands in `calls`, one call of the system a function, and in the entry
//! point of `service`, which a macro of `windows-service` writes; nothing of them can be misused from safe code. `descriptor`
//! only reads text, and is tested on every system.

pub mod descriptor;

#[cfg(windows)]
mod calls;
#[cfg(windows)]
pub mod files;
#[cfg(windows)]
pub mod job;
#[cfg(windows)]
pub mod service;
#[cfg(windows)]
pub mod volumes;
