//! What keeps an action from being offered, whatever the configuration says.
//!
//! The list of shells, interpreters and launchers guards against mistakes of whoever writes the configuration, who may do
//! anything on this machine anyway; what guards against everybody else is that only that file lists actions.

use super::{Action, Template};
use crate::platform::{self, Account};
use std::path::{Component, Path, PathBuf};

/// Read their commands from anywhere.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "ash",
    "zsh",
    "ksh",
    "mksh",
    "pdksh",
    "csh",
    "tcsh",
    "fish",
    "rbash",
    "busybox",
    "toybox",
    "pwsh",
    "powershell",
    "cmd",
    "nu",
    "xonsh",
    "elvish",
    "yash",
    "rc",
    "es",
    "osh",
];
/// Run another program, which the guardrails would not see.
const LAUNCHERS: &[&str] = &[
    "env",
    "xargs",
    "sudo",
    "su",
    "doas",
    "runuser",
    "setpriv",
    "nohup",
    "setsid",
    "nice",
    "ionice",
    "timeout",
    "stdbuf",
    "chroot",
    "unshare",
    "nsenter",
    "script",
    "watch",
    "time",
    "systemd-run",
    "start-stop-daemon",
    "ld.so",
    "parallel",
    "strace",
    "gdb",
    "flock",
    "chrt",
    "taskset",
    "at",
    "batch",
    "pkexec",
    "capsh",
    "expect",
    "socat",
];
/// Interpreters with the arguments by which code is given on the command line.
const INLINE: &[(&str, &[&str])] = &[
    ("python", &["-c"]),
    ("pypy", &["-c"]),
    ("perl", &["-e", "-E", "-n", "-p"]),
    ("ruby", &["-e"]),
    ("node", &["-e", "-p", "--eval", "--print"]),
    ("nodejs", &["-e", "-p", "--eval", "--print"]),
    ("deno", &["eval"]),
    ("bun", &["-e", "--eval"]),
    ("php", &["-r", "-B", "-R", "-E"]),
    ("lua", &["-e"]),
    ("luajit", &["-e"]),
    ("tclsh", &["-c"]),
    ("julia", &["-e", "-E", "--eval", "--print"]),
    ("r", &["-e"]),
    ("rscript", &["-e"]),
    ("guile", &["-c"]),
    ("find", &["-exec", "-execdir", "-ok", "-okdir"]),
    ("make", &["--eval"]),
    ("vim", &["-c", "--cmd", "-s"]),
    ("vi", &["-c", "--cmd", "-s"]),
];
/// Programs whose first plain argument is code.
const CODE_FIRST: &[&str] = &["awk", "gawk", "mawk", "nawk", "sed", "dc"];

/// What no action may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    paths: Vec<PathBuf>,
    units: &'static [&'static str],
}

impl Protected {
    /// These paths with everything below them, by the names that they are given and by those that they resolve to.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>, units: &'static [&'static str]) -> Self {
        let mut all = Vec::new();
        for path in paths {
            all.extend(path.canonicalize().ok().filter(|real| *real != path));
            all.push(path);
        }
        Protected { paths: all, units }
    }

    /// Why one of these arguments touches something protected.
    pub fn touched(&self, arguments: &[String]) -> Option<String> {
        arguments.iter().find_map(|argument| self.touched_by(argument))
    }

    fn touched_by(&self, argument: &str) -> Option<String> {
        // A path may stand behind `--option=`, or in a list.
        let mut parts = argument
            .split(['=', ',', ':', ' ', ';', '\'', '"'])
            .filter(|part| !part.is_empty());
        parts.find_map(|part| {
            if self.units.contains(&part) {
                return Some(format!("`{part}` is the agent's own unit"));
            }
            let path = Path::new(part);
            if !path.is_absolute() {
                return None;
            }
            let plain = plain(path);
            let hit = [real(&plain), plain].iter().any(|path| self.covers(path));
            hit.then(|| format!("`{part}` belongs to the agent itself"))
        })
    }

    fn covers(&self, path: &Path) -> bool {
        self.paths.iter().any(|own| path.starts_with(own))
    }
}

