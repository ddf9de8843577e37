//! Runs one program. Nothing but the standard library and the few calls of [`crate::platform`] that it lacks: this is the
//! place where something is executed, and it is to be read in one go.
//!
//! Invariants: never a shell, the program is started by its path with its arguments as they are; its environment is empty
//! but for [`platform::environment`], its standard input is empty, it works in `/`, in a process group of its own; when it ends, runs
//! out of time or is stopped, whatever is left of that group is killed before its leader is reaped, so that no other group
//! can be hit; its output is read to the end, passed on as it comes.

use crate::actions::Program;
use crate::platform::{self, Group};
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a group that was asked to end may take before it is killed.
const GRACE: Duration = Duration::from_secs(2);
/// How often a wish to stop is looked for.
const TICK: Duration = Duration::from_millis(50);
/// How long output is still read after the end: a process that left the group may hold the pipe for ever.
const DRAIN: Duration = Duration::from_secs(1);
/// Most that is read at once.
const READ_BYTES: usize = 8 * 1024;
/// Parts of output that may wait: a program that writes faster than it is read has to wait, too.
const WAITING_PARTS: usize = 8;

/// The wish that a program ends.
#[derive(Debug, Default)]
pub struct Wish(AtomicU8);

impl Wish {
    const GENTLY: u8 = 1;
    const AT_ONCE: u8 = 2;

    /// The group is asked to end, and killed if it does not soon.
    pub fn stop(&self) {
        self.0.fetch_max(Self::GENTLY, Ordering::Relaxed);
    }

    /// The group is killed.
    pub fn stop_at_once(&self) {
        self.0.fetch_max(Self::AT_ONCE, Ordering::Relaxed);
    }
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited by itself.
    Exited(i32),
    /// A signal ended it that this agent did not send.
    Signalled(i32),
    /// It ran too long and was killed with its group.
    TimedOut,
    /// It was killed with its group because somebody said so.
    Stopped,
    /// It was never started, and why.
    NotStarted(String),
}

enum Event {
    Wrote(Vec<u8>),
    Closed,
    Ended,
}

/// Runs it to its end. `wrote` takes what it writes, standard output and standard error in the order of arrival.
pub fn run(program: &Program, wish: &Wish, mut wrote: impl FnMut(Vec<u8>)) -> Ending {
    let (mut child, group) = match spawn(program) {
        Ok(started) => started,
        Err(error) => return Ending::NotStarted(error.to_string()),
    };
    let (sender, events) = mpsc::sync_channel(WAITING_PARTS);
    let mut open = 0;
    for pipe in [child.stdout.take().map(pipe), child.stderr.take().map(pipe)]
        .into_iter()
        .flatten()
    {
        let sender = sender.clone();
        open += usize::from(start("action output", move || pass_on(pipe, &sender)));
    }
    let waiting = group.leader().is_ok_and(|leader| {
        start("action end", move || {
            // The answer is the same whatever the reason: the child is to be looked at.
            let _ = leader.wait_for_end();
            let _ = sender.send(Event::Ended);
        })
    });
    let why = if waiting {
        watch(&group, program.timeout, wish, &events, &mut open, &mut wrote)
    } else {
        Why::Stopped
    };
    // Unreaped still, so the group is still this program's. There may be nothing left of it.
    let _ = group.kill();
    let ending = ending(&mut child, why);
    drain(&events, open, &mut wrote);
    ending
}

fn spawn(program: &Program) -> std::io::Result<(Child, Group)> {
    let mut command = Command::new(&program.path);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(platform::environment())
        .current_dir(platform::working_folder())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Group::start(&mut command, program.account)
}

fn pipe(read: impl Read + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(read)
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    thread::Builder::new().name(name.to_owned()).spawn(work).is_ok()
}

fn pass_on(mut pipe: Box<dyn Read + Send>, sender: &SyncSender<Event>) {
    let mut buffer = [0; READ_BYTES];
    loop {
        match pipe.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
            Ok(count) if sender.send(Event::Wrote(buffer[..count].to_vec())).is_err() => return,
            Ok(_) => {}
        }
    }
    let _ = sender.send(Event::Closed);
}

/// What ended the wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    Ended,
    TimedOut,
    Stopped,
}

/// Reads until the leader ended, or time is up, or it is to stop; in the latter cases the group is asked to end first.
fn watch(
    group: &Group,
    timeout: Duration,
    wish: &Wish,
    events: &Receiver<Event>,
    open: &mut usize,
    wrote: &mut impl FnMut(Vec<u8>),
) -> Why {
    let mut why = Why::Ended;
    let mut deadline = Instant::now() + timeout;
    loop {
        let now = Instant::now();
        let asked = wish.0.load(Ordering::Relaxed);
        if asked == Wish::AT_ONCE {
            return Why::Stopped;
        } else if why == Why::Ended && (asked == Wish::GENTLY || now >= deadline) {
            why = if asked == Wish::GENTLY {
                Why::Stopped
            } else {
                Why::TimedOut
            };
            deadline = now + GRACE;
            let _ = group.terminate();
        } else if now >= deadline {
            return why;
        }
        match events.recv_timeout(TICK.min(deadline.saturating_duration_since(now))) {
            Ok(Event::Wrote(bytes)) => wrote(bytes),
            Ok(Event::Closed) => *open = open.saturating_sub(1),
            Ok(Event::Ended) => return why,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return why,
        }
    }
}

/// Reaps the leader, which has ended or was killed just now.
fn ending(child: &mut Child, why: Why) -> Ending {
    let status = child.wait();
    match (why, status) {
        (Why::TimedOut, _) => Ending::TimedOut,
        (Why::Stopped, _) => Ending::Stopped,
        (Why::Ended, Ok(status)) => match status.code() {
            Some(code) => Ending::Exited(code),
            None => Ending::Signalled(platform::ended_by(status)),
        },
        (Why::Ended, Err(error)) => Ending::NotStarted(format!("its end cannot be told: {error}")),
    }
}

/// What was written before the end and not read yet.
fn drain(events: &Receiver<Event>, mut open: usize, wrote: &mut impl FnMut(Vec<u8>)) {
    let until = Instant::now() + DRAIN;
    while open > 0 {
        match events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::Wrote(bytes)) => wrote(bytes),
            Ok(Event::Closed) => open -= 1,
            Ok(Event::Ended) => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests;
