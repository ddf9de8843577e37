//! One system: identity, telemetry with its history, containers, duplicates.

use crate::model::{Chart, Flags, State, StateWord, clean};
use crate::view::{Canvas, Theme, format, text};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use scm_protocol::certificates::CertificateStatus;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::{ConflictState, SystemDetail};
use scm_protocol::telemetry::{TelemetryHistory, TelemetryPoint};

/// Rows of a chart.
const CHART_ROWS: usize = 3;
const GIB: f64 = 1_073_741_824.0;

/// Draws the page.
pub fn draw(state: &State, id: SystemId, canvas: &mut Canvas<'_>, body: Rect) {
    let lines = content(state, id, canvas.theme, usize::from(body.width));
    let height = usize::from(body.height);
    // What stood further down may be gone: the page ends where it ends.
    let top = state.detail.scroll.min(lines.len().saturating_sub(height));
    for (row, line) in lines.iter().skip(top).take(height).enumerate() {
        canvas.put_line(body, u16::try_from(row).unwrap_or(u16::MAX), line);
    }
}

/// Lines of the screen that are not the page's: header, place, hints.
const CHROME: u16 = 3;

/// How many lines of the page are on the screen at once.
pub fn height(state: &State) -> usize {
    usize::from(state.size.1.saturating_sub(CHROME)).max(1)
}

/// Which lines are shown of how many; none where all are.
pub fn part(state: &State) -> Option<String> {
    let (lines, height) = (lines(state), height(state));
    let top = state.detail.scroll.min(lines.saturating_sub(height));
    (lines > height).then(|| format!("lines {}-{} of {lines}", top + 1, (top + height).min(lines)))
}

/// How many lines the page has.
pub fn lines(state: &State) -> usize {
    let theme = Theme::new(state.settings);
    state
        .shown_system()
        .map_or(0, |id| content(state, id, theme, usize::from(state.size.0)).len())
}

fn content(state: &State, id: SystemId, theme: Theme, width: usize) -> Vec<Line<'static>> {
    if state.detail.gone {
        return vec![Line::styled("this system was deleted", theme.error())];
    }
    let Some(detail) = state.details.get(&id) else {
        return vec![Line::styled("reading the system", theme.dim())];
    };
    let mut lines = conflicts(state, detail, theme, width);
    lines.extend(identity(state, detail, theme, width));
    lines.extend(telemetry(state, id, detail, theme, width));
    lines.extend(super::system_groups::lines(state, id, detail, theme, width));
    lines.extend(containers(detail, theme, width));
    lines.extend(duplicates(detail, theme, width));
    lines
}

/// Other machines that use its identity, and what can be done.
pub(super) fn conflicts(
    state: &State,
    detail: &SystemDetail,
    theme: Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let open = detail
        .conflicts
        .iter()
        .filter(|conflict| conflict.state == ConflictState::Open);
    let mut lines: Vec<Line<'static>> = open
        .take(3)
        .map(|conflict| {
            let machine = match (&detail.machine_id_hash, &conflict.claimant_machine_id_hash) {
                (Some(one), Some(other)) if one != other => ", another machine id",
                _ => "",
            };
            let note = format!(
                "! CLONE at {} ({}{machine}) uses this identity: quarantined, seen {} ago",
                conflict.claimant_address,
                conflict.claimant_hostname,
                format::seen(Some(conflict.last_seen_ms), state.shown_at)
            );
            Line::styled(text::cut(&clean(&note), width, theme.ellipsis()), theme.error())
        })
        .collect();
    if !lines.is_empty() {
        let hint =
            "  a i: split, it gets an identity of its own   a w: swap, it is the right one   a m: dismiss";
        lines.push(Line::styled(
            text::cut(hint, width, theme.ellipsis()),
            theme.warn(),
        ));
    }
    lines
}

/// Others that may be the same machine, one line each; an address alone, which many share behind a gateway, is counted.
pub(super) fn duplicates(detail: &SystemDetail, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let (same, near): (Vec<_>, Vec<_>) = detail
        .duplicates
        .iter()
        .partition(|other| other.shares.iter().any(|shared| shared != "address"));
    let mut notes: Vec<String> = same
        .iter()
        .take(3)
        .map(|other| {
            let shares = other.shares.join(", ").replace('_', " ");
            format!(
                "! same {shares}: {} ({}, system {})",
                other.hostname,
                other.status.as_str(),
                other.id
            )
        })
        .collect();
    let more = same.len().saturating_sub(3);
    if more > 0 {
        notes.push(format!("! and {} more like that", format::systems(more)));
    }
    let mut lines: Vec<Line<'static>> = notes
        .iter()
        .map(|note| Line::styled(text::cut(&clean(note), width, theme.ellipsis()), theme.error()))
        .collect();
    if !near.is_empty() {
        let note = format!("! {} with the same address", format::systems(near.len()));
        lines.push(Line::styled(note, theme.warn()));
    }
    lines
}

