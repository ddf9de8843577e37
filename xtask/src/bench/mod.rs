//! `cargo xtask bench`: check-ins per second of a release build, the server alone on one processor.

mod audit;
mod goal;
mod growth;
mod held;
mod lists;
mod ratios;
mod registrations;
mod report;
mod rules;
mod stampede;

use crate::build::{self, Profile};
use crate::process;
use crate::site::{Settings, Site, two_processors};
use anyhow::Result;
use goal::Goal;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The server on one processor, the simulated fleet on another.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many agents to simulate.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    agents: u32,
    /// Over how many connections.
    #[arg(long, default_value_t = 256, value_name = "C")]
    connections: u32,
    /// Seconds of load.
    #[arg(long, default_value_t = 20, value_name = "SECS")]
    duration: u32,
    /// Check-ins per second to offer; without it each connection sends as fast as it is answered.
    #[arg(long, value_name = "R")]
    rate: Option<u32>,
    /// Measure everything for which there is a target, one after the other, and say what is met: about a quarter of an hour.
    #[arg(long, group = "what", conflicts_with_all = ["rate", "json", "agents", "connections", "duration"])]
    goals: bool,
    /// Measure, instead of check-ins, the export of an audit of so many entries.
    #[arg(long, group = "what", value_name = "N")]
    audit_entries: Option<u32>,
    /// Measure, instead of check-ins, rules and a bulk job over so many systems.
    #[arg(long, group = "what", value_name = "N")]
    rules_systems: Option<u32>,
    /// Measure, instead of check-ins, pages of the systems list over so many systems.
    #[arg(long, group = "what", value_name = "N")]
    list_systems: Option<u32>,
    /// Measure, instead of check-ins, registrations where so many systems are already.
    #[arg(long, group = "what", value_name = "N")]
    registrations_systems: Option<u32>,
    /// Measure, instead of check-ins per second, how long an approval takes to reach an agent whose check-in is held, and what
    /// a held connection costs the server.
    #[arg(long, group = "what", conflicts_with = "rate")]
    held: bool,
    /// Measure what the server does beyond the bare work of a check-in: on SQLite and PostgreSQL, with 20 rules.
    #[arg(long, group = "what", conflicts_with_all = ["rate", "json"])]
    ratios: bool,
    /// Measure what a check-in costs with 1,000 systems and with 100,000, and how long check-ins take while rules over the latter
    /// are saved.
    #[arg(long, group = "what", conflicts_with_all = ["rate", "json", "agents"])]
    growth: bool,
    /// Measure, instead of check-ins per second, how long it takes until all agents are served that come back at once after the
    /// server was killed, and what memory the server needs for it.
    #[arg(long, group = "what", conflicts_with = "rate")]
    stampede: bool,
    /// Write the figures there as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Systems of the fleets that targets are about.
const FLEET: u32 = 20_000;
/// And of those about large ones.
const LARGE_FLEET: u32 = 100_000;
/// Connections over which a full load comes.
const CONNECTIONS: u32 = 256;
/// Seconds of each load on the way to all goals.
const SECONDS: u32 = 10;
/// Open files beside those of connections.
const OTHER_FILES: u64 = 500;

/// Builds, loads, prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    two_processors()?;
    let programs = build::programs(Profile::Release)?;
    let goals = if options.goals {
        every_goal(&programs)?
    } else if options.ratios {
        let load = ratios::Load {
            agents: options.agents,
            connections: options.connections,
            duration_secs: options.duration,
        };
        ratios::measure(&programs, load)?
    } else if options.growth {
        growth::measure(&programs, options.connections, options.duration)?
    } else {
        at_site(&programs, |site| one(site, options))?
    };
    goal::print(&goals);
    Ok(())
}

/// What is measured at one server alone.
fn one(site: &mut Site, options: &Options) -> Result<Vec<Goal>> {
    let json = options.json.as_deref();
    if let Some(entries) = options.audit_entries {
        audit::export(site, entries)?;
    } else if let Some(systems) = options.rules_systems {
        rules::measure(site, systems)?;
    } else if let Some(systems) = options.list_systems {
        return lists::measure(site, systems);
    } else if let Some(systems) = options.registrations_systems {
        return registrations::measure(site, systems, json);
    } else if options.stampede {
        return stampede::measure(site, options.agents, json);
    } else if options.held {
        return held::measure(site, options.agents, json);
    } else {
        load(site, options)?;
    }
    Ok(Vec::new())
}

fn every_goal(programs: &Path) -> Result<Vec<Goal>> {
    let connected = as_many_as_files(FLEET);
    let load = ratios::Load {
        agents: FLEET,
        connections: CONNECTIONS,
        duration_secs: SECONDS,
    };
    let mut goals = ratios::measure(programs, load)?;
    goals.extend(growth::measure(programs, CONNECTIONS, SECONDS)?);
    goals.extend(at_site(programs, |site| {
        registrations::measure(site, LARGE_FLEET, None)
    })?);
    goals.extend(at_site(programs, |site| lists::measure(site, LARGE_FLEET))?);
    goals.extend(at_site(programs, |site| held::measure(site, connected, None))?);
    goals.extend(at_site(programs, |site| stampede::measure(site, FLEET, None))?);
    Ok(goals)
}

/// At a server of its own, on one processor.
fn at_site(programs: &Path, measure: impl FnOnce(&mut Site) -> Result<Vec<Goal>>) -> Result<Vec<Goal>> {
    let mut site = Site::start(
        programs,
        &Settings {
            name: "bench",
            interval_secs: 60,
            log_level: "warn",
            server_prefix: ratios::ONE,
            database: None,
        },
    )?;
    let goals = measure(&mut site)?;
    site.must_run()?;
    Ok(goals)
}

/// So many connections, each of which is a file; fewer where no process may open so many files.
fn as_many_as_files(wanted: u32) -> u32 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it stays as it was, so it counts below.
    let _ = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = u32::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(u32::MAX);
    if most < wanted {
        println!("a process may open {files} files here: {most} connections are held instead of {wanted}");
    }
    wanted.min(most)
}

/// The simulator on the second processor.
fn simulator(programs: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", "1"]).arg(programs.join("fleet"));
    command
}

/// One run of the simulator: everyone registers, is approved and learns the server's key; then comes the load.
fn load(site: &Site, options: &Options) -> Result<()> {
    let mut fleet = site.as_fleet(simulator(site.programs()));
    fleet.args(["--agents", &options.agents.to_string()]);
    fleet.args(["--connections", &options.connections.to_string()]);
    fleet.args(["--approve", "--duration", &options.duration.to_string()]);
    fleet.args(["--server-process", &site.server_id().to_string()]);
    if let Some(rate) = options.rate {
        fleet.args(["--rate", &rate.to_string()]);
    }
    if let Some(path) = &options.json {
        fleet.arg("--json").arg(std::path::absolute(path)?);
    }
    process::run(fleet)
}
