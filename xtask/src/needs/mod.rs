//! What a build or a test needs beyond Rust and a C compiler: looked for, and installed where that is allowed.

mod installer;
mod python;

pub(crate) use python::{programs as python_programs, venv};

use crate::postgres;
use crate::process::output;
use anyhow::{Result, bail};
use installer::Installer;
use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Something that must be on the machine.
#[derive(Clone, Copy)]
pub(crate) struct Need {
    name: &'static str,
    why: &'static str,
    found: fn() -> bool,
    apt: &'static [&'static str],
    dnf: &'static [&'static str],
    apk: &'static [&'static str],
}

impl Need {
    /// Something for Debian's packages, which only Debian and its relatives have.
    pub(crate) const fn debian(
        name: &'static str,
        why: &'static str,
        apt: &'static [&'static str],
        found: fn() -> bool,
    ) -> Self {
        Need {
            name,
            why,
            found,
            apt,
            dnf: &[],
            apk: &[],
        }
    }
}

/// PostgreSQL's client library, to link the server.
pub(crate) const LIBPQ: Need = Need {
    name: "libpq with its development files",
    why: "the server links it for PostgreSQL",
    found: libpq_links,
    apt: &["libpq-dev"],
    dnf: &["libpq-devel"],
    apk: &["libpq-dev"],
};

/// PostgreSQL's server programs.
const POSTGRES: Need = Need {
    name: "PostgreSQL (initdb, postgres, createdb)",
    why: "tests run on it as well as on SQLite",
    found: || postgres::programs().is_some(),
    apt: &["postgresql"],
    dnf: &["postgresql-server"],
    apk: &["postgresql", "postgresql-client"],
};

/// A terminal multiplexer.
const TMUX: Need = Need {
    name: "tmux",
    why: "tests drive the console in it",
    found: || on_path("tmux").is_some(),
    apt: &["tmux"],
    dnf: &["tmux"],
    apk: &["tmux"],
};

/// A shifted clock for one process.
const FAKETIME: Need = Need {
    name: "faketime",
    why: "a test runs the agent under a wrong clock",
    found: || on_path("faketime").is_some(),
    apt: &["faketime"],
    dnf: &["libfaketime"],
    apk: &["libfaketime"],
};

/// OpenSSH's client programs.
const OPENSSH: Need = Need {
    name: "OpenSSH's client (ssh-keygen, ssh-agent)",
    why: "tests log in with keys that it makes, and in the way that it signs",
    found: || on_path("ssh-keygen").is_some() && on_path("ssh-agent").is_some(),
    apt: &["openssh-client"],
    dnf: &["openssh-clients", "openssh"],
    apk: &["openssh-client", "openssh-keygen"],
};

/// What scripts talk to the API with.
const CURL: Need = Need {
    name: "curl and jq",
    why: "a test runs the examples of docs/api.md",
    found: || on_path("curl").is_some() && on_path("jq").is_some(),
    apt: &["curl", "jq"],
    dnf: &["curl", "jq"],
    apk: &["curl", "jq"],
};

/// Python that can make virtual environments.
pub(crate) const PYTHON: Need = Need {
    name: "Python 3 with venv",
    why: "a test talks to the server through an independent implementation",
    found: python::makes_venvs,
    apt: &["python3", "python3-venv"],
    dnf: &["python3"],
    apk: &["python3"],
};

/// A C++ compiler.
pub(crate) const CPLUSPLUS: Need = Need {
    name: "a C++ compiler (c++)",
    why: "the fuzz targets link libFuzzer",
    found: || env::var_os("CXX").is_some() || on_path("c++").is_some(),
    apt: &["g++"],
    dnf: &["gcc-c++"],
    apk: &["g++"],
};

/// A reverse proxy.
const NGINX: Need = Need {
    name: "nginx",
    why: "tests run the server behind it",
    found: || on_path("nginx").is_some() || Path::new("/usr/sbin/nginx").is_file(),
    apt: &["nginx-light"],
    dnf: &["nginx"],
    apk: &["nginx"],
};

/// The command line of another implementation of X.509.
const OPENSSL: Need = Need {
    name: "openssl",
    why: "tests verify certificates with it",
    found: || on_path("openssl").is_some(),
    apt: &["openssl"],
    dnf: &["openssl"],
    apk: &["openssl"],
};

/// A syslog daemon with TLS.
const RSYSLOG: Need = Need {
    name: "rsyslog with its GnuTLS driver",
    why: "a test forwards the audit to it",
    found: rsyslog_speaks_tls,
    apt: &["rsyslog", "rsyslog-gnutls"],
    dnf: &["rsyslog", "rsyslog-gnutls"],
    apk: &["rsyslog", "rsyslog-tls"],
};

/// Signs and verifies files.
pub(crate) const MINISIGN: Need = Need {
    name: "minisign",
    why: "packages are signed with it, and a test verifies with it what the server was given",
    found: || on_path("minisign").is_some(),
    apt: &["minisign"],
    dnf: &["minisign"],
    apk: &["minisign"],
};

/// Everything that the tests need.
pub(crate) const ALL: &[Need] = &[
    LIBPQ, POSTGRES, TMUX, FAKETIME, OPENSSH, CURL, PYTHON, RSYSLOG, CPLUSPLUS, NGINX, OPENSSL, MINISIGN,
];

/// Makes sure that all of them are there.
///
/// # Errors
/// Names what is missing and how to install it, when that cannot be done from here.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !(need.found)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        println!("missing: {} ({})", need.name, need.why);
    }
    let Some(installer) = Installer::find() else {
        bail!("install what is missing by hand: no apt-get, dnf or apk here");
    };
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|need| installer.packages(need))
        .copied()
        .collect();
    installer.install(&packages)?;
    match missing.iter().find(|need| !(need.found)()) {
        Some(need) => bail!(
            "{} is still missing after installing {}",
            need.name,
            packages.join(" ")
        ),
        None => Ok(()),
    }
}

/// The program of that name on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Whether a C program links against libpq, which is all that counts.
fn libpq_links() -> bool {
    if env::var_os("PQ_LIB_DIR").is_some() {
        return true;
    }
    let mut folder = Command::new("pg_config");
    folder.arg("--libdir");
    let folder = output(folder).map(|folder| format!("-L{folder}"));
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut link = Command::new(compiler);
    link.args(["-x", "c", "-", "-o", "/dev/null"])
        .args(folder)
        .arg("-lpq");
    let child = link
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else {
        return false;
    };
    let written = child
        .stdin
        .take()
        .is_some_and(|mut stdin| stdin.write_all(b"int main(void) { return 0; }\n").is_ok());
    child.wait().is_ok_and(|status| status.success()) && written
}

/// Whether rsyslog is there, and its driver in one of the folders where distributions put it.
fn rsyslog_speaks_tls() -> bool {
    let programs = ["/usr/sbin/rsyslogd", "/sbin/rsyslogd", "/usr/bin/rsyslogd"];
    let driver = |folder: PathBuf| folder.join("rsyslog/lmnsd_gtls.so").is_file();
    let mut folders = ["/usr/lib", "/usr/lib64"].into_iter().flat_map(library_folders);
    programs.iter().any(|program| PathBuf::from(program).is_file()) && folders.any(driver)
}

/// A folder of libraries, and those of the architectures in it.
fn library_folders(folder: &str) -> Vec<PathBuf> {
    let inside = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let inside = inside.map(|entry| entry.path()).filter(|path| path.is_dir());
    std::iter::once(PathBuf::from(folder)).chain(inside).collect()
}
