//! Bulk jobs: all of them with their progress, and one with the outcome of each system.

use crate::model::{Change, Focus, JobChange, JobDetail, JobQuestion, State, change_of, clean};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, Theme, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::ids::JobId;
use scm_protocol::jobs::{Job, JobState, JobTarget, RunOnMany, TargetOutcome};

/// Columns of a progress bar.
const BAR: usize = 12;
/// Lines of a job's page above its systems.
const HEAD: u16 = 4;

/// Draws the list.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let progress = text::fit("PROGRESS", BAR + 5, "");
    let rest = if small {
        String::new()
    } else {
        format!("{:>8}{:>7}{:>6}{:>5} BY", "DONE", "FAILED", "SKIP", "AGE")
    };
    let heading = format!("  {:<6}{:<9}{:<10}{progress}{rest}", "JOB", "WHAT", "STATE");
    canvas.put(body, 0, 0, &heading, theme.dim());
    if state.jobs.list.items().is_empty() {
        let said = match &state.jobs.list.error {
            Some(error) => clean(error),
            None if !state.jobs.list.complete => "reading the jobs".to_owned(),
            None => "No jobs yet. Mark systems in the list (2) and press a: one job does it to all of them."
                .to_owned(),
        };
        for (line, row) in text::wrap(&said, 74).iter().zip(2..) {
            canvas.put(body, row, 2, line, theme.dim());
        }
        return;
    }
    for (job, row) in state.jobs.list.visible().zip(1..body.height) {
        let column = lead(state, job, canvas, body, row);
        if !small {
            numbers(state, job, canvas, body, (row, column));
        }
    }
}

/// What it is and how far; answers the column after it.
fn lead(state: &State, job: &Job, canvas: &mut Canvas<'_>, body: Rect, row: u16) -> u16 {
    let theme = canvas.theme;
    let here = state.jobs.list.cursor() == Some(job.id);
    canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
    let name = format!("{:<6}{:<9}", job.id.to_string(), verb(job));
    let style = if here { theme.cursor() } else { Style::new() };
    let column = canvas.put(body, row, 2, &name, style);
    let word = format!("{:<10}", state_word(job.state));
    let column = canvas.put(body, row, column, &word, state_style(job, theme));
    canvas.put(body, row, column, &progress(job), Style::new())
}

fn numbers(state: &State, job: &Job, canvas: &mut Canvas<'_>, body: Rect, (row, column): (u16, u16)) {
    let theme = canvas.theme;
    let counts = job.counts;
    let failed = if counts.failed > 0 {
        theme.error()
    } else {
        Style::new()
    };
    let done = format!("{:>8}", format::count(counts.done));
    let column = canvas.put(body, row, column, &done, Style::new());
    let column = canvas.put(
        body,
        row,
        column,
        &format!("{:>7}", format::count(counts.failed)),
        failed,
    );
    let age = format::seen(Some(job.created_ms), state.shown_at);
    let skipped = format::count(counts.skipped);
    let end = format!("{skipped:>6}{age:>5} {}", clean(&job.created_by));
    canvas.put(body, row, column, &end, Style::new());
}

/// `approve`, `tag edge`, `group by hand`.
fn deed(job: &Job) -> String {
    let group = job.group.map(|id| match &job.group_name {
        Some(name) => clean(name),
        None => format!("of deleted group {id}"),
    });
    if let Some(run) = &job.run {
        return format!("run {}", clean(&run.action));
    }
    match job.tag.as_ref().map(|tag| clean(tag)).or(group) {
        Some(subject) => format!("{} {subject}", verb(job)),
        None => verb(job).to_owned(),
    }
}

/// As [`deed`], in front of the systems.
fn deed_to(job: &Job) -> String {
    let on = if job.run.is_some() { " on" } else { "" };
    format!("{}{on}", deed(job))
}

/// As the menu of actions names it.
fn verb(job: &Job) -> &'static str {
    change_of(job.kind).map_or(job.kind.as_str(), Change::verb)
}

fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "QUEUED",
        JobState::Running => "RUNNING",
        JobState::Done => "DONE",
        JobState::Cancelled => "CANCELLED",
    }
}

fn state_style(job: &Job, theme: Theme) -> Style {
    match job.state {
        JobState::Queued | JobState::Running => theme.accent(),
        JobState::Done if job.counts.failed > 0 => theme.error(),
        JobState::Done => theme.good(),
        JobState::Cancelled => theme.warn(),
    }
}

/// `[#####.....]  57%`: ASCII on every terminal, and a number beside it.
fn progress(job: &Job) -> String {
    let total = job.counts.total.max(1);
    let answered = job.counts.answered().clamp(0, total);
    let bar = usize::try_from(answered * i64::try_from(BAR - 2).unwrap_or(1) / total).unwrap_or(0);
    let percent = answered * 100 / total;
    format!(
        "[{}{}]{percent:>4}%",
        "#".repeat(bar),
        ".".repeat((BAR - 2).saturating_sub(bar))
    )
}

