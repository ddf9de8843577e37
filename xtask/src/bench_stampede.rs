//! A restart of the server in front of a whole fleet, all of which connects at once.

use crate::process;
use crate::site::Site;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Everybody registers, is approved and checks in; the server is killed and started; everybody comes back at once.
pub(crate) fn measure(site: &mut Site, agents: u32, json: Option<&Path>) -> Result<()> {
    let count = agents.to_string();
    let identities = site.folder().join("identities");
    let fleet = |site: &Site| {
        let mut fleet = Command::new("taskset");
        fleet.args(["-c", "1"]).arg(site.programs().join("fleet"));
        let mut fleet = site.as_fleet(fleet);
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
    if let Some(path) = json {
        stampede.arg("--json").arg(std::path::absolute(path)?);
    }
    process::run(stampede)
}
