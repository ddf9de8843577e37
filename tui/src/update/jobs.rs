//! Bulk jobs: creating them, and following them to their end wherever the administrator is.

use super::{bulk, call, job_pages, session};
use crate::clock::Moment;
use crate::message::{Call, Effect, Failure};
use crate::model::{
    Change, Dirty, JobChange, Page, Phase, State, Subject, Toast, ToastKind, change_of, clean, job_kind,
};
use crate::view::format;
use scm_protocol::ids::{JobId, SystemId};
use scm_protocol::jobs::{ChosenSystems, CreateJob, Job, JobPage, JobState, JobTargetPage};
use scm_protocol::systems::SystemStatus;

/// Asks the server for a job on exactly the systems that the question showed, with the status that each was shown with.
pub(super) fn create(state: &mut State) -> Vec<Effect> {
    let Some(dialog) = &mut state.dialog else {
        return Vec::new();
    };
    let Some(kind) = job_kind(dialog.change) else {
        return Vec::new();
    };
    dialog.phase = Phase::Running { sent: 1 };
    let ticket = dialog.ticket;
    let of = |status: SystemStatus| ChosenSystems {
        expected_status: status,
        ids: dialog
            .targets
            .iter()
            .filter(|(target, _)| target.status == status)
            .map(|(target, _)| target.id)
            .collect(),
    };
    let systems = SystemStatus::ALL.map(of).into_iter();
    let (tag, group, run) = match &dialog.subject {
        Some(Subject::Tag(tag)) => (Some(tag.clone()), None, None),
        Some(Subject::Group(id, _)) => (None, Some(*id), None),
        Some(Subject::Run(run, _)) => (None, None, Some(run.as_ref().clone())),
        None => (None, None, None),
    };
    let whole = dialog.whole.as_ref();
    let body = CreateJob {
        kind,
        tag,
        group,
        run,
        version: None,
        systems: systems.filter(|chosen| !chosen.ids.is_empty()).collect(),
        filter: whole.map(|target| target.whole.filter.clone()),
        expected_count: whole.map(|target| i64::try_from(target.count).unwrap_or(i64::MAX)),
    };
    state.mark(Dirty::Key);
    let key = format!("{}-job-{ticket}", state.nonce);
    let body = Box::new(body);
    vec![call(state, Call::CreateJob { ticket, key, body })]
}

/// The server took a job, or not.
pub(super) fn created(
    state: &mut State,
    ticket: u64,
    answer: Result<Box<Job>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let dialog = state.dialog.take_if(|dialog| dialog.ticket == ticket);
    match answer {
        Ok(job) => {
            if dialog.is_some() {
                bulk::deselect(&mut state.systems);
                bulk::deselect(&mut state.pending);
            }
            watch(state, *job, now)
        }
        Err(Failure::Unauthorized(reason)) => session::lost(state, &reason),
        Err(Failure::Unreachable(reason)) => {
            let text = format!("no answer ({reason}): look at the jobs (7) before trying again");
            state.toast(ToastKind::Error, text, now);
            Vec::new()
        }
        Err(Failure::Refused(problem)) if problem.code == "count_changed" => match dialog {
            Some(dialog) => bulk::count_changed(state, dialog, problem.matching, now),
            None => Vec::new(),
        },
        Err(failure) => {
            state.toast(ToastKind::Error, format!("nothing was done: {failure}"), now);
            Vec::new()
        }
    }
}

fn watch(state: &mut State, job: Job, now: Moment) -> Vec<Effect> {
    let count = format::systems(usize::try_from(job.counts.total).unwrap_or(0));
    let verb = change_of(job.kind).map_or(job.kind.as_str(), Change::verb);
    let text = match &job.run {
        Some(run) => format!("job {}: {} on {count}; 7 shows it", job.id, clean(&run.action)),
        None => format!("job {}: {verb} {count}; 7 shows it", job.id),
    };
    state.toast(ToastKind::Note, text, now);
    state.jobs.watched.insert(job.id);
    state.jobs.list.put_one(job);
    fetch(state)
}

/// Reads the list; while it is being read, once more afterwards.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    if state.obstacle("jobs.list").is_some() {
        return Vec::new();
    }
    if state.jobs.list.reading {
        state.jobs.list.again = true;
        return Vec::new();
    }
    state.jobs.list.reading = true;
    vec![call(state, Call::Jobs)]
}

