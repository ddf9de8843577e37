//! `cargo xtask bench --registrations-systems N`: agents that register anew where N systems are already.

use super::goal::Goal;
use super::report;
use super::rules::insert;
use super::simulator;
use crate::process::run;
use crate::site::Site;
use anyhow::{Context, Result};
use std::path::Path;

/// What it should reach, per second and core.
const TARGET: f64 = 3000.0;
/// As many as may wait for approval by default, but for a few.
const AGENTS: u32 = 4900;

/// Fills the fleet and lets the simulator register.
pub(crate) fn measure(site: &Site, systems: u32, json: Option<&Path>) -> Result<Vec<Goal>> {
    insert(&site.folder().join("server/openscm.db"), systems)?;
    let mut fleet = site.as_fleet(simulator(site.programs()));
    fleet.args(["--agents", &AGENTS.to_string(), "--duration", "0"]);
    let path = report::path(site, json)?;
    fleet.arg("--json").arg(&path);
    run(fleet)?;
    let register = &report::read(&path)?["phases"]["register"];
    let per_second = register["per_second"].as_f64().context("no registrations")?;
    Ok(vec![Goal::at_least(
        format!("registrations where {systems} systems are"),
        per_second,
        TARGET,
        "/s",
    )])
}
