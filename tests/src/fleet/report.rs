//! The report, as a table for people and as JSON for programs.

use super::options::Options;
use super::server_cost::ServerCost;
use super::tally::{HEAD, Tally};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What happened, phase by phase.
#[derive(Default)]
pub(super) struct Report {
    phases: Vec<(&'static str, Tally)>,
    server: Option<Value>,
    held: Option<Value>,
    stampede: Option<Value>,
}

impl Report {
    /// Adds a phase.
    pub(super) fn add(&mut self, name: &'static str, tally: Tally) {
        self.phases.push((name, tally));
    }

    /// Adds what the load cost the server.
    pub(super) fn server(&mut self, before: &ServerCost, after: &ServerCost, checkins: u64) {
        let cpu_secs = after.cpu_secs - before.cpu_secs;
        self.server = Some(json!({
            "cpu_secs": cpu_secs,
            "cpu_us_per_checkin": cpu_secs * 1e6 / checkins.max(1) as f64,
            "resident_kib_before": before.resident_kib,
            "resident_kib_after": after.resident_kib,
        }));
    }

    /// Adds what connections cost on which a check-in is held.
    pub(super) fn held(&mut self, memory: Value) {
        self.held = Some(memory).filter(|memory| !memory.is_null());
    }

    /// Adds what a stampede came to, and the server's memory.
    pub(super) fn stampede(&mut self, mut outcome: Value, server: Option<&ServerCost>) {
        if let Some(server) = server {
            outcome["resident_kib"] = json!(server.resident_kib);
            outcome["peak_resident_kib"] = json!(server.peak_kib);
        }
        self.stampede = Some(outcome);
    }

    /// Everything, for programs.
    pub(super) fn json(&self) -> Value {
        let phases: serde_json::Map<String, Value> = self
            .phases
            .iter()
            .map(|(name, tally)| ((*name).replace([' ', '-'], "_"), tally.json()))
            .collect();
        json!({ "phases": phases, "server": self.server, "held": self.held, "stampede": self.stampede })
    }

    fn table(&self) -> String {
        let mut lines = vec![HEAD.to_owned()];
        for (name, tally) in &self.phases {
            lines.extend(tally.lines(name));
        }
        if let Some(server) = &self.server {
            let number = |key: &str| server[key].as_f64().unwrap_or_default();
            lines.push(format!(
                "server: {:.1} us of processor time per check-in, {:.1} MiB resident before the load, {:.1} after",
                number("cpu_us_per_checkin"),
                number("resident_kib_before") / 1024.0,
                number("resident_kib_after") / 1024.0,
            ));
        }
        if let Some(held) = &self.held {
            let number = |key: &str| held[key].as_f64().unwrap_or_default();
            lines.push(format!(
                "server: {:.1} KiB of memory per held connection ({} of them; {:.1} MiB resident before, {:.1} held)",
                number("bytes_per_connection") / 1024.0,
                held["connections"],
                number("resident_kib_before") / 1024.0,
                number("resident_kib_held") / 1024.0,
            ));
        }
        if let Some(stampede) = &self.stampede {
            let number = |key: &str| stampede[key].as_f64().unwrap_or_default();
            lines.push(format!(
                "stampede: {} of {} agents served within {:.1} s, {} of them registered anew, {} connections kept; \
                 server: {:.1} MiB resident, {:.1} at most",
                stampede["served"],
                stampede["agents"],
                number("all_served_secs"),
                stampede["registered_anew"],
                stampede["connections_kept"],
                number("resident_kib") / 1024.0,
                number("peak_resident_kib") / 1024.0,
            ));
        }
        lines.join("\n")
    }

    /// Prints and writes it as the command line says.
    pub(super) fn print(&self, options: &Options) -> Result<()> {
        let json = || {
            let mut report = self.json();
            report["agents"] = json!(options.agents);
            report["connections"] = json!(options.connection_count());
            report["offered_per_second"] = json!(options.offered_rate());
            report
        };
        match options.json.as_deref() {
            Some(path) if path == Path::new("-") => println!("{:#}", json()),
            Some(path) => {
                println!("{}", self.table());
                fs::write(path, format!("{:#}\n", json()))
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            None => println!("{}", self.table()),
        }
        Ok(())
    }
}