/// Draws one job with its systems.
pub fn draw_one(state: &State, id: JobId, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let Some(job) = state.jobs.list.get(id) else {
        canvas.put(body, 0, 2, "this job is not in the list any more", theme.dim());
        return;
    };
    let counts = job.counts;
    let head = format!(
        "{} {} by {}, {}",
        deed_to(job),
        format::systems(usize::try_from(counts.total).unwrap_or(0)),
        clean(&job.created_by),
        format::date_time(job.created_ms)
    );
    let head = match job.retry_of {
        Some(other) => format!("{head} (the failed of job {other})"),
        None => head,
    };
    let head = match &job.filter {
        Some(filter) if filter.is_empty() => format!("{head}: all"),
        Some(filter) => format!("{head}: {}", clean(filter)),
        None => head,
    };
    let width = usize::from(body.width.saturating_sub(2));
    canvas.put(
        body,
        0,
        2,
        &text::cut(&head, width, theme.ellipsis()),
        theme.title(),
    );
    let column = canvas.put(body, 1, 2, state_word(job.state), state_style(job, theme));
    let numbers = format!(
        "  {}  {} done, {} failed, {} skipped, {} waiting",
        progress(job),
        format::count(counts.done),
        format::count(counts.failed),
        format::count(counts.skipped),
        format::count(counts.waiting)
    );
    canvas.put(body, 1, column, &numbers, Style::new());
    if let Some(run) = &job.run {
        canvas.put(
            body,
            2,
            2,
            &text::cut(&how(run), width, theme.ellipsis()),
            theme.dim(),
        );
    }
    canvas.put(
        body,
        HEAD - 1,
        2,
        "OUTCOME  HOST                     WHY",
        theme.dim(),
    );
    if let Some(detail) = state.jobs.detail.as_ref().filter(|detail| detail.id == id) {
        outcomes(detail, job, canvas, body);
    }
}

/// `unit=nginx  10 at once, stops after 0 failures`.
fn how(run: &RunOnMany) -> String {
    let values: String = run
        .parameters
        .iter()
        .map(|(name, value)| format!("{}={}  ", clean(name), clean(value)))
        .collect();
    format!(
        "{values}{} at once, {} may fail",
        run.batch_size, run.max_failures
    )
}

fn outcomes(detail: &JobDetail, job: &Job, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    if detail.targets.is_empty() {
        canvas.put(body, HEAD, 2, "reading the systems", theme.dim());
    }
    for (target, row) in detail.targets.iter().skip(detail.scroll).zip(HEAD..body.height) {
        let here = detail
            .targets
            .get(detail.at)
            .is_some_and(|at| at.system == target.system);
        canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
        let (word, style) = outcome(target, job.state, theme);
        canvas.put(body, row, 2, word, style);
        let name = if target.hostname.is_empty() {
            format!("system {}", target.system)
        } else {
            clean(&target.hostname)
        };
        let column = canvas.put(
            body,
            row,
            11,
            &text::fit(&name, 24, theme.ellipsis()),
            Style::new(),
        );
        let mut why = target.reason.as_deref().map(clean).unwrap_or_default();
        if let Some(id) = target.command {
            let gap = if why.is_empty() { "" } else { "  " };
            why = format!("command {id}{gap}{why}");
        }
        canvas.put(body, row, column + 1, &why, theme.dim());
    }
}

fn outcome(target: &JobTarget, state: JobState, theme: Theme) -> (&'static str, Style) {
    match target.outcome {
        TargetOutcome::Waiting if state.is_over() => ("left", theme.warn()),
        TargetOutcome::Waiting => ("wait", theme.dim()),
        TargetOutcome::Done => ("done", theme.good()),
        TargetOutcome::Failed => ("FAIL", theme.error()),
        TargetOutcome::Skipped => ("skip", theme.warn()),
    }
}

/// Draws the question; answers where the text cursor is.
pub fn draw_question(
    state: &State,
    question: &JobQuestion,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let (job, counts) = (&question.job, question.job.counts);
    let (title, verb, consequence) = match question.change {
        JobChange::Cancel if job.run.is_some() => (
            "cancel job",
            "stop it",
            format!(
                "{} of {} systems have their outcome, which stays. What is under way is stopped, no further system is told.",
                format::count(counts.answered()),
                format::count(counts.total)
            ),
        ),
        JobChange::Cancel => (
            "cancel job",
            "stop it",
            format!(
                "{} of {} systems have their outcome, which stays. The rest is left as it is.",
                format::count(counts.answered()),
                format::count(counts.total)
            ),
        ),
        JobChange::Retry => (
            "try again",
            "try again",
            format!(
                "A new job will {} the {} that failed, where they are still what they were chosen as.",
                deed_to(job),
                format::systems(usize::try_from(counts.failed).unwrap_or(0))
            ),
        ),
    };
    let inside = canvas.window(body, 74, 9, title);
    let head = format!("Job {} ({}) on {}", job.id, deed(job), state.server_name());
    canvas.put(inside, 0, 0, &head, theme.title());
    for (line, row) in text::wrap(&consequence, usize::from(inside.width))
        .iter()
        .zip(1..4)
    {
        canvas.put(inside, row, 0, line, Style::new());
    }
    if let Some((phrase, field)) = &question.typed {
        let column = canvas.put(inside, 4, 0, "type the number ", theme.dim());
        let column = canvas.put(inside, 4, column, phrase, theme.warn());
        let column = canvas.put(inside, 4, column, " and press Enter: ", theme.dim());
        canvas.put(inside, 4, column, field.text(), theme.title());
        let x = inside.x + column + u16::try_from(field.column()).unwrap_or(0);
        return Some((x, inside.y + 4));
    }
    super::dialog::buttons(canvas, inside, 4, verb, question.focus == Focus::Cancel);
    None
}
