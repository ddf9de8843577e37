//! Packages, rollouts and upgrades.

use crate::message::Steer;
use crate::model::{PACKAGE_LINES, State, UPGRADES_HEAD, UpgradeAsked, UpgradeItem, UpgradeQuestion, clean};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, Theme, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::upgrades::package::Package;
use scm_protocol::upgrades::rollout::{Rollout, RolloutState};
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradeState};

/// Columns of a bar.
const BAR: i64 = 10;

/// Draws the page.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    packages(state, canvas, body);
    let row = u16::try_from(UPGRADES_HEAD - 1).unwrap_or(0);
    let heading = format!(
        "  {:<12}{:<11}{:<14}{:<19} WHO, WHY",
        "STATE", "VERSION", "PROGRESS", "HOST"
    );
    canvas.put(body, row, 0, &heading, theme.dim());
    let view = &state.upgrades;
    if view.is_empty() {
        let said = match &view.error {
            Some(error) => clean(error),
            None if !view.complete => "reading the upgrades".to_owned(),
            None => "No upgrades yet: U on systems in the lists upgrades them, n begins a rollout in stages."
                .to_owned(),
        };
        for (line, row) in text::wrap(&said, 74).iter().zip(row + 2..) {
            canvas.put(body, row, 2, line, theme.dim());
        }
        return;
    }
    for (item, row) in view.visible().zip(row + 1..body.height) {
        let here = view.cursor() == Some(item);
        canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
        let style = if here { theme.cursor() } else { Style::new() };
        match item {
            UpgradeItem::Rollout(id) => {
                if let Some(rollout) = view.rollout(id) {
                    rollout_line(rollout, view.only == Some(id), (style, row), canvas, body);
                }
            }
            UpgradeItem::Upgrade(id) => {
                if let Some(upgrade) = view.upgrade(id) {
                    upgrade_line(state, upgrade, (style, row), canvas, body);
                }
            }
        }
    }
}

/// One line for each platform: what is offered, and what else there is.
fn packages(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let all = &state.upgrades.packages;
    let column = canvas.put(body, 0, 0, "PACKAGES", theme.dim());
    if all.is_empty() {
        let said = "none: sign a program with minisign, then `scmserver packages add` (docs/upgrades.md)";
        let width = usize::from(body.width.saturating_sub(4));
        for (line, row) in text::wrap(said, width).iter().zip(1..) {
            canvas.put(body, row, 2, line, theme.dim());
        }
        return;
    }
    let offered: Vec<&Package> = all.iter().filter(|package| package.offered).collect();
    for (package, row) in offered.iter().take(PACKAGE_LINES).zip(1..) {
        let others: Vec<&str> = all
            .iter()
            .filter(|other| other.platform == package.platform && !other.offered)
            .map(|other| other.version.as_str())
            .collect();
        let column = canvas.put(
            body,
            row,
            2,
            &format!("{:<18}", package.platform.as_str()),
            Style::new(),
        );
        let column = canvas.put(body, row, column, &format!("v{}", package.version), theme.warn());
        let also = if others.is_empty() {
            String::new()
        } else {
            format!(", also {}", others.join(" "))
        };
        let size = format!("  {} KiB{also}", format::count(package.size_bytes / 1024));
        let room = usize::from(body.width.saturating_sub(column));
        canvas.put(
            body,
            row,
            column,
            &text::cut(&size, room, theme.ellipsis()),
            theme.dim(),
        );
    }
    let more = offered.len().saturating_sub(PACKAGE_LINES);
    if more > 0 {
        canvas.put(
            body,
            0,
            column + 2,
            &format!("and of {more} platforms more"),
            theme.dim(),
        );
    }
}

fn rollout_line(
    rollout: &Rollout,
    narrowed: bool,
    (style, row): (Style, u16),
    canvas: &mut Canvas<'_>,
    body: Rect,
) {
    let theme = canvas.theme;
    let (word, colour) = rollout_word(rollout, theme);
    let column = canvas.put(body, row, 2, &format!("{word:<12}"), colour);
    let version = format!("v{}", clean(&rollout.version));
    let column = canvas.put(
        body,
        row,
        column,
        &text::fit(&version, 11, theme.ellipsis()),
        style,
    );
    let counts = rollout.counts;
    let bar = bar(counts.total - counts.waiting - counts.under_way, counts.total);
    let column = canvas.put(body, row, column, &format!("{bar:<14}"), Style::new());
    let percent = usize::try_from(rollout.stage)
        .ok()
        .and_then(|stage| rollout.stages.get(stage));
    let name = format!(
        "rollout {} {}%{}",
        rollout.id,
        percent.copied().unwrap_or_default(),
        if narrowed { " only" } else { "" }
    );
    let column = canvas.put(body, row, column, &text::fit(&name, 19, theme.ellipsis()), style);
    let mut said = format!(
        " {} of {} done, {} failed, {} skipped",
        counts.done, counts.total, counts.failed, counts.skipped
    );
    if let Some(reason) = &rollout.reason {
        said = format!(" {} {}", clean(reason), said.trim_start());
    }
    let room = usize::from(body.width.saturating_sub(column));
    let colour = if counts.failed > 0 {
        theme.error()
    } else {
        Style::new()
    };
    canvas.put(
        body,
        row,
        column,
        &text::cut(&said, room, theme.ellipsis()),
        colour,
    );
}

