//! The page of all bulk jobs and the page of one: moving, opening, and the question before a change.

use super::{call, commands, navigate, questions, session};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{Call, Effect, Failure};
use crate::model::{
    ARM_MS, Dirty, Focus, JobChange, JobDetail, JobQuestion, Page, State, TextField, Tier, ToastKind,
    change_of, tier,
};
use scm_protocol::ids::JobId;
use scm_protocol::jobs::{Job, JobTargetPage};

/// Lines of a job's page above its systems.
const JOB_HEAD: u16 = 4;

/// Opens a job's own page.
fn open(state: &mut State, id: JobId, now: Moment) -> Vec<Effect> {
    state.jobs.detail = Some(JobDetail::new(id));
    navigate::into(state, Page::Job(id), now)
}

/// Reads the systems of the open job from the beginning.
pub(super) fn fetch_targets(state: &mut State) -> Vec<Effect> {
    read_targets(state, None)
}

fn read_targets(state: &mut State, cursor: Option<String>) -> Vec<Effect> {
    let Some(detail) = &mut state.jobs.detail else {
        return Vec::new();
    };
    if detail.reading {
        detail.again |= cursor.is_none();
        return Vec::new();
    }
    detail.reading = true;
    let id = detail.id;
    vec![call(state, Call::JobTargets { id, cursor })]
}

/// Systems of a job.
pub(super) fn targets(
    state: &mut State,
    (id, cursor): (JobId, Option<String>),
    page: Result<JobTargetPage, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let Some(detail) = state.jobs.detail.as_mut().filter(|detail| detail.id == id) else {
        return Vec::new();
    };
    detail.reading = false;
    let again = std::mem::take(&mut detail.again);
    state.mark(Dirty::Data);
    match page {
        Ok(page) => {
            if let Some(detail) = &mut state.jobs.detail {
                if cursor.is_none() {
                    detail.targets.clear();
                }
                detail.targets.extend(page.items);
                detail.cursor = page.next_cursor;
                let last = detail.targets.len().saturating_sub(1);
                detail.at = detail.at.min(last);
                detail.scroll = detail.scroll.min(last);
            }
            if again { fetch_targets(state) } else { Vec::new() }
        }
        Err(failure) => session::failed(state, "job", &failure, now),
    }
}

/// Moves the cursor, or the lines of a job's page.
pub(super) fn scroll(state: &mut State, action: Action) -> Vec<Effect> {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME)).max(1);
    let step = |at: usize| match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX / 2,
        _ => at,
    };
    if state.page == Page::Jobs {
        let at = state.jobs.list.position();
        state.jobs.list.go(step(at));
        return Vec::new();
    }
    let Some(detail) = &mut state.jobs.detail else {
        return Vec::new();
    };
    let last = detail.targets.len().saturating_sub(1);
    detail.at = step(detail.at).min(last);
    let room = page.saturating_sub(usize::from(JOB_HEAD)).max(1);
    detail.scroll = detail
        .scroll
        .clamp((detail.at + 1).saturating_sub(room), detail.at);
    let at_end = detail.scroll + page >= detail.targets.len();
    match detail.cursor.clone().filter(|_| at_end) {
        Some(cursor) => read_targets(state, Some(cursor)),
        None => Vec::new(),
    }
}

/// Whether an action is about the job under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    matches!(action, Action::OpenJob | Action::MarkFailed) || JobChange::of(action).is_some()
}

/// A key of the pages.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    let (id, drawn) = match state.page {
        Page::Job(id) => (Some(id), true),
        _ => (
            state.jobs.list.cursor(),
            state.jobs.list.drawn == state.jobs.list.cursor(),
        ),
    };
    let Some(job) = id.and_then(|id| state.jobs.list.get(id)).cloned() else {
        state.toast(ToastKind::Note, "there is no job here", now);
        return Vec::new();
    };
    if !drawn {
        state.toast(ToastKind::Note, "look where the cursor is now", now);
        return Vec::new();
    }
    match (action, JobChange::of(action)) {
        (Action::OpenJob, _) if state.page == Page::Jobs => open(state, job.id, now),
        (Action::OpenJob, _) => open_command(state, now),
        (Action::MarkFailed, _) if job.counts.failed == 0 => {
            let text = format!("job {} has no failed systems", job.id);
            state.toast(ToastKind::Note, text, now);
            Vec::new()
        }
        (Action::MarkFailed, _) => vec![call(state, Call::JobFailed(job.id))],
        (_, Some(change)) => ask(state, job, change, now),
        _ => Vec::new(),
    }
}

/// Opens the command of the system under the cursor.
fn open_command(state: &mut State, now: Moment) -> Vec<Effect> {
    let detail = state.jobs.detail.as_ref();
    let target = detail.and_then(|detail| detail.targets.get(detail.at));
    match target.and_then(|target| target.command) {
        Some(id) => commands::open(state, id, now),
        None => {
            state.toast(
                ToastKind::Note,
                "this system was given no command to look at",
                now,
            );
            Vec::new()
        }
    }
}

fn ask(state: &mut State, job: Job, change: JobChange, now: Moment) -> Vec<Effect> {
    let doing = change_of(job.kind);
    // Trying again is the same deed as before, so it asks for the same right.
    let again = doing.filter(|_| change == JobChange::Retry);
    let obstacle = state
        .obstacle(change.route())
        .or_else(|| again.and_then(|doing| state.obstacle(doing.route())))
        .or_else(|| change.obstacle(&job).map(str::to_owned));
    if let Some(reason) = obstacle {
        state.toast(ToastKind::Error, format!("job {}: {reason}", job.id), now);
        return Vec::new();
    }
    let failed = usize::try_from(job.counts.failed).unwrap_or(usize::MAX);
    // What an action asked for then, it asks for again.
    let confirms = job.run.as_ref().is_some_and(|run| run.confirmed);
    let typed = again.filter(|doing| confirms || tier(*doing, failed) == Tier::Typed);
    state.jobs.question = Some(JobQuestion {
        change,
        focus: Focus::Cancel,
        typed: typed.map(|_| (failed.to_string(), TextField::default())),
        shown_at: None,
        job,
    });
    Vec::new()
}

/// Whether a question takes the keys.
pub(super) fn question_open(state: &State) -> bool {
    state.jobs.question.is_some() && matches!(state.page, Page::Jobs | Page::Job(_))
}

/// A key in the question.
pub(super) fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        state.jobs.question = None;
        return Vec::new();
    }
    let Some(question) = &mut state.jobs.question else {
        return Vec::new();
    };
    let armed = question
        .shown_at
        .is_some_and(|shown| press.at >= shown.plus(ARM_MS));
    if !armed {
        return Vec::new();
    }
    let answer = questions::question_key(press.key, &mut question.focus, &mut question.typed);
    let Some(yes) = answer else {
        return Vec::new();
    };
    let (id, change) = (question.job.id, question.change);
    state.jobs.question = None;
    if !yes {
        return Vec::new();
    }
    state.tickets += 1;
    let key = format!("{}-retry-{}", state.nonce, state.tickets);
    vec![call(state, Call::ChangeJob { id, change, key })]
}
