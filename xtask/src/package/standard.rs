//! Rust's standard library for another platform, from wherever this machine can have it: one that is installed, one that rustup
//! fetches, or Debian's.

use crate::build::{self, target};
use crate::needs::{self, Need, on_path};
use crate::process::{output, run};
use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs};

/// Debian's compiler and the sources of its library.
const DEBIAN_RUST: Need = Need::debian(
    "Debian's Rust (rustc-web) with its sources",
    "it has the standard library for a platform that rustup does not have here",
    &["rustc-web", "cargo-web", "rust-web-src"],
    || Path::new(DEBIAN_RUSTC).is_file() && Path::new(DEBIAN_SOURCES).is_dir(),
);
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_SOURCES: &str = "/usr/lib/rustlib/src/rust/library";

/// Where it was found.
pub(super) enum Standard {
    /// Beside the compiler.
    Installed,
    /// Fetched by `rustup target add`.
    Fetched,
    /// Debian's library for that architecture, unpacked into this folder.
    Debian(PathBuf),
    /// Built from Debian's sources together with the program.
    Sources,
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standard::Installed => f.write_str("Rust's standard library is installed"),
            Standard::Fetched => f.write_str("Rust's standard library was fetched by rustup"),
            Standard::Debian(folder) => {
                write!(f, "Rust's standard library is Debian's, in {}", folder.display())
            }
            Standard::Sources => f.write_str("Rust's standard library is built from Debian's sources"),
        }
    }
}

impl Standard {
    /// What the compiler is told.
    pub(super) fn flags(&self, is_static: bool) -> String {
        match self {
            Standard::Debian(folder) => format!("--sysroot {}", folder.display()),
            // Debian's target would have the compiler bring start-up files that come with no source.
            Standard::Sources if is_static => "-Clink-self-contained=no -Crelocation-model=static".to_owned(),
            _ => String::new(),
        }
    }

    /// Cargo, with the compiler that it belongs to.
    pub(super) fn cargo(&self, arguments: &[&str]) -> Command {
        if let Standard::Installed | Standard::Fetched = self {
            return build::cargo(arguments);
        }
        let mut cargo = Command::new(DEBIAN_CARGO);
        cargo.args(arguments).current_dir(build::root());
        cargo.env("RUSTC", DEBIAN_RUSTC).env("CARGO", DEBIAN_CARGO);
        if let Standard::Sources = self {
            cargo
                .env("RUSTC_BOOTSTRAP", "1")
                .arg("-Zbuild-std=std,panic_abort");
        }
        cargo
    }
}

/// Finds it, or fetches it.
pub(super) fn library(target: &str) -> Result<Standard> {
    if installed(target) {
        return Ok(Standard::Installed);
    }
    if on_path("rustup").is_some() {
        let mut add = Command::new("rustup");
        add.args(["target", "add", target]);
        match run(add) {
            Ok(()) if installed(target) => return Ok(Standard::Fetched),
            Ok(()) => println!("rustup added {target} to another toolchain than the one in use"),
            Err(error) => println!("rustup has no {target} here: {error:#}"),
        }
    }
    from_debian(target).with_context(|| {
        format!("no standard library for {target}: not installed, not by rustup, not by Debian")
    })
}

/// Whether the compiler that cargo uses has one.
fn installed(target: &str) -> bool {
    let mut place = Command::new(compiler());
    place.args(["--print", "target-libdir", "--target", target]);
    let folder = output(place).map(PathBuf::from);
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
    let mut names = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    names.any(|name| name.to_string_lossy().starts_with("libstd-"))
}

/// As cargo finds it: by `RUSTC`, else beside cargo itself, else on `PATH`.
fn compiler() -> OsString {
    let named = env::var_os("RUSTC");
    let beside = env::var_os("CARGO").map(|cargo| Path::new(&cargo).with_file_name("rustc"));
    let beside = beside.filter(|path| path.is_file()).map(PathBuf::into_os_string);
    named.or(beside).unwrap_or_else(|| "rustc".into())
}

fn from_debian(target: &str) -> Result<Standard> {
    needs::ensure(&[DEBIAN_RUST])?;
    match target {
        "aarch64-unknown-linux-gnu" => debian_library("arm64", target).map(Standard::Debian),
        "x86_64-unknown-linux-musl" | super::windows::TARGET => Ok(Standard::Sources),
        _ => bail!("Debian has none for {target}"),
    }
}

/// Fetches Debian's library for another architecture, without telling this machine's dpkg of that architecture.
fn debian_library(architecture: &str, target_name: &str) -> Result<PathBuf> {
    let folder = target()?.join(format!("debian-{architecture}"));
    let sysroot = folder.join("usr");
    let library = sysroot.join("lib/rustlib").join(target_name).join("lib");
    if library.is_dir() {
        return Ok(sysroot);
    }
    for part in ["lists/partial", "cache/archives/partial"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).with_context(|| part.display().to_string())?;
    }
    let settings = format!(
        "APT::Architecture \"{architecture}\";\nAPT::Architectures {{ \"{architecture}\"; }};\nDir::State::Lists \"{0}/lists\";\n\
         Dir::State::status \"{0}/status\";\nDir::Cache \"{0}/cache\";\n",
        folder.display()
    );
    let (settings_file, status) = (folder.join("apt.conf"), folder.join("status"));
    fs::write(&settings_file, settings).context("the settings of apt")?;
    fs::write(&status, "").context("the status of apt")?;
    for words in [&["update", "-q"][..], &["download", "-q", "libstd-rust-web-dev"]] {
        let mut apt = Command::new("apt-get");
        apt.args(words)
            .current_dir(&folder)
            .env("APT_CONFIG", &settings_file);
        run(apt)?;
    }
    let package = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
    let package = package
        .into_iter()
        .find(|path| path.extension().is_some_and(|kind| kind == "deb"));
    let mut unpack = Command::new("dpkg-deb");
    unpack
        .arg("-x")
        .arg(package.context("apt-get downloaded nothing")?)
        .arg(&folder);
    run(unpack)?;
    ensure!(library.is_dir(), "Debian's package has no {}", library.display());
    Ok(sysroot)
}
