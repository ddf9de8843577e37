//! What keeps an action from being offered, whatever the configuration says.
//!
//! The list of shells, interpreters and launchers guards against mistakes of whoever writes the configuration, who may do
//! anything on this machine anyway; what guards against everybody else is that only that file lists actions.

use super::{Action, Template};
use crate::platform::{self, Account};
use std::fmt;
use std::path::{Component, Path, PathBuf};

/// Why something is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// In words that may leave the machine: no path, no argument, no user.
    pub told: &'static str,
    /// What of this machine is meant; for its own log.
    pub meant: String,
}

impl Refused {
    fn of(told: &'static str, meant: impl fmt::Display) -> Self {
        Refused {
            told,
            meant: meant.to_string(),
        }
    }

    fn path(told: &'static str, path: &Path) -> Self {
        Refused::of(told, path.display())
    }
}

/// All of it: for this machine's own log.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.told, self.meant)
    }
}

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
    "mshta",
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
    "rundll32",
    "regsvr32",
    "forfiles",
    "runas",
    "psexec",
    "schtasks",
    "wsl",
    "wmic",
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
            let real = path.canonicalize().ok().map(|real| platform::comparable(&real));
            let path = platform::comparable(&path);
            all.extend(real.filter(|real| *real != path));
            all.push(path);
        }
        Protected { paths: all, units }
    }

    /// Why one of these arguments touches something protected.
    pub fn touched(&self, arguments: &[String]) -> Option<Refused> {
        arguments.iter().find_map(|argument| self.touched_by(argument))
    }

    fn touched_by(&self, argument: &str) -> Option<Refused> {
        let mut parts = argument.split(['=', ',', ':', ' ', ';', '\'', '"']);
        if let Some(unit) = parts.find(|part| self.units.iter().any(|unit| platform::is_unit(part, unit))) {
            return Some(Refused::of(
                "one of its arguments names the agent's own unit",
                unit,
            ));
        }
        platform::named_paths(argument).into_iter().find_map(|path| {
            let plain = plain(&path);
            let hit = [real(&plain), plain].iter().any(|path| self.covers(path));
            hit.then(|| {
                Refused::path(
                    "one of its arguments names what belongs to the agent itself",
                    &path,
                )
            })
        })
    }

    fn covers(&self, path: &Path) -> bool {
        let path = platform::comparable(path);
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
pub(super) fn refusal(action: &Action, protected: &Protected) -> Option<Refused> {
    let program = &action.program;
    if !program.is_absolute() || plain(program) != *program {
        return Some(Refused::path(
            "its program is not named by an absolute path",
            program,
        ));
    }
    let real = match program.canonicalize() {
        Ok(real) => real,
        Err(error) => return Some(unusable(program, &error)),
    };
    for path in [program, &real] {
        if let Some(told) = kind(path, &action.arguments) {
            return Some(Refused::path(told, program));
        }
        if protected.covers(path) {
            return Some(Refused::path("its program belongs to the agent itself", program));
        }
        if let Some(refused) = tampering(path) {
            return Some(refused);
        }
    }
    match std::fs::metadata(&real) {
        Ok(metadata) if platform::is_executable(&real, &metadata) => {}
        Ok(_) => return Some(Refused::path("its program is no program", program)),
        Err(error) => return Some(unusable(program, &error)),
    }
    let literals: Vec<String> = action
        .arguments
        .iter()
        .filter_map(|t| t.literal().map(ToOwned::to_owned))
        .collect();
    let touched = protected.touched(&literals);
    touched.or_else(|| action.user.as_deref().and_then(|user| account(user).err()))
}

fn unusable(path: &Path, error: &std::io::Error) -> Refused {
    let told = match error.kind() {
        std::io::ErrorKind::NotFound => "its program is missing",
        std::io::ErrorKind::PermissionDenied => "the agent may not look at its program",
        _ => "its program cannot be used",
    };
    Refused::of(told, format!("{}: {error}", path.display()))
}

/// The account of a user that the agent can run programs as.
///
/// # Errors
/// Why it cannot.
pub(super) fn account(user: &str) -> Result<Account, Refused> {
    let found = platform::account(user).map_err(|error| {
        Refused::of(
            "the user that it is to run as cannot be looked up",
            format!("{user}: {error}"),
        )
    })?;
    let account =
        found.ok_or_else(|| Refused::of("the user that it is to run as is not known here", user))?;
    if platform::may_switch_user(account) {
        Ok(account)
    } else {
        Err(Refused::of(
            "it is to run as another user, which the agent may not do",
            user,
        ))
    }
}

/// Who else could replace the program: it and every folder above it.
fn tampering(path: &Path) -> Option<Refused> {
    path.ancestors().find_map(|part| match std::fs::metadata(part) {
        Ok(metadata) => {
            let reason = platform::tampering(part, &metadata)?;
            Some(Refused::of(
                "others could change its program or a folder above it",
                format!("{} {reason}", part.display()),
            ))
        }
        Err(error) => Some(unusable(part, &error)),
    })
}

/// Why a program of this name is never run, or not with these arguments.
fn kind(program: &Path, arguments: &[Template]) -> Option<&'static str> {
    let name = program.file_name()?.to_string_lossy().to_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    // python3.11 is a python, and ksh93 a ksh.
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let is = |known: &str| name == known || stem == known;
    if SHELLS.iter().any(|shell| is(shell)) {
        return Some("its program is a shell, which is never run");
    }
    if LAUNCHERS.iter().any(|launcher| is(launcher)) || name.starts_with("ld-linux") {
        return Some("its program starts other programs: name the program itself");
    }
    if CODE_FIRST.iter().any(|known| is(known)) && !from_file(arguments) {
        return Some("its program takes code as its argument: put it into a file and name that with `-f`");
    }
    let (_, flags) = INLINE.iter().find(|(known, _)| is(known))?;
    let inline = |template: &Template| flags.iter().any(|flag| is_flag(template.beginning(), flag));
    arguments
        .iter()
        .any(inline)
        .then_some("its program is given code by its arguments: put it into a file")
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
