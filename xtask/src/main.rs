//! Every developer command: `cargo xtask demo | test | fuzz | bench | package | needs`.
//!
//! Runs cargo and the programs that it builds, and makes sure that what they need is there. Knows nothing of what is in
//! the programs: it talks to them by their command lines, their files and their signals, so that it builds in seconds on
//! a fresh machine.

mod bench;
mod build;
mod demo;
mod fuzz;
mod needs;
mod package;
mod postgres;
mod process;
mod signals;
mod site;
mod test;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Developer commands of OpenSCM"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Try it: a server, an agent for this machine, simulated agents and the console, in a folder that is removed again.
    Demo(demo::Options),
    /// Run every test, unit to end to end; fetches what they need first.
    Test(test::Options),
    /// Send what no one signed to everything that reads before it verifies.
    Fuzz(fuzz::Options),
    /// Fetch what building and testing needs, and nothing else.
    Needs,
    /// Build the .deb and .rpm packages.
    Package(package::Options),
    /// Measure check-ins with the server on one core and the simulated fleet on another.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let outcome = signals::watch().and_then(|()| match Cli::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Needs => needs::ensure(needs::ALL),
        Command::Package(options) => package::run(&options),
        Command::Bench(options) => bench::run(&options),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
