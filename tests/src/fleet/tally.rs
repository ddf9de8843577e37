//! What happened in one phase: how often, how fast, and what went wrong.

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Latencies and errors of one phase.
#[derive(Clone)]
pub(super) struct Tally {
    latency_us: Histogram<u64>,
    errors: BTreeMap<String, u64>,
    elapsed: Duration,
}

impl Tally {
    /// An empty one.
    ///
    /// # Errors
    /// Never with these bounds.
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Tally {
            latency_us: Histogram::new_with_bounds(1, 3_600_000_000, 3)?,
            errors: BTreeMap::new(),
            elapsed: Duration::ZERO,
        })
    }

    /// Counts a success.
    pub(super) fn succeeded(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.latency_us.saturating_record(micros.max(1));
    }

    /// Counts a failure.
    pub(super) fn failed(&mut self, kind: &str) {
        match self.errors.get_mut(kind) {
            Some(count) => *count += 1,
            None => {
                self.errors.insert(kind.to_owned(), 1);
            }
        }
    }

    /// Adds what another connection counted.
    pub(super) fn add(&mut self, other: &Tally) {
        // Same bounds, so nothing can fall outside.
        let _ = self.latency_us.add(&other.latency_us);
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
    }

    /// Says how long the phase took.
    pub(super) fn took(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// How many succeeded.
    pub(super) fn count(&self) -> u64 {
        self.latency_us.len()
    }

    /// How many failed.
    pub(super) fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Successes per second.
    pub(super) fn per_second(&self) -> f64 {
        let secs = self.elapsed.as_secs_f64();
        if secs > 0.0 {
            self.count() as f64 / secs
        } else {
            0.0
        }
    }

    /// The latency that this share of the successes did not exceed, in milliseconds.
    pub(super) fn quantile_ms(&self, share: f64) -> f64 {
        self.latency_us.value_at_quantile(share) as f64 / 1000.0
    }

    /// Everything, for programs.
    pub(super) fn json(&self) -> Value {
        json!({
            "count": self.count(),
            "elapsed_secs": self.elapsed.as_secs_f64(),
            "per_second": self.per_second(),
            "latency_ms": {
                "p50": self.quantile_ms(0.5),
                "p90": self.quantile_ms(0.9),
                "p99": self.quantile_ms(0.99),
                "p999": self.quantile_ms(0.999),
                "max": self.latency_us.max() as f64 / 1000.0,
            },
            "errors": self.errors,
        })
    }

    /// One line of the table, and one for each kind of error.
    pub(super) fn lines(&self, phase: &str) -> Vec<String> {
        let mut lines = vec![format!(
            "{phase:<16} {:>9} {:>9} {:>10.0} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
            self.count(),
            self.error_count(),
            self.per_second(),
            self.quantile_ms(0.5),
            self.quantile_ms(0.9),
            self.quantile_ms(0.99),
            self.latency_us.max() as f64 / 1000.0,
        )];
        lines.extend(
            self.errors
                .iter()
                .map(|(kind, count)| format!("  {count} x {kind}")),
        );
        lines
    }
}

/// The head of the table.
pub(super) const HEAD: &str =
    "                     done    failed      per s    p50 ms    p90 ms    p99 ms    max ms";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_add_up() {
        let (mut one, mut two) = (Tally::new().unwrap(), Tally::new().unwrap());
        one.succeeded(Duration::from_millis(1));
        one.failed("refused: busy");
        two.succeeded(Duration::from_millis(3));
        two.failed("refused: busy");
        one.add(&two);
        one.took(Duration::from_secs(2));
        assert_eq!((one.count(), one.error_count()), (2, 2));
        assert!((one.per_second() - 1.0).abs() < 1e-9);
        assert_eq!(one.json()["errors"]["refused: busy"], 2);
    }
}
