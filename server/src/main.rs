//! `scmserver`: the command line.

use anyhow::Context;
use clap::{Parser, Subcommand};
use scmserver::config::{Config, DEFAULT_PATH};
use scmserver::{logging, run};
use std::path::PathBuf;
use std::process::ExitCode;

/// OpenSCM server: agents and consoles talk to it over HTTPS.
#[derive(Debug, Parser)]
#[command(name = "scmserver", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until stopped.
    Run(ConfigArgument),
    /// Read the configuration and say what is wrong with it; start nothing.
    CheckConfig(ConfigArgument),
}

#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

fn main() -> ExitCode {
    match carry_out() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scmserver: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::CheckConfig(argument) => {
            Config::load(&argument.config)?;
            println!("{}: ok", argument.config.display());
            Ok(())
        }
        Command::Run(argument) => {
            let config = Config::load(&argument.config)?;
            logging::start(&config.log)?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .context("starting")?;
            runtime.block_on(run::run(config))
        }
    }
}