fn identity(state: &State, detail: &SystemDetail, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let system = &detail.summary;
    let word = StateWord::of(system.status, system.presence, Flags::of(system));
    let half = width / 2;
    let member = |name: &str, value: String| {
        let value = text::cut(&clean(&value), half.saturating_sub(11), theme.ellipsis());
        let value = text::fit(&value, half.saturating_sub(10), "");
        [Span::styled(format!("{name:<9} "), theme.dim()), Span::raw(value)]
    };
    let pair = |left: [Span<'static>; 2], right: [Span<'static>; 2]| Line::from([left, right].concat());
    let skew = system
        .clock_skew_ms
        .map_or(String::new(), |skew| format!("  clock {:+} s", skew / 1000));
    let seen = format!("{} ago{skew}", format::seen(system.last_seen_ms, state.shown_at));
    let mut state_value = member("state", format!("{}  {}", word.word(), system.status.as_str()));
    state_value[1].style = theme.state(word);
    let interval = format!("every {} s", detail.checkin_interval_secs);
    let decided = format!(
        "{} by {}",
        format::date_time(detail.status_changed_ms),
        detail.status_changed_by
    );
    let whole = |name: &str, value: String| {
        let value = text::cut(&clean(&value), width.saturating_sub(10), theme.ellipsis());
        Line::from(vec![
            Span::styled(format!("{name:<9} "), theme.dim()),
            Span::raw(value),
        ])
    };
    let mut lines = vec![
        pair(state_value, member("id", system.id.to_string())),
        pair(
            member("seen", seen),
            member("agent", format!("{}, {interval}", system.agent_version)),
        ),
        pair(
            member("address", system.address.clone()),
            member("claims", detail.claimed_addresses.join(" ")),
        ),
        pair(
            member("system", format!("{} ({})", system.os, system.arch)),
            member("kernel", detail.kernel.clone().unwrap_or_else(|| "-".to_owned())),
        ),
        whole("since", format!("{} {decided}", system.status.as_str())),
        whole("first", format::date_time(system.first_seen_ms)),
        whole("words", detail.fingerprint_words.clone()),
        whole("sha256", detail.fingerprint.to_string()),
        whole("cert", certificate(detail)),
    ];
    // Only where there is something to say: a small terminal has no line to spare.
    let row = state.fleet.get(system.id);
    let offer = row.and_then(|row| state.upgrades.offer(row));
    lines.extend(offer.map(|offer| match offer {
        Ok(version) => {
            let mut line = whole("upgrade", format!("{}: a, then U", theme.upgrade(version)));
            if let Some(value) = line.spans.get_mut(1) {
                value.style = theme.warn();
            }
            line
        }
        Err(why) => whole("upgrade", format!("none: {why}")),
    }));
    lines.extend(key_history(detail).map(|history| whole("key", history)));
    lines
}

/// Since when it has its key, and whether it is to get another; none for a system that has its first and keeps it.
fn key_history(detail: &SystemDetail) -> Option<String> {
    let since = detail.key_since_ms.unwrap_or(detail.summary.first_seen_ms);
    let since = format!("since {}", format::date_time(since));
    match (detail.key_rotation_asked_ms, detail.key_since_ms) {
        (Some(at), _) => Some(format!(
            "{since}; another was asked for at {}",
            format::date_time(at)
        )),
        (None, Some(_)) => Some(format!("{since}, in place of another")),
        (None, None) => None,
    }
}

/// The newest client certificate on one line: what it is worth, until when, and its serial number.
fn certificate(detail: &SystemDetail) -> String {
    let Some(certificate) = &detail.certificate else {
        return "none issued".to_owned();
    };
    let day = |at| format::date_time(at).chars().take(10).collect::<String>();
    let when = match (certificate.status, certificate.revoked_ms) {
        (CertificateStatus::Revoked, Some(at)) => format!("on {}", day(at)),
        (CertificateStatus::Expired, _) => format!("since {}", day(certificate.not_after_ms)),
        _ => format!("until {}", day(certificate.not_after_ms)),
    };
    format!("{} {when}, {}", certificate.status.words(), certificate.serial)
}

