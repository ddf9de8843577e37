//! `scmtui`: the console's program.

use clap::Parser;

fn main() -> anyhow::Result<()> {
    scmtui::run::run(&scmtui::cli::Args::parse())
}
