//! The history charts of a system.

use scm_protocol::telemetry::{TelemetryHistory, TelemetryPoint};

/// How far back the charts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Range {
    /// One hour.
    #[default]
    Hour,
    /// 24 hours.
    Day,
    /// Seven days.
    Week,
    /// Thirty days.
    Month,
}

impl Range {
    /// Its length in milliseconds.
    pub fn millis(self) -> i64 {
        match self {
            Range::Hour => 3_600_000,
            Range::Day => 86_400_000,
            Range::Week => 7 * 86_400_000,
            Range::Month => 30 * 86_400_000,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Range::Hour => "1 h",
            Range::Day => "24 h",
            Range::Week => "7 d",
            Range::Month => "30 d",
        }
    }
}

/// One curve, ready to draw: a value per column, none where there are no samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// Values from the oldest column to the newest.
    pub columns: Vec<Option<f64>>,
    /// The last sample.
    pub last: Option<f64>,
    /// The highest sample.
    pub peak: Option<f64>,
}

impl Chart {
    /// The curve of `value` over `history` in so many columns; a column holds the average of its samples. `highest` is the
    /// highest sample behind a point.
    pub fn new(
        history: &TelemetryHistory,
        width: usize,
        value: impl Fn(&TelemetryPoint) -> Option<f64>,
        highest: impl Fn(&TelemetryPoint) -> Option<f64>,
    ) -> Self {
        let span = history.to_ms.since(history.from_ms).max(1);
        let mut sums = vec![(0.0, 0u32); width];
        let (mut last, mut peak) = (None, None::<f64>);
        for point in &history.points {
            let Some(sample) = value(point).filter(|sample| sample.is_finite()) else {
                continue;
            };
            last = Some(sample);
            let high = highest(point).filter(|high| *high > sample).unwrap_or(sample);
            peak = Some(peak.map_or(high, |peak| peak.max(high)));
            let offset = point.at_ms.since(history.from_ms).clamp(0, span - 1);
            let columns = i64::try_from(width).unwrap_or(0);
            let column = usize::try_from(offset.saturating_mul(columns) / span).unwrap_or(0);
            if let Some((sum, count)) = sums.get_mut(column) {
                *sum += sample;
                *count += 1;
            }
        }
        let columns = sums
            .into_iter()
            .map(|(sum, count)| (count > 0).then(|| sum / f64::from(count)))
            .collect();
        Chart { columns, last, peak }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::ids::UnixMillis;

    #[test]
    fn samples_fall_into_their_columns_and_gaps_stay() {
        let point = |at, cpu| TelemetryPoint {
            at_ms: UnixMillis(at),
            cpu_percent: Some(cpu),
            cpu_percent_max: (cpu > 20.0).then_some(77.0),
            ..TelemetryPoint::default()
        };
        let history = TelemetryHistory {
            from_ms: UnixMillis(1000),
            to_ms: UnixMillis(2000),
            bucket_ms: 100,
            mem_total_bytes: None,
            disk_total_bytes: None,
            points: vec![
                point(1000, 10.0),
                point(1100, 30.0),
                point(1999, 7.0),
                point(5000, 9.0),
            ],
        };
        let value = |point: &TelemetryPoint| point.cpu_percent;
        let chart = Chart::new(&history, 4, value, |point| point.cpu_percent_max);
        assert_eq!(chart.columns, [Some(20.0), None, None, Some(8.0)]);
        assert_eq!((chart.last, chart.peak), (Some(9.0), Some(77.0)));
        assert!(Chart::new(&history, 0, value, value).columns.is_empty());
    }
}
