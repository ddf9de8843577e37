//! What can be asked of `scmclient` on its command line.

mod check_config;
mod enroll;
mod on_behalf;
mod rotate;
mod run;
mod serving;
mod status;
mod uninstall;

use crate::platform::{DEFAULT_CONFIG, service};
use crate::version::VERSION;
use clap::{Args, Parser, Subcommand};
use std::fmt;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// OpenSCM agent: keeps this machine in touch with its server.
#[derive(Debug, Parser)]
#[command(name = "scmclient", version = VERSION)]
pub struct Arguments {
    /// Configuration file
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs in the foreground until SIGTERM or SIGINT, or as a service where one is started (the default)
    Run,
    /// Shows identity and state; exit code 0 active, 3 pending, 4 not registered, 5 denied, revoked or quarantined, 1 unknown
    Status(StatusArguments),
    /// Checks the configuration without running
    CheckConfig,
    /// Has the agent make another key under the same id, at its next contact
    Rotate,
    /// Configures and registers this machine by a bootstrap string; exit codes as of `status`
    Enroll(EnrollArguments),
    /// Removes the agent's identity, its log and its configuration in the registry: what the Windows package does when it is removed
    #[command(hide = true)]
    Uninstall,
}

#[derive(Debug, Args)]
struct StatusArguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct EnrollArguments {
    /// The bootstrap string; `-` or none: it is read from standard input, where other users cannot see it
    #[arg(value_name = "STRING")]
    string: Option<String>,
    /// Replace a configuration that says something else; it is kept as `….former-<time>`
    #[arg(long)]
    force: bool,
    /// Keep the identity in this folder, in place of the usual one
    #[arg(long, value_name = "PATH")]
    state_folder: Option<PathBuf>,
    /// Only see whether the state folder can be written; the first half of enrolling as root for the service's user
    #[arg(long, hide = true)]
    only_try_folder: bool,
}

impl fmt::Debug for EnrollArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrollArguments(…)")
    }
}

/// Does what was asked.
pub fn execute(arguments: Arguments) -> ExitCode {
    let path = &arguments.config;
    let result = match arguments.command.unwrap_or(Command::Run) {
        Command::Run => {
            let path = path.clone();
            service::supervised(move || run::run(&path))
        }
        Command::Status(options) => status::status(path, options.json),
        Command::Enroll(arguments) => enroll::enroll(path, arguments),
        Command::Rotate => rotate::rotate(path).map(|()| ExitCode::SUCCESS),
        Command::Uninstall => uninstall::uninstall(path).map(|()| ExitCode::SUCCESS),
        Command::CheckConfig => check_config::check_config(path).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        eprintln!("scmclient: {error:#}");
        ExitCode::FAILURE
    })
}

/// Prints; a reader that has heard enough (`scmclient status | head -1`) is no error.
fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{}", text.trim_end()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
