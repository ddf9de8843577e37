//! Live telemetry: what a heartbeat carries (every field optional) and the history that the console charts.

use crate::ids::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One measurement of a machine. Every field is optional; none is guessed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Telemetry {
    /// System-wide average over a 500 ms window, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f32>,
    /// Memory in use (total minus available), in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_used_bytes: Option<i64>,
    /// Physical memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mem_total_bytes: Option<i64>,
    /// Space in use on the root volume, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_used_bytes: Option<i64>,
    /// Size of the root volume, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_total_bytes: Option<i64>,
    /// Seconds since the machine booted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_secs: Option<i64>,
    /// Running containers; none when no runtime is present, empty when it runs nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<Container>>,
}

/// A running container.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Container {
    /// `docker` or `podman`.
    pub runtime: String,
    /// Its name without a leading slash.
    pub name: String,
    /// The image reference it was started from.
    pub image: String,
}

/// Most containers that one heartbeat may list.
pub const MAX_CONTAINERS: usize = 256;

impl Telemetry {
    /// The first field whose value cannot be, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if let Some(cpu) = self.cpu_percent
            && !(0.0..=100.0).contains(&cpu)
        {
            return Some(("cpu_percent", format!("is {cpu}, must be between 0 and 100")));
        }
        let amounts = [
            ("mem_used_bytes", self.mem_used_bytes),
            ("mem_total_bytes", self.mem_total_bytes),
            ("disk_used_bytes", self.disk_used_bytes),
            ("disk_total_bytes", self.disk_total_bytes),
            ("uptime_secs", self.uptime_secs),
        ];
        if let Some((field, Some(amount))) = amounts
            .into_iter()
            .find(|(_, amount)| amount.is_some_and(|a| a < 0))
        {
            return Some((field, format!("is {amount}, must not be negative")));
        }
        let containers = self.containers.as_deref().unwrap_or_default();
        if containers.len() > MAX_CONTAINERS {
            return Some((
                "containers",
                format!(
                    "has {} entries, at most {MAX_CONTAINERS} are allowed",
                    containers.len()
                ),
            ));
        }
        let bad = |text: &str| text.len() > 256 || text.chars().any(char::is_control);
        containers
            .iter()
            .any(|c| bad(&c.runtime) || bad(&c.name) || bad(&c.image))
            .then(|| {
                (
                    "containers",
                    "has a text over 256 bytes or with control characters".to_owned(),
                )
            })
    }
}

/// One point of a history chart: the average of the samples in its bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TelemetryPoint {
    /// Start of the bucket.
    pub at_ms: UnixMillis,
    /// Average CPU, 0 to 100.
    pub cpu_percent: Option<f64>,
    /// The lowest sample of CPU.
    #[serde(default)]
    pub cpu_percent_min: Option<f64>,
    /// The highest sample of CPU.
    #[serde(default)]
    pub cpu_percent_max: Option<f64>,
    /// Average memory in use, in bytes.
    pub mem_used_bytes: Option<i64>,
    /// The most memory in use, in bytes.
    #[serde(default)]
    pub mem_used_bytes_max: Option<i64>,
    /// Average space in use on the root volume, in bytes.
    pub disk_used_bytes: Option<i64>,
    /// The most space in use on the root volume, in bytes.
    #[serde(default)]
    pub disk_used_bytes_max: Option<i64>,
}

/// `GET /api/v1/systems/{id}/telemetry?from_ms=&to_ms=&points=`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TelemetryHistory {
    /// Start of the range, inclusive.
    pub from_ms: UnixMillis,
    /// End of the range, exclusive.
    pub to_ms: UnixMillis,
    /// Width of a bucket, in milliseconds.
    pub bucket_ms: i64,
    /// Physical memory as last reported, in bytes: the top of the memory chart.
    pub mem_total_bytes: Option<i64>,
    /// Size of the root volume as last reported, in bytes: the top of the disk chart.
    pub disk_total_bytes: Option<i64>,
    /// Buckets with samples, oldest first; a bucket without samples is absent.
    pub points: Vec<TelemetryPoint>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_values_are_named() {
        assert_eq!(Telemetry::default().problem(), None);
        let field = |telemetry: Telemetry| telemetry.problem().map(|(field, _)| field);
        assert_eq!(
            field(Telemetry {
                cpu_percent: Some(100.5),
                ..Default::default()
            }),
            Some("cpu_percent")
        );
        assert_eq!(
            field(Telemetry {
                cpu_percent: Some(f32::NAN),
                ..Default::default()
            }),
            Some("cpu_percent")
        );
        assert_eq!(
            field(Telemetry {
                uptime_secs: Some(-1),
                ..Default::default()
            }),
            Some("uptime_secs")
        );
        let container = Container {
            runtime: "docker".into(),
            name: "x\n".into(),
            image: "y".into(),
        };
        assert_eq!(
            field(Telemetry {
                containers: Some(vec![container]),
                ..Default::default()
            }),
            Some("containers")
        );
    }
}
