//! `scmclient`: see `scmclient --help`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    scmclient::commands::execute(scmclient::commands::Arguments::parse())
}
