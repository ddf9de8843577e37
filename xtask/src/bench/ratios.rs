//! `cargo xtask bench --ratios`: durable check-ins per second of one processor, against the bare work of one, in the same run.
//!
//! Each load comes from the simulator on another processor. `ceiling` answers signed check-ins and keeps nothing; the server has
//! the whole fleet approved, rules in force and every reply after its commit, on SQLite and on PostgreSQL that syncs. A load that
//! the simulator's own processor limits is seen by the server's processor time, which is told besides.

use super::goal::Goal;
use super::rules::{Client, number};
use super::{report, simulator};
use crate::postgres::{Cluster, Durability};
use crate::process::{self, Program};
use crate::signals::wait_for;
use crate::site::{Settings, Site};
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What is loaded, and how.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub agents: u32,
    pub connections: u32,
    pub duration_secs: u32,
}

/// Synced writes of which the median is told.
const SYNCS: u32 = 500;
/// Rules in force while check-ins are measured.
const RULES: u32 = 20;

/// The server alone on the first processor.
pub(crate) const ONE: &[&str] = &["taskset", "-c", "0"];
/// The server on both, the simulator on one of them: its processor time for each check-in tells how it scales.
const BOTH: &[&str] = &["taskset", "-c", "0,1"];

/// What a load came to.
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) failed: u64,
    registered_per_second: f64,
    pub(crate) resident_mib: f64,
}

/// Measures and prints.
pub(crate) fn measure(programs: &Path, load: Load) -> Result<Vec<Goal>> {
    println!("{}", disk()?);
    let ceiling = bare_work(programs, load, ONE)?;
    print("bare work, nothing kept", &ceiling, None);
    let sqlite = on_server(programs, load, None, ONE, None)?;
    print("SQLite, synchronous=FULL", &sqlite, Some(&ceiling));
    let half = on_server(programs, load, Some(sqlite.per_second / 2.0), ONE, None)?;
    print("SQLite, at half of that load", &half, None);
    let cluster = Cluster::start(Durability::Synced)?;
    let postgres = on_server(programs, load, None, ONE, Some(cluster.url()))?;
    print("PostgreSQL, synchronous_commit=on", &postgres, Some(&ceiling));
    let both = on_server(programs, load, None, BOTH, None)?;
    print("SQLite, both processors shared with the simulator", &both, None);
    let bare_both = bare_work(programs, load, BOTH)?;
    print(
        "bare work, both processors shared with the simulator",
        &bare_both,
        None,
    );
    let share = |of: &Figures| 100.0 * of.per_second / ceiling.per_second;
    let failed = [&sqlite, &half, &postgres, &both].map(|load| load.failed as f64);
    Ok(vec![
        Goal::at_least("SQLite: check-ins/s, of the bare work", share(&sqlite), 90.0, "%"),
        Goal::at_least(
            "PostgreSQL: check-ins/s, of the bare work",
            share(&postgres),
            50.0,
            "%",
        ),
        // By processor time: the simulator takes a part of the second one.
        Goal::at_least(
            "from one processor to two",
            2.0 * sqlite.cpu_us / both.cpu_us,
            1.8,
            "x",
        ),
        Goal::at_most("half of the full load: 99 % within", half.p99_ms, 10.0, "ms"),
        Goal::at_most(
            "requests that failed at any of these loads",
            failed.iter().sum(),
            0.0,
            "",
        ),
        Goal::at_most(
            format!("memory of the server with {} systems", load.agents),
            sqlite.resident_mib * 1.048_576,
            100.0,
            "MB",
        ),
    ])
}

fn print(what: &str, figures: &Figures, ceiling: Option<&Figures>) {
    println!(
        "{what}: {:.0} check-ins/s, {:.1} us of the server's processor each, p50 {:.1} ms, p99 {:.1} ms, {} failed; \
         {:.0} registrations/s; {:.0} MiB resident",
        figures.per_second,
        figures.cpu_us,
        figures.p50_ms,
        figures.p99_ms,
        figures.failed,
        figures.registered_per_second,
        figures.resident_mib,
    );
    if let Some(ceiling) = ceiling {
        println!(
            "    of the bare work: {:.0} % by check-ins per second, {:.0} % by processor time",
            100.0 * figures.per_second / ceiling.per_second,
            100.0 * ceiling.cpu_us / figures.cpu_us,
        );
    }
}

fn bare_work(programs: &Path, load: Load, prefix: &[&str]) -> Result<Figures> {
    let folder = TempDir::new()?;
    let (bind, processors) = prefix.split_first().context("no processors")?;
    let mut command = Command::new(bind);
    command.args(processors).arg(programs.join("ceiling"));
    command.arg("--folder").arg(folder.path());
    let mut program = Program::background("the bare work", command, &folder.path().join("log"))?;
    let port = wait_for("the bare work", Duration::from_secs(30), || {
        program.must_run()?;
        Ok(fs::read_to_string(folder.path().join("port")).ok())
    })?;
    let mut fleet = simulator(programs);
    fleet.arg("--server").arg(format!("https://localhost:{port}"));
    fleet.arg("--ca-file").arg(folder.path().join("ca.pem"));
    run(fleet, load, None, program.id(), &folder.path().join("report"))
}

