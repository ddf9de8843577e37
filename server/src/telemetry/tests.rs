//! Ranges, and what becomes of samples with age on both backends.

use super::rollup::{Ages, sweep_if_due};
use super::{HistoryQuery, Range, store};
use crate::config;
use crate::storage::trial::{self, count};
use crate::storage::{Conn, Storage};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::telemetry::TelemetryPoint;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The start of an hour.
const NOW: i64 = 500_000 * HOUR;

fn ages() -> Ages {
    Ages::of(&config::Telemetry::default())
}

/// Two systems, the second without anything.
async fn systems(storage: &Storage) {
    trial::organization(storage).await;
    for id in [1, 2] {
        let key = trial::bytes(storage, &format!("0{id}"));
        let add = format!(
            "INSERT INTO systems (id, organization_id, public_key, status, status_changed_ms, status_changed_by, hostname, \
             claimed_addresses, os, os_family, arch, agent_version, first_seen_ms) \
             VALUES ({id}, 1, {key}, 'active', 1, 't', 'web', '[]', 'os', 'linux', 'x86_64', '1', 1)"
        );
        trial::execute(storage, add).await;
    }
}

/// A sample of the first system; none for what is not measured.
async fn sample(storage: &Storage, at: i64, cpu: &str, mem: &str) {
    let add = format!("INSERT INTO telemetry_samples VALUES (1, {at}, {cpu}, {mem}, 7)");
    trial::execute(storage, add).await;
}

async fn points(storage: &Storage, from: i64, to: i64, bucket: i64) -> Vec<TelemetryPoint> {
    let range = Range {
        from_ms: from,
        to_ms: to,
        bucket_ms: bucket,
    };
    let read = move |conn: &mut Conn| store::points(conn, SystemId(1), range);
    storage.readers.run(read).await.unwrap()
}

async fn sweep(storage: &Storage, now: i64) {
    sweep_if_due(storage, ages(), UnixMillis(now)).await.unwrap();
}

async fn ages_as_it_should(storage: Storage) {
    systems(&storage).await;
    let old = NOW - 2 * DAY;
    for (at, cpu, mem) in [
        (0, "10", "100"),
        (20_000, "40", "NULL"),
        (299_999, "NULL", "300"),
        (300_000, "5", "50"),
        (3 * HOUR, "NULL", "NULL"),
    ] {
        sample(&storage, old + at, cpu, mem).await;
    }
    sample(&storage, NOW - HOUR, "90", "900").await;
    let before = points(&storage, old, old + HOUR, HOUR).await;

    sweep(&storage, NOW).await;
    assert_eq!(count(&storage, "telemetry_samples").await, 1);
    assert_eq!(count(&storage, "telemetry_rollups").await, 3);
    let charted = points(&storage, old, NOW, 5 * MINUTE).await;
    let cpu: Vec<_> = charted
        .iter()
        .map(|point| {
            (
                point.at_ms.0 - old,
                point.cpu_percent,
                point.cpu_percent_min,
                point.cpu_percent_max,
            )
        })
        .collect();
    let wanted = [
        (0, Some(25.0), Some(10.0), Some(40.0)),
        (300_000, Some(5.0), Some(5.0), Some(5.0)),
        (3 * HOUR, None, None, None),
        (2 * DAY - HOUR, Some(90.0), Some(90.0), Some(90.0)),
    ];
    assert_eq!(cpu, wanted);
    assert_eq!(
        (charted[0].mem_used_bytes, charted[0].mem_used_bytes_max),
        (Some(200), Some(300))
    );
    // The extremes of a wider bucket are those that the samples had.
    let after = points(&storage, old, old + HOUR, HOUR).await;
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].cpu_percent_max, before[0].cpu_percent_max);
    assert_eq!(after[0].cpu_percent_min, before[0].cpu_percent_min);
    assert_eq!(after[0].disk_used_bytes, Some(7));

    a_late_sample_joins_its_row(&storage, old).await;

    // A week later they are hours, and much later nothing.
    sweep(&storage, NOW + 7 * DAY).await;
    assert_eq!(count(&storage, "telemetry_samples").await, 0);
    assert_eq!(
        count(&storage, "telemetry_rollups WHERE step_secs = 3600").await,
        3
    );
    assert_eq!(
        count(&storage, "telemetry_rollups WHERE step_secs = 300").await,
        0
    );
    let hour = &points(&storage, old, old + HOUR, HOUR).await[0];
    assert_eq!(
        (hour.cpu_percent_min, hour.cpu_percent_max),
        (Some(1.0), Some(40.0))
    );
    sweep(&storage, NOW + 100 * DAY).await;
    assert_eq!(count(&storage, "telemetry_samples").await, 0);
    assert_eq!(count(&storage, "telemetry_rollups").await, 0);
}

