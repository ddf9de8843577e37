//! Windows: whose programs are trusted, how they are run, and how they are ended.

use super::Became;
use scm_windows::files;
use scm_windows::job::{End, Job};
use std::env;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A program cannot take this one's place in its own process: it runs as its child.
pub const REPLACES_ITSELF: bool = false;
/// What the service manager calls the agent.
pub const PROTECTED_UNITS: &[&str] = &["scmclient"];

/// How often a child is looked after.
const STEP: Duration = Duration::from_millis(100);
/// How long a child may take to end after it was asked to.
const FAREWELL: Duration = Duration::from_secs(20);

/// What belongs to the agent wherever it is installed, besides what its configuration says.
pub fn protected_paths() -> Vec<PathBuf> {
    // The registry's, as a path within it is written.
    vec![
        super::windows::program_data().join("OpenSCM"),
        PathBuf::from("HKLM\\SOFTWARE\\OpenSCM"),
    ]
}

/// The whole environment of a program that a server has run: what programs of this system do not start without.
pub fn environment() -> Vec<(&'static str, OsString)> {
    let root = system_root();
    let path = ["System32", "", "System32\\Wbem"].map(|folder| root.join(folder));
    let path = env::join_paths(path).unwrap_or_default();
    vec![
        ("PATH", path),
        ("SystemRoot", root.clone().into()),
        ("windir", root.clone().into()),
        ("TEMP", root.join("Temp").into()),
        ("TMP", root.join("Temp").into()),
    ]
}

/// Where such a program works.
pub fn working_folder() -> PathBuf {
    system_root().join("System32")
}

fn system_root() -> PathBuf {
    let root = env::var_os("SystemRoot").filter(|folder| Path::new(folder).is_absolute());
    root.map_or_else(|| PathBuf::from("C:\\Windows"), PathBuf::from)
}

/// A path in the form in which two of them are compared: upper and lower case are one, and so are both strokes.
pub fn comparable(path: &Path) -> PathBuf {
    let text = path.to_string_lossy().replace('/', "\\").to_lowercase();
    let text = text.strip_prefix("\\\\?\\").unwrap_or(&text);
    PathBuf::from(text.replacen("hkey_local_machine\\", "hklm\\", 1))
}

/// The paths that an argument names: wherever a drive's letter with its colon stands, or the beginning of a share or a key.
pub fn named_paths(argument: &str) -> Vec<PathBuf> {
    let parts = argument.split(['=', ',', ';', '\'', '"']);
    parts
        .flat_map(|part| {
            let begins = part.char_indices().filter(|(at, _)| begins_path(&part[*at..]));
            begins.map(|(at, _)| PathBuf::from(&part[at..]))
        })
        .collect()
}

fn begins_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let drive =
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && b"\\/".contains(&bytes[2]);
    let lower = text.to_lowercase();
    drive
        || text.starts_with("\\\\")
        || lower.starts_with("hklm\\")
        || lower.starts_with("hkey_local_machine\\")
}

/// Whether this text is that name of a service.
pub fn is_unit(text: &str, unit: &str) -> bool {
    text.eq_ignore_ascii_case(unit)
}

/// A user to run as: actions run as the agent's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account(std::convert::Infallible);

/// None: programs run as the agent's own user only.
///
/// # Errors
/// Always.
pub fn account(_name: &str) -> io::Result<Option<Account>> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "on Windows actions run as the agent's own user: remove `User`",
    ))
}

/// Never asked.
pub fn may_switch_user(account: Account) -> bool {
    match account.0 {}
}

/// Who besides the system, administrators and the agent's own user could replace or change what lies here. None: nobody.
pub fn tampering(path: &Path, metadata: &Metadata) -> Option<&'static str> {
    let Ok((found, me)) = files::descriptor(path) else {
        return Some("does not say who may do what with it");
    };
    if !found.is_owned_by(&me) {
        return Some("belongs to a user that is neither the system, an administrator nor the agent's own");
    }
    let open = if metadata.is_dir() {
        found.others_may_replace_within(&me)
    } else {
        found.others_may_write(&me)
    };
    open.then_some("can be written by others than its owner")
}

/// Whether it is a program. What a shell would read is none.
pub fn is_executable(path: &Path, metadata: &Metadata) -> bool {
    let is = |kind: &str| {
        path.extension()
            .is_some_and(|found| found.eq_ignore_ascii_case(kind))
    };
    metadata.is_file() && (is("exe") || is("com"))
}

/// Has another program run in this one's place, as its child, until it ends or this one is asked to stop. The child's standard
/// input ends with this program: by that it knows.
pub fn become_program(command: &mut Command, mut stop: impl FnMut(Duration) -> bool) -> Became {
    command.stdin(Stdio::piped());
    let (mut child, group) = match Group::start(command, None) {
        Ok(started) => started,
        Err(error) => return Became::Failed(error),
    };
    let mut leash = child.stdin.take();
    // The child cannot say it: the manager hears this process alone.
    let _ = super::service::ready();
    let mut until = None;
    loop {
        match child.try_wait() {
            Ok(Some(status)) if leash.is_some() => return Became::Ended(status),
            Ok(Some(_)) => return Became::Stopped,
            Ok(None) => {}
            Err(error) => {
                let _ = group.kill();
                return Became::Failed(error);
            }
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            let _ = group.kill();
        }
        if stop(STEP) && leash.take().is_some() {
            until = Some(Instant::now() + FAREWELL);
        }
    }
}

/// A program with all that it started. What is left of it ends when this is dropped.
#[derive(Debug)]
pub struct Group(Job);

/// The program that a group began with.
#[derive(Debug)]
pub struct Leader(End);

impl Group {
    /// Starts a program in a job of its own.
    ///
    /// # Errors
    /// As the operating system says; nothing runs then.
    pub fn start(command: &mut Command, account: Option<Account>) -> io::Result<(Child, Self)> {
        if let Some(account) = account {
            match account.0 {}
        }
        Job::start(command).map(|(child, job)| (child, Group(job)))
    }

    /// By which its end is heard.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn leader(&self) -> io::Result<Leader> {
        self.0.leaders_end().map(Leader)
    }

    /// Ends all of it: there is no way to ask that every program here would hear.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn terminate(&self) -> io::Result<()> {
        self.kill()
    }

    /// Ends all of it at once.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn kill(&self) -> io::Result<()> {
        self.0.end()
    }
}

impl Leader {
    /// Waits until it ended.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn wait_for_end(self) -> io::Result<()> {
        self.0.wait()
    }
}

/// There are no signals here.
pub fn ended_by(_status: ExitStatus) -> i32 {
    0
}