fn on_server(
    programs: &Path,
    load: Load,
    rate: Option<f64>,
    server_prefix: &'static [&'static str],
    database: Option<String>,
) -> Result<Figures> {
    let settings = Settings {
        name: "bench",
        interval_secs: 60,
        log_level: "warn",
        server_prefix,
        database,
    };
    let mut site = Site::start(programs, &settings)?;
    let client = Client::new(&site)?;
    rules(&client)?;
    let token = enrollment_token(&client, &site)?;
    let fleet = token_fleet(&site, &token);
    let report = site.folder().join("report");
    let figures = run(fleet, load, rate, site.server_id(), &report)?;
    site.must_run()?;
    Ok(figures)
}

/// The simulator, whose agents are approved by that token.
pub(crate) fn token_fleet(site: &Site, token: &Path) -> Command {
    let mut fleet = site.as_fleet(simulator(site.programs()));
    fleet.arg("--enrollment-token").arg(token);
    fleet
}

fn run(mut fleet: Command, load: Load, rate: Option<f64>, server: u32, report: &Path) -> Result<Figures> {
    arguments(&mut fleet, load, rate, server, report);
    process::run(fleet)?;
    figures(report)
}

/// What the simulator is to do; closed loop without a rate.
pub(crate) fn arguments(fleet: &mut Command, load: Load, rate: Option<f64>, server: u32, report: &Path) {
    // Verifying every reply would cost the simulator more than the reply costs the server.
    fleet.arg("--no-verify");
    fleet.args(["--agents", &load.agents.to_string()]);
    fleet.args(["--connections", &load.connections.to_string()]);
    fleet.args(["--duration", &load.duration_secs.to_string()]);
    fleet.args(["--server-process", &server.to_string()]);
    if let Some(rate) = rate {
        fleet.args(["--rate", &format!("{rate:.0}")]);
    }
    fleet.arg("--json").arg(report);
}

/// What the simulator reported.
pub(crate) fn figures(report: &Path) -> Result<Figures> {
    read(&report::read(report)?).context("the simulator's report")
}

fn read(report: &Value) -> Option<Figures> {
    let load = &report["phases"]["check_in"];
    Some(Figures {
        per_second: load["per_second"].as_f64()?,
        cpu_us: report["server"]["cpu_us_per_checkin"].as_f64()?,
        p50_ms: load["latency_ms"]["p50"].as_f64()?,
        p99_ms: load["latency_ms"]["p99"].as_f64()?,
        failed: report::failed(load)?,
        registered_per_second: report["phases"]["register"]["per_second"].as_f64()?,
        resident_mib: report["server"]["resident_kib_after"].as_f64()? / 1024.0,
    })
}

/// How long the disk of the temporary folder takes to make a small change durable: every commit waits for it.
fn disk() -> Result<String> {
    let file = tempfile::tempfile()?;
    let mut took = Vec::with_capacity(SYNCS as usize);
    for number in 0..SYNCS {
        file.write_all_at(&[1; 8192], u64::from(number % 256) * 8192)?;
        let begun = Instant::now();
        file.sync_data()?;
        took.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    let at = |share: usize| took[took.len() * share / 100];
    Ok(format!(
        "disk: a synced write of 8 KiB takes {:.2} ms (median), {:.2} ms (99 %)",
        at(50),
        at(99)
    ))
}

/// Rules of one to three conditions, over what the host and its telemetry say.
pub(crate) fn rules(client: &Client<'_>) -> Result<()> {
    for index in 0..RULES {
        let body = format!(r#"{{"name":"bench-{index}","kind":"auto"}}"#);
        let (group, _) = client.ask("POST", "/api/v1/groups", &body)?;
        let path = format!("/api/v1/groups/{}/rule", number(&group, "id")?);
        client.ask(
            "PUT",
            &path,
            &format!(r#"{{"conditions":[{}]}}"#, conditions(index)),
        )?;
    }
    Ok(())
}

fn conditions(index: u32) -> String {
    let host = format!(r#"{{"field":"hostname","operator":"contains","value":"{index}7"}}"#);
    let linux = r#"{"field":"os_family","operator":"equals","value":"linux"}"#;
    let image = r#"{"field":"any_container_image","operator":"contains","value":"nginx"}"#;
    let pattern = format!(r#"{{"field":"hostname","operator":"regex","value":"^sim-?0*[0-9]*{index}$"}}"#);
    match index % 4 {
        0 => host,
        1 => format!("{linux},{host}"),
        2 => format!("{linux},{pattern}"),
        _ => format!("{linux},{host},{image}"),
    }
}

/// A file with a token that approves everybody.
pub(crate) fn enrollment_token(client: &Client<'_>, site: &Site) -> Result<PathBuf> {
    let (created, _) = client.ask("POST", "/api/v1/enrollment/tokens", r#"{"name":"bench"}"#)?;
    let created: Value = serde_json::from_str(&created)?;
    let path = site.folder().join("enrollment-token");
    fs::write(&path, created["secret"].as_str().context("no secret")?)?;
    Ok(path)
}
