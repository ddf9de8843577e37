//! `scmserver`: see `scmserver --help`.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    scmserver::command_line::execute(scmserver::command_line::Arguments::parse())
}
