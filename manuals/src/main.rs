//! `scm-manuals FOLDER`: manual pages (`FOLDER/man`) and shell completions (`FOLDER/completions`) of the three programs, and
//! manual pages of their configuration files.
//!
//! Made from the command lines themselves and from the sources that read the configuration, so that they cannot say anything
//! else; run by `cargo xtask package`.

mod settings;
mod sources;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Shells that completions are written for.
const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

fn main() -> Result<()> {
    let folder: PathBuf = std::env::args_os()
        .nth(1)
        .context("usage: scm-manuals FOLDER")?
        .into();
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    for part in [&man, &completions] {
        std::fs::create_dir_all(part).with_context(|| part.display().to_string())?;
    }
    for command in programs() {
        describe(command, &man, &completions)?;
    }
    settings::write(&man)
}

fn programs() -> [Command; 3] {
    [
        scmserver::command_line::Arguments::command(),
        scmclient::commands::Arguments::command(),
        scmtui::cli::Args::command(),
    ]
}

fn describe(mut command: Command, man: &Path, completions: &Path) -> Result<()> {
    let name = command.get_name().to_owned();
    clap_mangen::generate_to(command.clone(), man).with_context(|| format!("manual of {name}"))?;
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, &name, completions)
            .with_context(|| format!("completions of {name}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_has_its_page_and_every_shell_its_completions() {
        let folder = tempfile::tempdir().unwrap();
        for command in programs() {
            describe(command, folder.path(), folder.path()).unwrap();
        }
        let exists = |name: &str| folder.path().join(name).is_file();
        for name in [
            "scmserver.1",
            "scmserver-run.1",
            "scmclient.1",
            "scmclient-enroll.1",
            "scmtui.1",
        ] {
            assert!(exists(name), "{name}");
        }
        for name in ["scmserver.bash", "_scmclient", "scmtui.fish"] {
            assert!(exists(name), "{name}");
        }
    }
}
