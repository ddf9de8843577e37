//! `cargo xtask bench --held`: how soon an agent whose check-in is held hears of its approval, and what it costs to hold it.

use super::goal::Goal;
use super::report;
use super::simulator;
use crate::process::run;
use crate::site::Site;
use anyhow::{Context, Result};
use std::path::Path;

/// What a connection should cost the server, in KiB.
const MOST_KIB: f64 = 16.0;

/// The simulator holds and measures.
pub(crate) fn measure(site: &Site, agents: u32, json: Option<&Path>) -> Result<Vec<Goal>> {
    let (path, mut fleet) = (
        report::path(site, json)?,
        site.as_fleet(simulator(site.programs())),
    );
    fleet.args(["--held", "--agents", &agents.to_string()]);
    fleet.args(["--server-process", &site.server_id().to_string()]);
    fleet.arg("--json").arg(&path);
    run(fleet)?;
    let bytes = report::read(&path)?["held"]["bytes_per_connection"]
        .as_f64()
        .context("no memory of a connection")?;
    Ok(vec![Goal::at_most(
        format!("memory of each of {agents} held connections"),
        bytes / 1024.0,
        MOST_KIB,
        "KiB",
    )])
}