/// A clock was set back, or a database restored.
async fn a_late_sample_joins_its_row(storage: &Storage, old: i64) {
    sample(storage, old + 40_000, "1", "NULL").await;
    sweep(storage, NOW + 31 * MINUTE).await;
    assert_eq!(count(storage, "telemetry_samples").await, 1);
    let point = &points(storage, old, old + 300_000, 300_000).await[0];
    assert_eq!(
        (point.cpu_percent_min, point.cpu_percent_max),
        (Some(1.0), Some(40.0))
    );
    assert_eq!(point.mem_used_bytes, Some(200));
    assert_eq!(count(storage, "telemetry_rollups WHERE samples = 4").await, 1);
}

async fn one_of_several_sweeps(storage: Storage) {
    systems(&storage).await;
    sample(&storage, NOW - 2 * DAY, "10", "1").await;
    sweep(&storage, NOW).await;
    sample(&storage, NOW - 2 * DAY + 1, "10", "1").await;
    // It was somebody's turn a moment ago.
    sweep(&storage, NOW + MINUTE).await;
    assert_eq!(count(&storage, "telemetry_samples").await, 1);
    // A clock that was two hours ahead does not put it off for two hours.
    sweep(&storage, NOW - 2 * HOUR).await;
    assert_eq!(count(&storage, "telemetry_samples").await, 0);
}

#[tokio::test]
async fn samples_are_rolled_up_by_age_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    ages_as_it_should(trial::sqlite(&folder)).await;
    let folder = tempfile::tempdir().unwrap();
    one_of_several_sweeps(trial::sqlite(&folder)).await;
}

#[tokio::test]
async fn samples_are_rolled_up_by_age_on_postgresql() {
    ages_as_it_should(trial::postgres()).await;
    one_of_several_sweeps(trial::postgres()).await;
}

/// A backlog, as after an update from a version that kept samples for a week.
#[tokio::test]
async fn a_backlog_is_rolled_up_whole() {
    let folder = tempfile::tempdir().unwrap();
    let storage = trial::sqlite(&folder);
    systems(&storage).await;
    let add: String = (0..2000)
        .map(|number| {
            let at = NOW - 3 * DAY + number * 100_000;
            format!("INSERT INTO telemetry_samples VALUES (1, {at}, 50, {number}, 1);")
        })
        .collect();
    trial::execute(&storage, add).await;
    let young = 2000 - (2 * DAY).div_euclid(100_000);
    sweep(&storage, NOW).await;
    assert_eq!(count(&storage, "telemetry_samples").await, young);
    let charted = points(&storage, NOW - 3 * DAY, NOW, 3 * DAY).await;
    assert_eq!((charted.len(), charted[0].cpu_percent), (1, Some(50.0)));
    assert_eq!(charted[0].mem_used_bytes_max, Some(1999));
    let average = charted[0].mem_used_bytes.unwrap();
    assert!((995..=1000).contains(&average), "{average}");
}

#[test]
fn a_range_is_split_into_at_most_so_many_buckets() {
    let now = UnixMillis(10_000_000_000);
    let query = |from_ms, to_ms, points| HistoryQuery {
        from_ms,
        to_ms,
        points,
    };
    let range = Range::from_query(&query(None, None, None), now).unwrap();
    assert_eq!((range.to_ms - range.from_ms, range.bucket_ms), (HOUR, 30_000));
    let odd = Range::from_query(&query(Some(0), Some(100), Some(7)), now).unwrap();
    assert_eq!(odd.bucket_ms, 15);
    for bad in [
        query(Some(5), Some(5), None),
        query(None, None, Some(0)),
        query(Some(-1), None, None),
    ] {
        assert!(Range::from_query(&bad, now).is_err());
    }
    assert!(Range::from_query(&query(Some(0), Some(i64::MAX), None), now).is_err());
}