/// The server says that jobs went on: read where somebody looks or waits for the end of one.
pub(super) fn changed(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    if matches!(state.page, Page::Jobs | Page::Job(_)) || !state.jobs.watched.is_empty() {
        effects.extend(fetch(state));
    }
    // Whoever reads on in a long list is not thrown back to its beginning.
    let first_page = state
        .jobs
        .detail
        .as_ref()
        .is_some_and(|detail| detail.scroll == 0);
    if matches!(state.page, Page::Job(_)) && first_page {
        effects.extend(job_pages::fetch_targets(state));
    }
    effects
}

/// The list.
pub(super) fn listed(state: &mut State, page: Result<JobPage, Failure>, now: Moment) -> Vec<Effect> {
    state.jobs.list.reading = false;
    let again = std::mem::take(&mut state.jobs.list.again);
    state.mark(Dirty::Data);
    match page {
        Ok(page) => {
            super::replies::told(state, page.server_time_ms, now);
            state.jobs.list.error = None;
            state.jobs.list.put(page.items);
            let mut effects = tell_ends(state, now);
            if again {
                effects.extend(fetch(state));
            }
            effects
        }
        Err(failure) => {
            state.jobs.list.error = Some(failure.to_string());
            session::failed(state, "jobs", &failure, now)
        }
    }
}

/// Jobs of this console that are over by now are told, wherever the administrator is; the failed become the marks.
fn tell_ends(state: &mut State, now: Moment) -> Vec<Effect> {
    let over: Vec<Job> = state
        .jobs
        .list
        .items()
        .iter()
        .filter(|job| job.state.is_over() && state.jobs.watched.contains(&job.id))
        .cloned()
        .collect();
    let mut effects = Vec::new();
    for job in over {
        state.jobs.watched.remove(&job.id);
        let counts = job.counts;
        let mut text = format!("job {}: {}", job.id, outcome_words(&job));
        let kind = if counts.failed > 0 {
            text.push_str("; the failed are marked");
            effects.push(call(state, Call::JobFailed(job.id)));
            ToastKind::Error
        } else {
            ToastKind::Done
        };
        state.push_toast(Toast::new(kind, text, now));
    }
    effects
}

/// `approved 10 systems, 2 failed, 1 skipped`.
fn outcome_words(job: &Job) -> String {
    let past = change_of(job.kind).map_or("done", Change::past);
    let counts = job.counts;
    let mut text = format!(
        "{past} {}",
        format::systems(usize::try_from(counts.done).unwrap_or(0))
    );
    for (number, word) in [(counts.failed, "failed"), (counts.skipped, "skipped")] {
        if number > 0 {
            text.push_str(&format!(", {} {word}", format::count(number)));
        }
    }
    if job.state == JobState::Cancelled {
        text.push_str(&format!(
            ", {} left by the cancellation",
            format::count(counts.waiting)
        ));
    }
    text
}

/// The failed systems of a job become the marks of the lists.
pub(super) fn failed_read(
    state: &mut State,
    id: JobId,
    page: Result<JobTargetPage, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let page = match page {
        Ok(page) => page,
        Err(failure) => return session::failed(state, "jobs", &failure, now),
    };
    let failed: Vec<SystemId> = page
        .items
        .iter()
        .map(|target| target.system)
        .filter(|system| state.fleet.get(*system).is_some())
        .collect();
    for list in [&mut state.systems, &mut state.pending] {
        list.clear_marks();
        list.marks = failed.iter().copied().collect();
    }
    let text = format!("{} of job {id} are marked now", format::systems(failed.len()));
    state.toast(ToastKind::Note, text, now);
    Vec::new()
}

/// What came of a change; a retry is a job of its own.
pub(super) fn job_changed(
    state: &mut State,
    (id, change): (JobId, JobChange),
    result: Result<Option<Box<Job>>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(Some(job)) => return watch(state, *job, now),
        Ok(None) => {
            state.jobs.watched.remove(&id);
            state.toast(ToastKind::Done, format!("job {id} is cancelled"), now);
        }
        Err(Failure::Unauthorized(reason)) => return session::lost(state, &reason),
        Err(Failure::Unreachable(reason)) => {
            let text = format!("job {id}: no answer ({reason}): look before trying again");
            state.toast(ToastKind::Error, text, now);
        }
        Err(failure) => {
            let verb = if change == JobChange::Retry {
                "try again"
            } else {
                "cancel"
            };
            state.toast(
                ToastKind::Error,
                format!("could not {verb} job {id}: {failure}"),
                now,
            );
        }
    }
    fetch(state)
}
