//! A restart of the server in front of a whole fleet, all of which connects at once.

use super::goal::Goal;
use super::report;
use super::simulator;
use crate::process;
use crate::site::Site;
use anyhow::{Context, Result};
use std::path::Path;

/// Within what time everybody is to be served, in seconds.
const MOST_SECS: f64 = 60.0;

/// Everybody registers, is approved and checks in; the server is killed and started; everybody comes back at once.
pub(crate) fn measure(site: &mut Site, agents: u32, json: Option<&Path>) -> Result<Vec<Goal>> {
    let count = agents.to_string();
    let identities = site.folder().join("identities");
    let fleet = |site: &Site| {
        let mut fleet = site.as_fleet(simulator(site.programs()));
        fleet.args(["--agents", &count, "--identities"]).arg(&identities);
        fleet
    };
    let mut before = fleet(site);
    before.args(["--approve", "--duration", "0.1"]);
    process::run(before)?;
    site.crash_and_start()?;
    let mut stampede = fleet(site);
    stampede.args(["--stampede", "--await-listed", &count]);
    stampede.args(["--server-process", &site.server_id().to_string()]);
    let path = report::path(site, json)?;
    stampede.arg("--json").arg(&path);
    process::run(stampede)?;
    let report = report::read(&path)?;
    let number = |name: &str| {
        report["stampede"][name]
            .as_f64()
            .context("no outcome of the stampede")
    };
    let lost = f64::from(agents) - number("served")? + number("registered_anew")?;
    Ok(vec![
        Goal::at_most(
            format!("{agents} agents at once after a restart: all served within"),
            number("all_served_secs")?,
            MOST_SECS,
            "s",
        ),
        Goal::at_most(
            "    agents that were not served, or registered anew",
            lost,
            0.0,
            "",
        ),
    ])
}
