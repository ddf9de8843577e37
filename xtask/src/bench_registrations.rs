//! `cargo xtask bench --registrations-systems N`: agents that register anew where N systems are already.

use crate::bench_rules::insert;
use crate::process::run;
use crate::site::Site;
use anyhow::Result;
use std::process::Command;

/// What it should reach, per second and core.
const TARGET: u32 = 3000;
/// As many as may wait for approval by default, but for a few.
const AGENTS: u32 = 4900;

/// Fills the fleet and lets the simulator register; its report says how many a second.
pub(crate) fn measure(site: &Site, systems: u32) -> Result<()> {
    insert(&site.folder().join("server/openscm.db"), systems)?;
    println!("{AGENTS} agents register where {systems} systems are; to reach: {TARGET} per second");
    let mut fleet = Command::new("taskset");
    fleet.args(["-c", "1"]).arg(site.programs().join("fleet"));
    let mut fleet = site.as_fleet(fleet);
    fleet.args(["--agents", &AGENTS.to_string(), "--duration", "0"]);
    run(fleet)
}
