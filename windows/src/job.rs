//! Programs that end with everything that they started.

use crate::calls;
use std::io;
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::os::windows::process::CommandExt;
use std::process::{Child, Command};

/// Begins without running, so that it is in its job before it can start anything.
const CREATE_SUSPENDED: u32 = 0x0000_0004;
/// Without a window of its own.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;
/// What a program that was ended from here exits with.
const ENDED: u32 = 1;

/// A program and all that it started. When it is dropped, whatever is left of them is ended.
#[derive(Debug)]
pub struct Job {
    job: OwnedHandle,
    leader: OwnedHandle,
}

/// Hears of the end of a program.
#[derive(Debug)]
pub struct End(OwnedHandle);

impl Job {
    /// Starts a program in a job of its own.
    ///
    /// # Errors
    /// As the operating system says; nothing runs then.
    pub fn start(command: &mut Command) -> io::Result<(Child, Self)> {
        let job = calls::create_job()?;
        let mut child = command
            .creation_flags(CREATE_SUSPENDED | CREATE_NO_WINDOW)
            .spawn()?;
        let begun = (|| {
            let leader = child.as_handle().try_clone_to_owned()?;
            calls::assign(job.as_handle(), child.as_handle())?;
            calls::resume(child.id())?;
            Ok(leader)
        })();
        match begun {
            Ok(leader) => Ok((child, Job { job, leader })),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// Ends all of it at once.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn end(&self) -> io::Result<()> {
        calls::terminate(self.job.as_handle(), ENDED)
    }

    /// What hears of the end of the program that was started.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn leaders_end(&self) -> io::Result<End> {
        self.leader.try_clone().map(End)
    }
}

impl End {
    /// Waits for it.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn wait(self) -> io::Result<()> {
        calls::wait(self.0.as_handle())
    }
}
