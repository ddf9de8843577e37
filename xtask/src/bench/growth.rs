//! `cargo xtask bench --growth`: what a check-in costs with 1,000 systems and with a hundred times as many, and how long check-ins
//! take while rules over all of them are saved.
//!
//! Server, rules and simulator are those of `--ratios`. Both fleets are registered first and then loaded in short turns, one after
//! the other, so that a machine that becomes slower meanwhile does so for both; medians are compared.
//!
//! Rules are saved one after the other, by `curl`, from the start of the load to its end, each with other members than the one
//! before: check-ins then are those of a fleet in the middle of a change.

use super::goal::Goal;
use super::ratios::{Figures, Load, ONE, arguments, enrollment_token, figures, rules, token_fleet};
use super::rules::{Client, number};
use super::simulator;
use crate::process::{Program, run};
use crate::site::{Settings, Site};
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;

const FEW: u32 = 1_000;
const MANY: u32 = 100_000;
/// By how much the cost may grow, in percent.
const MOST_GROWTH: f64 = 20.0;
/// Turns of each fleet.
const TURNS: usize = 7;
/// Rules saved with nothing else to do.
const ALONE: usize = 5;
/// What saving one may take, in milliseconds.
const MOST_SAVE_MS: f64 = 1000.0;
/// What check-ins may take while a rule is saved (99 of a hundred), in milliseconds.
const MOST_MEANWHILE_MS: f64 = 50.0;

/// Measures and prints.
pub(crate) fn measure(programs: &Path, connections: u32, duration_secs: u32) -> Result<Vec<Goal>> {
    let load = |agents| Load {
        agents,
        connections,
        duration_secs,
    };
    let mut few = Fleet::start(programs, load(FEW))?;
    let mut many = Fleet::start(programs, load(MANY))?;
    for _ in 0..TURNS {
        few.turn()?;
        many.turn()?;
    }
    few.print();
    many.print();
    let growth = 100.0 * (many.median(|turn| turn.cpu_us) / few.median(|turn| turn.cpu_us) - 1.0);
    let half = many.median(|turn| turn.per_second) / 2.0;
    let mut goals = vec![Goal::at_most(
        format!("growth of a check-in's cost from {FEW} to {MANY} systems"),
        growth,
        MOST_GROWTH,
        "%",
    )];
    goals.extend(while_rules_are_saved(&many.site, load(MANY), half)?);
    many.site.must_run()?;
    Ok(goals)
}

/// A server with so many approved systems, and what its turns came to.
struct Fleet {
    site: Site,
    load: Load,
    turns: Vec<Figures>,
}

impl Fleet {
    /// Registers everybody, and lets them check in for one turn that does not count.
    fn start(programs: &Path, load: Load) -> Result<Self> {
        let settings = Settings {
            name: "bench",
            interval_secs: 60,
            log_level: "warn",
            server_prefix: ONE,
            database: None,
        };
        let site = Site::start(programs, &settings)?;
        let client = Client::new(&site)?;
        rules(&client)?;
        let token = enrollment_token(&client, &site)?;
        let first = token_fleet(&site, &token);
        let fleet = Fleet {
            site,
            load,
            turns: Vec::with_capacity(TURNS),
        };
        fleet.run(first)?;
        Ok(fleet)
    }

    fn turn(&mut self) -> Result<()> {
        let figures = self.run(self.site.as_fleet(simulator(self.site.programs())))?;
        self.turns.push(figures);
        Ok(())
    }

    fn run(&self, mut fleet: Command) -> Result<Figures> {
        let report = self.site.folder().join("report");
        arguments(&mut fleet, self.load, None, self.site.server_id(), &report);
        fleet
            .arg("--identities")
            .arg(self.site.folder().join("identities"));
        run(fleet)?;
        figures(&report)
    }

    fn median(&self, of: impl Fn(&Figures) -> f64) -> f64 {
        median(self.turns.iter().map(of).collect())
    }