fn upgrade_line(
    state: &State,
    upgrade: &Upgrade,
    (style, row): (Style, u16),
    canvas: &mut Canvas<'_>,
    body: Rect,
) {
    let theme = canvas.theme;
    let (word, colour) = upgrade_word(upgrade.state, theme);
    let column = canvas.put(body, row, 2, &format!("{word:<12}"), colour);
    let version = format!("v{}", clean(&upgrade.version));
    let column = canvas.put(
        body,
        row,
        column,
        &text::fit(&version, 11, theme.ellipsis()),
        style,
    );
    let bar = bar(upgrade.done_bytes, upgrade.total_bytes);
    let column = canvas.put(body, row, column, &format!("{bar:<14}"), Style::new());
    let host = text::fit(&clean(&upgrade.hostname), 19, theme.ellipsis());
    let column = canvas.put(body, row, column, &host, style);
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let who = if small {
        String::new()
    } else {
        let age = format::seen(Some(upgrade.created_ms), state.shown_at);
        format!(" {age} ago by {}", clean(&upgrade.created_by))
    };
    let why = upgrade.reason.as_deref().map(clean).unwrap_or_default();
    let said = format!("{who} {why}");
    let room = usize::from(body.width.saturating_sub(column));
    canvas.put(
        body,
        row,
        column,
        &text::cut(&said, room, theme.ellipsis()),
        theme.dim(),
    );
}

/// `[####......]`: ASCII on every terminal.
fn bar(done: i64, total: i64) -> String {
    let total = total.max(1);
    let filled = usize::try_from(done.clamp(0, total) * BAR / total).unwrap_or(0);
    let rest = usize::try_from(BAR).unwrap_or(0).saturating_sub(filled);
    format!("[{}{}]", "#".repeat(filled), ".".repeat(rest))
}

/// A word, so that it is told without colour, too.
fn rollout_word(rollout: &Rollout, theme: Theme) -> (&'static str, Style) {
    match rollout.state {
        RolloutState::Running => ("RUNNING", theme.accent()),
        RolloutState::Waiting => ("WAITS", theme.warn()),
        RolloutState::Halted => ("HALTED", theme.error()),
        RolloutState::Done => ("DONE", theme.good()),
        RolloutState::Aborted => ("ABORTED", theme.warn()),
    }
}

fn upgrade_word(state: UpgradeState, theme: Theme) -> (&'static str, Style) {
    match state {
        UpgradeState::Queued => ("QUEUED", theme.accent()),
        UpgradeState::Dispatched => ("SENT", theme.accent()),
        UpgradeState::Downloading => ("DOWNLOADING", theme.accent()),
        UpgradeState::Verifying => ("VERIFYING", theme.accent()),
        UpgradeState::Restarting => ("RESTARTING", theme.accent()),
        UpgradeState::Done => ("DONE", theme.good()),
        UpgradeState::Failed => ("FAILED", theme.error()),
        UpgradeState::RolledBack => ("ROLLED BACK", theme.error()),
        UpgradeState::Refused => ("REFUSED", theme.error()),
        UpgradeState::Cancelled => ("CANCELLED", theme.warn()),
        UpgradeState::Expired => ("EXPIRED", theme.warn()),
    }
}

/// Draws the question; there is no text cursor in it.
pub fn draw_question(state: &State, question: &UpgradeQuestion, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let (verb, head, said) = match &question.asked {
        UpgradeAsked::Steer(rollout, what) => (
            what.verb(),
            format!(
                "{} rollout {} to {} on {}: {} of {} done, {} under way",
                what.verb(),
                rollout.id,
                clean(&rollout.version),
                state.server_name(),
                rollout.counts.done,
                rollout.counts.total,
                rollout.counts.under_way
            ),
            consequence(*what),
        ),
        UpgradeAsked::Cancel(upgrade) => (
            "stop it",
            format!(
                "stop upgrade {} of {} to {} on {}",
                upgrade.id,
                clean(&upgrade.hostname),
                clean(&upgrade.version),
                state.server_name()
            ),
            "It is not handed out, or is stopped as soon as its system asks; a new program that runs already stays.",
        ),
    };
    let inside = canvas.window(body, 74, 10, "upgrades");
    let width = usize::from(inside.width);
    let mut row = 0;
    for line in text::wrap(&head, width).iter().take(2) {
        canvas.put(inside, row, 0, line, theme.title());
        row += 1;
    }
    for line in text::wrap(said, width).iter().take(3) {
        canvas.put(inside, row, 0, line, Style::new());
        row += 1;
    }
    super::dialog::buttons(
        canvas,
        inside,
        row + 1,
        verb,
        question.focus == crate::model::Focus::Cancel,
    );
}

fn consequence(what: Steer) -> &'static str {
    match what {
        Steer::Halt => {
            "Nothing more is queued, and what no system has fetched is taken back. What is under way goes on."
        }
        Steer::Resume => "It goes on where it was; the failures until now count no more.",
        Steer::Advance => "The systems of the next stage are upgraded, too.",
        Steer::Abort => {
            "It is given up for good, and what no system has fetched is taken back. What is done stays."
        }
    }
}
