//! The measurement: system-wide CPU over half a second, memory, root volume, uptime, containers.

use super::containers;
use crate::config;
use crate::platform;
use scm_protocol::telemetry::Telemetry;
use std::collections::BTreeSet;
use std::time::Duration;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The window over which CPU is averaged.
pub(super) const CPU_WINDOW: Duration = Duration::from_millis(500);

/// Measures, and remembers which sources were reported as failing.
#[derive(Debug)]
pub struct Collector {
    settings: config::Telemetry,
    system: Option<System>,
    reported: BTreeSet<String>,
}

impl Collector {
    /// A collector; nothing is measured yet.
    pub fn new(settings: config::Telemetry) -> Self {
        let what = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let mut collector = Collector {
            settings,
            system: None,
            reported: BTreeSet::new(),
        };
        if settings.enabled {
            collector.system = System::new_with_specifics(what)
                .map_err(|error| collector.report("system", &error))
                .ok();
        }
        collector
    }

    /// Measures now, which takes as long as `pause` does: it must wait for `CPU_WINDOW` and says whether to go on. None
    /// when nothing is to be measured, or the agent is to stop.
    pub fn measure(&mut self, pause: impl FnOnce(Duration) -> bool) -> Option<Telemetry> {
        if !self.settings.enabled {
            return None;
        }
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
        }
        if !pause(CPU_WINDOW) {
            return None;
        }
        let mut telemetry = Telemetry::default();
        self.host(&mut telemetry);
        match platform::root_volume() {
            Ok(space) => {
                telemetry.disk_used_bytes = Some(space.used_bytes);
                telemetry.disk_total_bytes = Some(space.total_bytes);
            }
            Err(error) => self.report("disk", &error),
        }
        if self.settings.containers {
            let (found, failures) = containers::list(platform::RUNTIMES);
            telemetry.containers = found;
            for (runtime, reason) in failures {
                self.report(runtime, &reason);
            }
        }
        Some(telemetry)
    }

    fn host(&mut self, telemetry: &mut Telemetry) {
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
            let cpu = system.global_cpu_usage();
            telemetry.cpu_percent = cpu.is_finite().then(|| cpu.clamp(0.0, 100.0));
            let (total, available) = (system.total_memory(), system.available_memory());
            if total > 0 {
                telemetry.mem_used_bytes = i64::try_from(total.saturating_sub(available)).ok();
                telemetry.mem_total_bytes = i64::try_from(total).ok();
            }
        }
        match System::uptime() {
            Ok(uptime) => telemetry.uptime_secs = i64::try_from(uptime).ok(),
            Err(error) => self.report("uptime", &error),
        }
    }

    /// Once per source: a host without permission to a socket would otherwise say so every minute.
    fn report(&mut self, source: &str, reason: &dyn std::fmt::Display) {
        if self.reported.insert(source.to_owned()) {
            tracing::warn!(telemetry.source = source, error = %reason, "a source of telemetry fails, its fields are left out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: config::Telemetry = config::Telemetry {
        enabled: true,
        containers: true,
    };

    fn sleep(window: Duration) -> bool {
        std::thread::sleep(window);
        true
    }

    /// Busy and total jiffies of `/proc/stat`'s first line, as `man 5 proc_stat` counts them.
    fn jiffies() -> (f64, f64) {
        let text = std::fs::read_to_string("/proc/stat").unwrap();
        let numbers: Vec<f64> = text
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .skip(1)
            .map(|number| number.parse().unwrap())
            .collect();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted within user and nice.
        let total: f64 = numbers[..8].iter().sum();
        (total - numbers[3] - numbers[4], total)
    }

    fn meminfo(name: &str) -> i64 {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<i64>().unwrap() * 1024
    }

    #[test]
    fn the_measurement_agrees_with_proc() {
        let mut collector = Collector::new(ALL);
        // The same window, read around the collector's own two readings.
        let mut around = None;
        let telemetry = collector
            .measure(|window| {
                let before = jiffies();
                std::thread::sleep(window);
                around = Some((before, jiffies()));
                true
            })
            .unwrap();
        assert_eq!(telemetry.problem(), None);
        let ((busy, total), (busy_after, total_after)) = around.unwrap();
        let expected = 100.0 * (busy_after - busy) / (total_after - total).max(1.0);
        let measured = f64::from(telemetry.cpu_percent.unwrap());
        assert!((measured - expected).abs() < 8.0, "{measured} against {expected}");
        assert_eq!(telemetry.mem_total_bytes.unwrap(), meminfo("MemTotal:"));
        let used = meminfo("MemTotal:") - meminfo("MemAvailable:");
        let difference = (telemetry.mem_used_bytes.unwrap() - used).abs();
        assert!(difference < meminfo("MemTotal:") / 20);
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split_whitespace().next().unwrap().parse().unwrap();
        assert!((telemetry.uptime_secs.unwrap() as f64 - uptime).abs() < 2.0);
        assert!(telemetry.disk_used_bytes.unwrap() <= telemetry.disk_total_bytes.unwrap());
    }

    #[test]
    fn what_is_switched_off_is_not_measured() {
        let off = config::Telemetry {
            enabled: false,
            ..ALL
        };
        assert_eq!(Collector::new(off).measure(sleep), None);
        let without = config::Telemetry {
            containers: false,
            ..ALL
        };
        assert_eq!(Collector::new(without).measure(sleep).unwrap().containers, None);
    }

    #[test]
    fn a_stop_ends_the_measurement() {
        assert_eq!(Collector::new(ALL).measure(|_| false), None);
    }
}
