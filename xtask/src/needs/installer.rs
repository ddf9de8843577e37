//! The system's package manager, used only as root or with sudo that asks nothing.

use super::{Need, on_path};
use crate::process::{output, run};
use anyhow::{Context, Result, bail};
use rustix::process::geteuid;
use std::process::Command;

/// A package manager.
#[derive(Clone, Copy)]
pub(super) enum Installer {
    Apt,
    Dnf,
    Apk,
}

impl Installer {
    /// The one of this system.
    pub(super) fn find() -> Option<Self> {
        let all = [
            ("apt-get", Installer::Apt),
            ("dnf", Installer::Dnf),
            ("apk", Installer::Apk),
        ];
        all.into_iter()
            .find(|(program, _)| on_path(program).is_some())
            .map(|(_, installer)| installer)
    }

    /// What it calls the packages of a need.
    pub(super) fn packages(self, need: &Need) -> &'static [&'static str] {
        match self {
            Installer::Apt => need.apt,
            Installer::Dnf => need.dnf,
            Installer::Apk => need.apk,
        }
    }

    /// Installs them.
    pub(super) fn install(self, packages: &[&str]) -> Result<()> {
        let install: &[&str] = match self {
            Installer::Apt => &["apt-get", "install", "-y", "--no-install-recommends"],
            Installer::Dnf => &["dnf", "install", "-y"],
            Installer::Apk => &["apk", "add"],
        };
        let by_hand = format!("{} {}", install.join(" "), packages.join(" "));
        if !privileged() {
            bail!("not root, and sudo asks for a password: run `sudo {by_hand}` and try again");
        }
        println!("installing: {}", packages.join(" "));
        if matches!(self, Installer::Apt) {
            run(as_root(&["apt-get", "update", "-q"]))?;
        }
        let mut command = as_root(install);
        command.args(packages);
        run(command).with_context(|| format!("install by hand: {by_hand}"))
    }
}

fn is_root() -> bool {
    geteuid().is_root()
}

fn privileged() -> bool {
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"]);
    is_root() || output(sudo).is_some()
}

fn as_root(words: &[&str]) -> Command {
    let mut command = Command::new("env");
    if !is_root() {
        command = Command::new("sudo");
        command.args(["-n", "env"]);
    }
    command.arg("DEBIAN_FRONTEND=noninteractive").args(words);
    command
}
