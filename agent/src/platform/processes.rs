//! Unix: whose programs are trusted, as whom and how they are run, and how they are ended.

use super::Became;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// Whether a program can take this one's place in its own process.
pub const REPLACES_ITSELF: bool = true;

const PROTECTED_PATHS: &[&str] = &[
    "/etc/openscm",
    "/usr/local/etc/openscm",
    "/var/lib/openscm/client",
    "/var/db/openscm/client",
    "/etc/systemd/system/scmclient.service",
    "/etc/systemd/system/scmclient.service.d",
    "/lib/systemd/system/scmclient.service",
    "/usr/lib/systemd/system/scmclient.service",
    "/etc/init.d/scmclient",
    "/usr/local/etc/rc.d/scmclient",
];
/// What service managers call the agent.
pub const PROTECTED_UNITS: &[&str] = &["scmclient", "scmclient.service"];

/// What belongs to the agent wherever it is installed, besides what its configuration says.
pub fn protected_paths() -> Vec<PathBuf> {
    PROTECTED_PATHS.iter().map(PathBuf::from).collect()
}

/// The whole environment of a program that a server has run.
pub fn environment() -> Vec<(&'static str, OsString)> {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    vec![("PATH", path.into()), ("LANG", "C.UTF-8".into())]
}

/// Where such a program works.
pub fn working_folder() -> PathBuf {
    PathBuf::from("/")
}

/// A path in the form in which two of them are compared.
pub fn comparable(path: &Path) -> PathBuf {
    path.to_owned()
}

/// The absolute paths that an argument names: it itself, or one behind `--option=`, or in a list.
pub fn named_paths(argument: &str) -> Vec<PathBuf> {
    let parts = argument.split(['=', ',', ':', ' ', ';', '\'', '"']);
    parts
        .filter(|part| part.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

/// Whether this text is that name of a unit.
pub fn is_unit(text: &str, unit: &str) -> bool {
    text == unit
}

/// A user to run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    gid: u32,
}

/// The user of that name in `/etc/passwd`; none when there is none.
///
/// # Errors
/// When the file cannot be read.
pub fn account(name: &str) -> io::Result<Option<Account>> {
    Ok(find_account(&std::fs::read_to_string("/etc/passwd")?, name))
}

fn find_account(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (found, uid, gid) = (fields.next()?, fields.nth(1)?, fields.next()?);
        let account = Account {
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
        };
        (found == name).then_some(account)
    })
}

/// Whether programs can be run as this user: as the own one always, as another by root alone.
pub fn may_switch_user(account: Account) -> bool {
    let me = rustix::process::geteuid().as_raw();
    me == 0 || me == account.uid
}

/// Who besides root and the agent's own user could replace or change what lies here. None: nobody.
///
/// In a folder with the sticky bit others may make entries, but not replace or rename those of root and the agent's user.
pub fn tampering(_path: &Path, metadata: &Metadata) -> Option<&'static str> {
    const STICKY: u32 = 0o1000;
    let me = rustix::process::geteuid().as_raw();
    if ![0, me].contains(&metadata.uid()) {
        return Some("belongs to a user that is neither root nor the agent's own");
    }
    let kept = metadata.is_dir() && metadata.mode() & STICKY != 0;
    if metadata.mode() & 0o022 != 0 && !kept {
        return Some("can be written by others than its owner");
    }
    None
}

/// Whether someone may execute it.
pub fn is_executable(_path: &Path, metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.mode() & 0o111 != 0
}

/// Becomes another program: the same process with the same id, so that who started it keeps watching. Returns only when that
/// fails. Files are closed by it, and locks released.
pub fn become_program(command: &mut Command, _stop: impl FnMut(Duration) -> bool) -> Became {
    Became::Failed(command.exec())
}

/// A program with all that it started and that did not leave its process group.
#[derive(Clone, Copy, Debug)]
pub struct Group(Pid);

/// The program that a group began with.
#[derive(Clone, Copy, Debug)]
pub struct Leader(Pid);

impl Group {
    /// Starts a program in a process group of its own, as that user, without the agent's supplementary groups.
    ///
    /// # Errors
    /// As the operating system says; nothing runs then.
    pub fn start(command: &mut Command, account: Option<Account>) -> io::Result<(Child, Self)> {
        command.process_group(0);
        if let Some(account) = account {
            // Started by root, the standard library drops all supplementary groups before it switches.
            command.gid(account.gid).uid(account.uid);
        }
        let child = command.spawn()?;
        let group = Group(Pid::from_child(&child));
        Ok((child, group))
    }

    /// By which its end is heard.
    ///
    /// # Errors
    /// None here.
    pub fn leader(&self) -> io::Result<Leader> {
        Ok(Leader(self.0))
    }

    /// Asks all of it to end.
    ///
    /// # Errors
    /// As the operating system says; also when nothing is left of it.
    pub fn terminate(&self) -> io::Result<()> {
        Ok(kill_process_group(self.0, Signal::TERM)?)
    }

    /// Ends all of it at once.
    ///
    /// # Errors
    /// As [`Group::terminate`].
    pub fn kill(&self) -> io::Result<()> {
        Ok(kill_process_group(self.0, Signal::KILL)?)
    }
}

impl Leader {
    /// Waits until it ended and leaves it unreaped, so that its process group cannot become another's meanwhile.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn wait_for_end(self) -> io::Result<()> {
        loop {
            match waitid(WaitId::Pid(self.0), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Err(rustix::io::Errno::INTR) => {}
                other => return other.map(|_| ()).map_err(io::Error::from),
            }
        }
    }
}

/// The signal that ended a program which did not exit by itself.
pub fn ended_by(status: ExitStatus) -> i32 {
    status.signal().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nweb:x:33:34::/var/www:/usr/sbin/nologin\n";
        assert_eq!(find_account(passwd, "web"), Some(Account { uid: 33, gid: 34 }));
        assert_eq!(find_account(passwd, "we"), None);
        assert_eq!(find_account(passwd, "broken"), None);
        assert_eq!(find_account(passwd, ""), None);
    }
}
