//! Processor time and memory of the server's process, from `/proc`.

use anyhow::{Context, Result};
use std::fs;

/// One reading.
#[derive(Clone, Copy, Debug)]
pub struct ServerCost {
    /// User and system time since it started, in seconds.
    pub cpu_secs: f64,
    /// Resident memory, in KiB.
    pub resident_kib: u64,
    /// The most that it ever was, in KiB.
    pub peak_kib: u64,
}

impl ServerCost {
    /// Reads it.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn read(process: u32) -> Result<Self> {
        let gone = || format!("process {process} cannot be looked at");
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).with_context(gone)?;
        let status = fs::read_to_string(format!("/proc/{process}/status")).with_context(gone)?;
        let ticks = cpu_ticks(&stat).context("/proc stat")? as f64;
        Ok(ServerCost {
            cpu_secs: ticks / rustix::param::clock_ticks_per_second() as f64,
            resident_kib: kib(&status, "VmRSS:").context("/proc status")?,
            peak_kib: kib(&status, "VmHWM:").context("/proc status")?,
        })
    }
}

/// proc(5): `utime` and `stime` are the 12th and 13th fields after the name in parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn kib(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let cost = ServerCost::read(std::process::id()).unwrap();
        assert!(cost.peak_kib >= cost.resident_kib && cost.resident_kib > 100 && cost.cpu_secs >= 0.0);
    }

    #[test]
    fn names_with_parentheses_and_spaces_do_not_shift_fields() {
        let stat = "1 (a) b) S 1 1 1 0 -1 4194560 1 2 3 4 50 7 0 0 20 0 1 0 9";
        assert_eq!(cpu_ticks(stat), Some(57));
    }
}
