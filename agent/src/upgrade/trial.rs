//! The trial of a new program: the program that runs and is known to work starts it as a child and keeps watch.
//!
//! Invariants: the trial is written down before the child is started; the child's own durable word alone confirms it; at its
//! end nothing of the child's process group is left, unless it ended itself; whatever happens, the watching program is the one
//! that goes on, or becomes the new one.

use super::record::{self, Job, Record, Step};
use super::role::start_as;
use super::{Ready, Role};
use crate::identity::{Error, StateFolder};
use crate::platform::{self, Became, Group};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watcher looks.
const STEP: Duration = Duration::from_millis(100);
/// How long a program that proved itself may take to end.
const FAREWELL: Duration = Duration::from_secs(30);
/// How long a file may count as being written that was just closed: a program that was being started may hold it still.
const BUSY_TRIES: u32 = 50;

/// How a trial ended, unless it was confirmed, which the record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Why it failed, if it did.
    pub reason: String,
    /// The agent was asked to stop meanwhile.
    pub stopped: bool,
}

/// Writes a trial down: the last step before the lock is given to the child.
///
/// # Errors
/// [`Error`]; there is no trial then.
pub fn begin(folder: &StateFolder, mut record: Record, job: &Job, mark: &str) -> Result<(), Error> {
    record.job = Some(Job {
        step: Step::Trial {
            mark: mark.to_owned(),
        },
        ..job.clone()
    });
    record.write(folder)
}

/// Tries a program that is [`Ready`], whose trial was begun, and waits for the outcome. `tick` waits for so long at most, and
/// says whether the agent is to stop.
pub fn watch(
    ready: &Ready,
    (mark, deadline): (&str, Duration),
    state_folder: &Path,
    arguments: &[OsString],
    mut tick: impl FnMut(Duration) -> bool,
) -> Watched {
    let failed = |reason: String| Watched {
        reason,
        stopped: false,
    };
    let (mut child, group) = match spawn(ready.installed.path(), mark, arguments) {
        Ok(started) => started,
        Err(error) => return failed(format!("the new program could not be started: {error}")),
    };
    // Closed with this program's end, however that comes: by it the child knows.
    let leash = child.stdin.take();
    let Some(ended) = wait_aside(&group) else {
        let _ = group.kill();
        let _ = child.wait();
        return failed("there was no thread to watch the new program".to_owned());
    };
    let folder = StateFolder::peek(state_folder);
    let why = look(&folder, mark, deadline, &ended, &mut tick);
    if why == Why::Confirmed {
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until && !has_ended(&ended, STEP) {
            tick(Duration::ZERO);
        }
    }
    // Unreaped still, so the group is still the child's. There may be nothing left of it.
    let _ = group.kill();
    drop(leash);
    let status = child.wait();
    Watched {
        reason: why.in_words(status.ok(), deadline),
        stopped: why == Why::Stopped,
    }
}

/// Becomes another program, in place of this one. Returns only when that fails, or where the system has no such thing: then it
/// ran as this one's child, and has ended. `stop` waits for so long at most, and says whether the agent is to stop.
pub fn become_program(path: &Path, arguments: &[OsString], stop: impl FnMut(Duration) -> bool) -> Became {
    let mut command = Command::new(path);
    command.args(arguments);
    start_as(&mut command, &Role::Launched);
    platform::become_program(&mut command, stop)
}

fn spawn(path: &Path, mark: &str, arguments: &[OsString]) -> std::io::Result<(Child, Group)> {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::piped());
    start_as(&mut command, &Role::OnTrial(mark.to_owned()));
    // The service manager hears the watching program alone.
    for variable in platform::service::VARIABLES {
        command.env_remove(variable);
    }
    let mut tries = 0;
    loop {
        match Group::start(&mut command, None) {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES => {
                tries += 1;
                thread::sleep(STEP);
            }
            other => return other,
        }
    }
}

/// Hears when the child ends, and leaves it unreaped.
fn wait_aside(group: &Group) -> Option<Receiver<()>> {
    let leader = group.leader().ok()?;
    let (sender, ended) = mpsc::channel();
    let wait = move || {
        // The answer is the same whatever the reason: the child is to be looked at.
        let _ = leader.wait_for_end();
        let _ = sender.send(());
    };
    let thread = thread::Builder::new().name("trial".to_owned()).spawn(wait);
    thread.is_ok().then_some(ended)
}

/// Whether the child has ended, waiting for so long. What was heard once is not heard again: a gone sender says the same.
fn has_ended(ended: &Receiver<()>, most: Duration) -> bool {
    !matches!(ended.recv_timeout(most), Err(mpsc::RecvTimeoutError::Timeout))
}

/// What ended the watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Confirmed,
    Ended,
    Late,
    Stopped,
}

impl Why {
    fn in_words(self, status: Option<ExitStatus>, deadline: Duration) -> String {
        match (self, status.and_then(|status| status.code())) {
            (Why::Confirmed, _) => "it was confirmed".to_owned(),
            (Why::Ended, Some(code)) => {
                format!("the new program exited with {code} before it completed a signed check-in")
            }
            (Why::Ended, None) => {
                let signal = status.map(platform::ended_by).unwrap_or_default();
                format!("signal {signal} ended the new program before it completed a signed check-in")
            }
            (Why::Late, _) => {
                format!(
                    "the new program completed no signed check-in within {} s",
                    deadline.as_secs()
                )
            }
            (Why::Stopped, _) => "the agent was stopped while the new program was on trial".to_owned(),
        }
    }
}

fn look(
    folder: &StateFolder,
    mark: &str,
    deadline: Duration,
    ended: &Receiver<()>,
    tick: &mut impl FnMut(Duration) -> bool,
) -> Why {
    // What cannot be read now is read again, and in the end by the record's judge.
    let is_confirmed = || matches!(record::confirmed(folder), Ok(Some(found)) if found == mark);
    let until = Instant::now() + deadline;
    loop {
        if is_confirmed() {
            return Why::Confirmed;
        }
        if has_ended(ended, Duration::ZERO) {
            return if is_confirmed() {
                Why::Confirmed
            } else {
                Why::Ended
            };
        }
        if Instant::now() >= until {
            return Why::Late;
        }
        if tick(STEP) {
            return Why::Stopped;
        }
    }
}

#[cfg(test)]
mod tests;