    fn print(&self) {
        let each = |of: fn(&Figures) -> f64| {
            let figures: Vec<_> = self.turns.iter().map(|turn| format!("{:.1}", of(turn))).collect();
            figures.join(" ")
        };
        println!(
            "{} systems, medians of {TURNS} turns: {:.0} check-ins/s, {:.1} us of the server's processor each ({}), p99 {:.1} ms, \
             {} failed; {:.0} MiB resident",
            self.load.agents,
            self.median(|turn| turn.per_second),
            self.median(|turn| turn.cpu_us),
            each(|turn| turn.cpu_us),
            self.median(|turn| turn.p99_ms),
            self.turns.iter().map(|turn| turn.failed).sum::<u64>(),
            self.turns.last().map_or(0.0, |turn| turn.resident_mib),
        );
    }
}

/// Half of the load that the server takes, and rules saved all the while.
fn while_rules_are_saved(site: &Site, load: Load, rate: f64) -> Result<Vec<Goal>> {
    let client = Client::new(site)?;
    let mut rule = SavedRule::new(&client)?;
    for _ in 0..ALONE {
        rule.save()?;
    }
    let alone = std::mem::take(&mut rule.took);
    let report = site.folder().join("report-saving");
    let mut fleet = site.as_fleet(simulator(site.programs()));
    arguments(&mut fleet, load, Some(rate), site.server_id(), &report);
    fleet.arg("--identities").arg(site.folder().join("identities"));
    let mut running = Program::background("the simulator", fleet, &site.folder().join("simulator.log"))?;
    let ended = loop {
        if let Some(ended) = running.finished()? {
            break ended;
        }
        rule.save()?;
    };
    ensure!(ended.success(), "the simulator failed: {}", running.log_tail());
    let figures = figures(&report)?;
    println!(
        "{MANY} systems, {rate:.0} check-ins/s while a rule was saved {} times, of {} members (median {:.0} ms): p50 {:.1} ms, \
         {} failed",
        rule.took.len(),
        rule.members,
        median(rule.took),
        figures.p50_ms,
        figures.failed
    );
    Ok(vec![
        Goal::at_most(
            format!("a rule saved over {MANY} systems (median of {ALONE})"),
            median(alone),
            MOST_SAVE_MS,
            "ms",
        ),
        Goal::at_most(
            "    check-ins meanwhile, at half of their full load: 99 % within",
            figures.p99_ms,
            MOST_MEANWHILE_MS,
            "ms",
        ),
    ])
}

fn median(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took.get(took.len() / 2).copied().unwrap_or_default()
}

/// A rule that every fifth system belongs to, each time others.
struct SavedRule<'a> {
    client: &'a Client<'a>,
    path: String,
    members: u64,
    turn: usize,
    /// How long each took, in milliseconds.
    took: Vec<f64>,
}

impl<'a> SavedRule<'a> {
    fn new(client: &'a Client<'a>) -> Result<Self> {
        let (group, _) = client.ask("POST", "/api/v1/groups", r#"{"name":"saved","kind":"auto"}"#)?;
        Ok(SavedRule {
            client,
            path: format!("/api/v1/groups/{}/rule", number(&group, "id")?),
            members: 0,
            turn: 0,
            took: Vec::new(),
        })
    }

    fn save(&mut self) -> Result<()> {
        let (first, members) = (self.turn * 2 % 10, self.members);
        let condition = format!(
            r#"{{"field":"hostname","operator":"regex","value":"[{first}{}]$"}}"#,
            first + 1
        );
        // How many leave the group is confirmed, as whoever saves it in the console does.
        let body = format!(r#"{{"conditions":[{condition}],"confirm_removals":{members}}}"#);
        let (saved, millis) = self.client.ask("PUT", &self.path, &body)?;
        self.members = number(&saved, "members")?;
        self.turn += 1;
        self.took.push(millis);
        Ok(())
    }
}
