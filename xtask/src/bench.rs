//! `cargo xtask bench`: check-ins per second of a release build, the server alone on one processor.

use crate::bench_audit;
use crate::bench_growth;
use crate::bench_lists;
use crate::bench_ratios;
use crate::bench_registrations;
use crate::bench_rules;
use crate::bench_stampede;
use crate::build::{self, Profile};
use crate::process;
use crate::site::{Settings, Site, two_processors};
use anyhow::Result;
use std::path::PathBuf;
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
    /// Measure, instead of check-ins, the export of an audit of so many entries.
    #[arg(long, value_name = "N")]
    audit_entries: Option<u32>,
    /// Measure, instead of check-ins, rules and a bulk job over so many systems.
    #[arg(long, value_name = "N", conflicts_with = "audit_entries")]
    rules_systems: Option<u32>,
    /// Measure, instead of check-ins, pages of the systems list over so many systems.
    #[arg(long, value_name = "N", conflicts_with_all = ["audit_entries", "rules_systems"])]
    list_systems: Option<u32>,
    /// Measure, instead of check-ins, registrations where so many systems are already.
    #[arg(long, value_name = "N", conflicts_with_all = ["audit_entries", "rules_systems", "list_systems"])]
    registrations_systems: Option<u32>,
    /// Measure, instead of check-ins per second, how long an approval takes to reach an agent whose check-in is held, and what
    /// a held connection costs the server.
    #[arg(long, conflicts_with_all = ["audit_entries", "rules_systems", "rate"])]
    held: bool,
    /// Measure what the server does beyond the bare work of a check-in: on SQLite and PostgreSQL, with 20 rules.
    #[arg(long, conflicts_with_all = ["audit_entries", "rules_systems", "held", "rate", "json"])]
    ratios: bool,
    /// Measure what a check-in costs with 1,000 systems and with 100,000, and how long check-ins take while rules over the latter
    /// are saved.
    #[arg(long, conflicts_with_all = ["audit_entries", "rules_systems", "held", "rate", "json", "ratios", "agents"])]
    growth: bool,
    /// Measure, instead of check-ins per second, how long it takes until all agents are served that come back at once after the
    /// server was killed, and what memory the server needs for it.
    #[arg(long, conflicts_with_all = ["audit_entries", "rules_systems", "rate", "held"])]
    stampede: bool,
    /// Write the figures there as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Builds, loads, prints.
pub(crate) fn run(options: &Options) -> Result<()> {
    two_processors()?;
    let programs = build::programs(Profile::Release)?;
    if options.ratios {
        let load = bench_ratios::Load {
            agents: options.agents,
            connections: options.connections,
            duration_secs: options.duration,
        };
        return bench_ratios::measure(&programs, load);
    }
    if options.growth {
        return bench_growth::measure(&programs, options.connections, options.duration);
    }
    let mut site = Site::start(
        &programs,
        &Settings {
            name: "bench",
            interval_secs: 60,
            log_level: "warn",
            server_prefix: &["taskset", "-c", "0"],
            database: None,
        },
    )?;
    if let Some(entries) = options.audit_entries {
        bench_audit::export(&site, entries)?;
    } else if let Some(systems) = options.rules_systems {
        bench_rules::measure(&site, systems)?;
    } else if let Some(systems) = options.list_systems {
        bench_lists::measure(&site, systems)?;
    } else if let Some(systems) = options.registrations_systems {
        bench_registrations::measure(&site, systems)?;
    } else if options.stampede {
        bench_stampede::measure(&mut site, options.agents, options.json.as_deref())?;
    } else {
        load(&site, options)?;
    }
    site.must_run()
}

/// One run of the simulator: everyone registers, is approved and learns the server's key; then comes the load.
fn load(site: &Site, options: &Options) -> Result<()> {
    let mut fleet = Command::new("taskset");
    fleet.args(["-c", "1"]).arg(site.programs().join("fleet"));
    let mut fleet = site.as_fleet(fleet);
    fleet.args(["--agents", &options.agents.to_string()]);
    fleet.args(["--connections", &options.connections.to_string()]);
    if options.held {
        fleet.arg("--held");
    } else {
        fleet.args(["--approve", "--duration", &options.duration.to_string()]);
    }
    fleet.args(["--server-process", &site.server_id().to_string()]);
    if let Some(rate) = options.rate {
        fleet.args(["--rate", &rate.to_string()]);
    }
    if let Some(path) = &options.json {
        fleet.arg("--json").arg(std::path::absolute(path)?);
    }
    process::run(fleet)
}
