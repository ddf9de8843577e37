//! Enrolling as root for the user that the agent's service runs as: the identity is made and kept with that user's rights
//! alone, the configuration stays root's, so that a compromised agent cannot change what its machine allows.

use super::print;
use crate::enroll::Plan;
use crate::platform::user::{User, act_as};
use anyhow::{Context, bail};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// What the state folder's owner is asked to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    TryFolder,
    Register,
}

/// Writes the configuration as root, all else as `user`.
pub(super) fn enroll(
    mut plan: Plan,
    user: User,
    text: &str,
    path: &Path,
    state_folder: Option<&Path>,
    stamp_secs: i64,
) -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe().context("this program cannot be found")?;
    let ask = |plan: &Plan, part| {
        let mut command = Command::new(&program);
        command.arg("--config").arg(path).arg("enroll");
        match (part, state_folder) {
            (Part::TryFolder, _) => {
                let folder = &plan.config.state_folder;
                command.arg("--only-try-folder").arg("--state-folder").arg(folder);
            }
            (Part::Register, Some(folder)) => {
                command.arg("--state-folder").arg(folder);
            }
            (Part::Register, None) => {}
        }
        act_as(command.arg("-"), user);
        run(command, text)
    };
    if let code @ 1.. = ask(&plan, Part::TryFolder)? {
        bail!("nothing was sent, nothing was changed (exit code {code})");
    }
    plan.file.readable_by(user);
    if let Some(former) = plan.file.write(stamp_secs).context("nothing was sent")? {
        print(&format!(
            "the former configuration is kept as {}",
            former.display()
        ))?;
    }
    ask(&plan, Part::Register).map(ExitCode::from)
}

/// Runs it with `text` on its standard input, where other users cannot see it; its exit code.
fn run(mut command: Command, text: &str) -> anyhow::Result<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .current_dir("/")
        .spawn()
        .context("the agent's user cannot run this program: does it lie where everyone may read it?")?;
    if let Some(mut input) = child.stdin.take() {
        // One that ends early says why itself.
        let _ = input.write_all(text.as_bytes());
    }
    let status = child.wait().context("waiting for the agent's user")?;
    status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .with_context(|| format!("registering as the agent's user ended by {status}"))
}