/// A path without `.` and `..`, as far as its text says.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// A path with its links followed as far as there is something: what is not there yet may be made.
fn real(path: &Path) -> PathBuf {
    let there = path
        .ancestors()
        .find_map(|part| Some((part, part.canonicalize().ok()?)));
    let followed = there.and_then(|(part, real)| Some(real.join(path.strip_prefix(part).ok()?)));
    followed.unwrap_or_else(|| path.to_owned())
}

/// Why an action may not be run on this host, as it is now.
pub(super) fn refusal(action: &Action, protected: &Protected) -> Option<String> {
    let program = &action.program;
    let shown = program.display();
    if !program.is_absolute() || plain(program) != *program {
        return Some(format!("{shown} is not an absolute path"));
    }
    let real = match program.canonicalize() {
        Ok(real) => real,
        Err(error) => return Some(format!("{shown} cannot be used: {error}")),
    };
    for path in [program, &real] {
        if let Some(reason) = kind(path, &action.arguments) {
            return Some(format!("{shown} {reason}"));
        }
        if protected.covers(path) {
            return Some(format!("{shown} belongs to the agent itself"));
        }
        if let Some(reason) = tampering(path) {
            return Some(reason);
        }
    }
    match std::fs::metadata(&real) {
        Ok(metadata) if platform::is_executable(&metadata) => {}
        Ok(_) => return Some(format!("{shown} is not a program")),
        Err(error) => return Some(format!("{shown} cannot be used: {error}")),
    }
    let literals: Vec<String> = action
        .arguments
        .iter()
        .filter_map(|t| t.literal().map(ToOwned::to_owned))
        .collect();
    let touched = protected.touched(&literals);
    touched.or_else(|| action.user.as_deref().and_then(|user| account(user).err()))
}

/// The account of a user that the agent can run programs as.
///
/// # Errors
/// Why it cannot, for a person.
pub(super) fn account(user: &str) -> Result<Account, String> {
    let found =
        platform::account(user).map_err(|error| format!("the user `{user}` cannot be looked up: {error}"))?;
    let account = found.ok_or_else(|| format!("there is no user `{user}` in /etc/passwd"))?;
    if platform::may_switch_user(account) {
        Ok(account)
    } else {
        Err(format!(
            "the agent does not run as root and so cannot run it as `{user}`"
        ))
    }
}

/// Who else could replace the program: it and every folder above it.
fn tampering(path: &Path) -> Option<String> {
    path.ancestors().find_map(|part| {
        let metadata = match std::fs::metadata(part) {
            Ok(metadata) => metadata,
            Err(error) => return Some(format!("{} cannot be checked: {error}", part.display())),
        };
        platform::tampering(&metadata).map(|reason| format!("{} {reason}", part.display()))
    })
}

/// Why a program of this name is never run, or not with these arguments.
fn kind(program: &Path, arguments: &[Template]) -> Option<String> {
    let name = program.file_name()?.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    // python3.11 is a python, and ksh93 a ksh.
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let is = |known: &str| name == known || stem == known;
    if SHELLS.iter().any(|shell| is(shell)) {
        return Some("is a shell, which is never run".to_owned());
    }
    if LAUNCHERS.iter().any(|launcher| is(launcher)) || name.starts_with("ld-linux") {
        return Some("starts other programs: name the program itself".to_owned());
    }
    if CODE_FIRST.iter().any(|known| is(known)) && !from_file(arguments) {
        return Some("takes code as its argument: put it into a file and name that with `-f`".to_owned());
    }
    let (_, flags) = INLINE.iter().find(|(known, _)| is(known))?;
    let given = arguments
        .iter()
        .find(|template| flags.iter().any(|flag| is_flag(template.beginning(), flag)))?;
    Some(format!(
        "is given code by `{}`: put it into a file",
        given.beginning()
    ))
}

fn from_file(arguments: &[Template]) -> bool {
    arguments
        .iter()
        .any(|template| is_flag(template.beginning(), "-f") || is_flag(template.beginning(), "--file"))
}

/// `-c`, `-cCODE`, `-Wc`, `--eval`, `--eval=CODE`.
fn is_flag(argument: &str, flag: &str) -> bool {
    match flag.strip_prefix('-') {
        Some(letter) if letter.len() == 1 => {
            !argument.starts_with("--") && argument.starts_with('-') && argument.contains(letter)
        }
        _ => argument == flag || argument.starts_with(&format!("{flag}=")),
    }
}
