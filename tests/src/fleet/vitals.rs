//! What a simulated machine measures: values that wander as those of a real one do.

use scm_protocol::agent::HostFacts;
use scm_protocol::telemetry::{Container, Telemetry};

const GIB: i64 = 1 << 30;
const PURPOSES: [&str; 8] = ["web", "db", "cache", "queue", "build", "mail", "proxy", "store"];
const SYSTEMS: [(&str, &str); 4] = [
    ("Debian GNU/Linux 12 (bookworm)", "6.1.0-28-amd64"),
    ("Ubuntu 24.04.3 LTS", "6.8.0-71-generic"),
    ("Rocky Linux 9.6 (Blue Onyx)", "5.14.0-570.el9.x86_64"),
    ("openSUSE Leap 15.6", "6.4.0-150600.23-default"),
];

/// A machine's measurements, and the chance by which they change.
#[derive(Clone, Debug)]
pub(super) struct Vitals {
    chance: u64,
    booted_secs_ago: i64,
    cpu_percent: f32,
    mem_total_bytes: i64,
    mem_share: f32,
    disk_total_bytes: i64,
    disk_share: f32,
    containers: Option<Vec<Container>>,
}

impl Vitals {
    /// Those of the `index`-th machine.
    pub(super) fn new(index: usize) -> Self {
        let mut vitals = Vitals {
            chance: (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5ca1_ab1e,
            booted_secs_ago: 0,
            cpu_percent: 0.0,
            mem_total_bytes: (4 * GIB) << (index % 5),
            mem_share: 0.0,
            disk_total_bytes: (40 * GIB) << (index % 4),
            disk_share: 0.0,
            containers: None,
        };
        vitals.booted_secs_ago = (vitals.share() * 90.0 * 86_400.0) as i64;
        vitals.cpu_percent = vitals.share() * 40.0;
        vitals.mem_share = 0.2 + vitals.share() * 0.6;
        vitals.disk_share = 0.1 + vitals.share() * 0.7;
        if index.is_multiple_of(3) {
            vitals.containers = Some(containers(index));
        }
        vitals
    }

    /// The measurement `secs` after the last one.
    pub(super) fn measure(&mut self, secs: i64) -> Telemetry {
        let drift = self.share() - 0.5;
        self.cpu_percent = (self.cpu_percent + drift * 12.0).clamp(0.2, 99.5);
        self.mem_share = (self.mem_share + (self.share() - 0.5) * 0.01).clamp(0.05, 0.97);
        self.disk_share = (self.disk_share + (self.share() - 0.48) * 0.0005).clamp(0.02, 0.99);
        self.booted_secs_ago += secs;
        Telemetry {
            cpu_percent: Some((self.cpu_percent * 10.0).round() / 10.0),
            mem_used_bytes: Some((self.mem_total_bytes as f64 * f64::from(self.mem_share)) as i64),
            mem_total_bytes: Some(self.mem_total_bytes),
            disk_used_bytes: Some((self.disk_total_bytes as f64 * f64::from(self.disk_share)) as i64),
            disk_total_bytes: Some(self.disk_total_bytes),
            uptime_secs: Some(self.booted_secs_ago),
            containers: self.containers.clone(),
        }
    }

    /// Between 0 and 1 (SplitMix64).
    fn share(&mut self) -> f32 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.chance;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 40) as f32 / (1u32 << 24) as f32
    }
}

fn containers(index: usize) -> Vec<Container> {
    let running = ["nginx:1.27", "redis:7.4", "postgres:17", "grafana/grafana:11.3.0"];
    let running = running.iter().take(1 + index % 4);
    running
        .map(|image| Container {
            runtime: "docker".to_owned(),
            name: image.split([':', '/']).next().unwrap_or(image).to_owned(),
            image: (*image).to_owned(),
        })
        .collect()
}

/// What the `index`-th machine says of itself.
pub(super) fn facts(prefix: &str, index: usize) -> HostFacts {
    let (os, kernel) = SYSTEMS[index % SYSTEMS.len()];
    let purpose = PURPOSES[index % PURPOSES.len()];
    HostFacts {
        hostname: format!("{prefix}-{purpose}-{:03}", index / PURPOSES.len() + 1),
        addresses: vec![format!(
            "10.{}.{}.{}",
            index >> 16 & 255,
            index >> 8 & 255,
            index & 255
        )],
        os: os.to_owned(),
        os_family: "linux".to_owned(),
        arch: if index % 5 == 4 { "aarch64" } else { "x86_64" }.to_owned(),
        kernel: Some(kernel.to_owned()),
        machine_id_hash: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_measured_and_claimed_is_acceptable() {
        for index in 0..200 {
            assert_eq!(facts("sim", index).problem(), None);
            let mut vitals = Vitals::new(index);
            for _ in 0..200 {
                assert_eq!(vitals.measure(5).problem(), None);
            }
        }
    }

    #[test]
    fn machines_differ() {
        let names: std::collections::HashSet<_> =
            (0..500).map(|index| facts("sim", index).hostname).collect();
        assert_eq!(names.len(), 500);
        assert_ne!(
            Vitals::new(1).measure(5).cpu_percent,
            Vitals::new(2).measure(5).cpu_percent
        );
    }
}
