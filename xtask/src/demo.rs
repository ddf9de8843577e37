//! `cargo xtask demo`: see it work, on this machine, in a folder that is removed again.

use crate::build::{self, Profile};
use crate::process::Program;
use crate::signals;
use crate::site::{Settings, Site};
use anyhow::{Result, bail};
use std::thread;
use std::time::Duration;

/// A server, an agent for this machine, simulated agents and the console.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many agents to simulate beside the real one.
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    agents: u32,
    /// Optimize the programs as for a release: a longer build, the speed as shipped.
    #[arg(long)]
    release: bool,
    /// Leave the folder where it is.
    #[arg(long)]
    keep: bool,
    /// Do not open the console; run until Ctrl-C.
    #[arg(long)]
    no_console: bool,
}

/// Builds, starts, shows, cleans up.
pub(crate) fn run(options: &Options) -> Result<()> {
    let profile = if options.release {
        Profile::Release
    } else {
        Profile::Dev
    };
    println!(
        "building the programs ({}); the first time takes some minutes",
        if options.release {
            "optimized"
        } else {
            "not optimized: see --release"
        }
    );
    let programs = build::programs(profile)?;
    let mut site = Site::start(
        &programs,
        &Settings {
            name: "demo",
            interval_secs: 5,
            log_level: "info",
            server_prefix: &[],
            database: None,
        },
    )?;
    if options.keep {
        site.keep();
    }
    let outcome = present(&mut site, options);
    if options.keep {
        println!("kept: {}", site.folder().display());
    } else {
        println!("stopping everything and removing {}", site.folder().display());
    }
    outcome
}

fn present(site: &mut Site, options: &Options) -> Result<()> {
    site.start_agent()?;
    let mut fleet = site.fleet();
    fleet.args([
        "--agents",
        &options.agents.to_string(),
        "--hostname-prefix",
        "demo",
    ]);
    fleet.args([
        "--await-listed",
        &(options.agents + 1).to_string(),
        "--interval",
        "5",
        "--stay",
    ]);
    site.start_client("the simulated agents", fleet, "fleet.log")?;
    println!("waiting until the server has seen {} agents", options.agents + 1);
    site.wait_for_log("fleet.log", "systems are listed", Duration::from_secs(120))?;
    print_surroundings(site);
    if options.no_console {
        println!("everything runs; Ctrl-C ends it");
        run_until_stopped(site)
    } else {
        let console = site.console();
        watch_console(site, Program::foreground("the console", console)?)
    }
}

fn run_until_stopped(site: &mut Site) -> Result<()> {
    while !signals::asked_to_stop() {
        site.must_run()?;
        thread::sleep(Duration::from_millis(200));
    }
    println!();
    Ok(())
}

/// Until the person leaves the console. It is stopped when something else ends, so that the terminal is restored before
/// anything is printed.
fn watch_console(site: &mut Site, mut console: Program) -> Result<()> {
    loop {
        if let Some(status) = console.finished()? {
            if !status.success() {
                bail!("the console ended: {status}");
            }
            return Ok(());
        }
        let others = site.must_run();
        if others.is_err() || signals::asked_to_stop() {
            console.stop();
            return others;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn print_surroundings(site: &Site) {
    let folder = site.folder().display();
    let (ca, token) = (site.ca_file(), site.token_file());
    let (ca, token) = (ca.display(), token.display());
    println!(
        "\n\
         server       {url}\n\
         folder       {folder}   (server.log, agent.log, fleet.log, server/, agent/)\n\
         CA           {ca}\n\
         curl         curl --cacert {ca} -H \"Authorization: Bearer $(cat {token})\" {url}/api/v1/systems\n\
         agent        {programs}/scmclient status --config {agent}\n\
         console      {programs}/scmtui --server {url} --ca-file {ca} --local-admin-token {token}\n",
        url = site.url(),
        programs = site.programs().display(),
        agent = site.agent_config().display(),
    );
}

impl Site {
    fn console(&self) -> std::process::Command {
        let mut command = self.program("scmtui");
        command
            .args(["--server", self.url()])
            .arg("--ca-file")
            .arg(self.ca_file());
        command.arg("--local-admin-token").arg(self.token_file());
        command
    }
}