fn telemetry(
    state: &State,
    id: SystemId,
    detail: &SystemDetail,
    theme: Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let system = &detail.summary;
    let range = state.detail.range;
    let mib = |bytes: Option<i64>| bytes.and_then(|bytes| u32::try_from(bytes >> 20).ok());
    let up = system
        .uptime_secs
        .and_then(|secs| u32::try_from(secs).ok())
        .map_or_else(|| "-".to_owned(), format::uptime);
    let heading = format!("up {up}    charts over the last {} (h d w)", range.name());
    let mut lines = vec![Line::from(Span::styled(heading, theme.title()))];
    let history = state
        .detail
        .history
        .as_ref()
        .filter(|(shown, over, _)| (*shown, *over) == (id, range));
    let history = history.map(|(_, _, history)| history);
    let cpu = system
        .cpu_percent
        .map_or_else(|| "-".to_owned(), |cpu| format::percent(f64::from(cpu)));
    let memory = format::gb_pair(mib(system.mem_used_bytes), mib(system.mem_total_bytes));
    let disk = format::gb_pair(mib(system.disk_used_bytes), mib(system.disk_total_bytes));
    let gib = |bytes: Option<i64>| bytes.map(|bytes| bytes as f64 / GIB);
    let curves: [Curve; 3] = [
        Curve {
            name: "CPU",
            now: cpu,
            unit: "%",
            top: Some(100.0),
            value: |point| point.cpu_percent,
            highest: |point| point.cpu_percent_max,
        },
        Curve {
            name: "memory",
            now: format!("{memory} GB"),
            unit: " GB",
            top: gib(system.mem_total_bytes),
            value: |point| point.mem_used_bytes.map(|bytes| bytes as f64 / GIB),
            highest: |point| point.mem_used_bytes_max.map(|bytes| bytes as f64 / GIB),
        },
        Curve {
            name: "disk /",
            now: format!("{disk} GB"),
            unit: " GB",
            top: gib(system.disk_total_bytes),
            value: |point| point.disk_used_bytes.map(|bytes| bytes as f64 / GIB),
            highest: |point| point.disk_used_bytes_max.map(|bytes| bytes as f64 / GIB),
        },
    ];
    for curve in curves {
        lines.extend(curve.lines(history, theme, width));
    }
    lines
}

struct Curve {
    name: &'static str,
    now: String,
    unit: &'static str,
    top: Option<f64>,
    value: fn(&TelemetryPoint) -> Option<f64>,
    highest: fn(&TelemetryPoint) -> Option<f64>,
}

/// Columns left of a chart: the name and the scale.
const LABELS: usize = 20;

impl Curve {
    fn lines(&self, history: Option<&TelemetryHistory>, theme: Theme, width: usize) -> Vec<Line<'static>> {
        let columns = width.saturating_sub(LABELS + 1);
        let chart = history.map(|history| Chart::new(history, columns, self.value, self.highest));
        let peak = chart.as_ref().and_then(|chart| chart.peak);
        let top = self.top.or(peak).filter(|top| *top > 0.0).unwrap_or(1.0);
        let peak = peak.map_or_else(
            || {
                if history.is_some() {
                    "no samples".to_owned()
                } else {
                    "reading".to_owned()
                }
            },
            |peak| format!("peak {}{}", number(peak), self.unit),
        );
        let labels = [self.name.to_owned(), self.now.clone(), peak];
        let styles = [theme.accent(), theme.title(), theme.dim()];
        (0..CHART_ROWS)
            .map(|row| {
                let label = text::fit(&format!("  {}", labels[row]), LABELS, theme.ellipsis());
                let bars: String = chart.as_ref().map_or_else(String::new, |chart| {
                    chart
                        .columns
                        .iter()
                        .map(|value| cell(*value, top, CHART_ROWS - 1 - row, theme))
                        .collect()
                });
                Line::from(vec![
                    Span::styled(label, styles[row]),
                    Span::styled(bars, theme.good()),
                ])
            })
            .collect()
    }
}

fn number(value: f64) -> String {
    if value < 9.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// One cell of a column: `level` counts rows from the bottom. A sample is always visible, a gap never.
fn cell(value: Option<f64>, top: f64, level: usize, theme: Theme) -> &'static str {
    let levels = theme.levels();
    let Some(value) = value else { return " " };
    let steps = (levels.len() * CHART_ROWS) as f64;
    let filled = ((value / top).clamp(0.0, 1.0) * steps).round().max(1.0) as usize;
    let here = filled.saturating_sub(level * levels.len()).min(levels.len());
    here.checked_sub(1)
        .and_then(|index| levels.get(index))
        .copied()
        .unwrap_or(" ")
}

fn containers(detail: &SystemDetail, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let Some(count) = detail.summary.container_count else {
        return vec![Line::styled("no container runtime", theme.dim())];
    };
    let mut lines = vec![Line::styled(
        format!("{count} container{}", if count == 1 { "" } else { "s" }),
        theme.title(),
    )];
    let room = width.saturating_sub(2 + 8 + 25 + 1);
    lines.extend(detail.containers.iter().map(|container| {
        let runtime = text::fit(&clean(&container.runtime), 8, theme.ellipsis());
        let name = text::fit(&clean(&container.name), 25, theme.ellipsis());
        let image = text::cut(&clean(&container.image), room, theme.ellipsis());
        Line::from(vec![
            Span::styled(format!("  {runtime}"), theme.dim()),
            Span::raw(name),
            Span::styled(format!(" {image}"), theme.dim()),
        ])
    }));
    lines
}
