//! Changes of systems: the menu, the question, the requests and their outcomes.

use super::{bulk, fetch, jobs, session};
use crate::clock::Moment;
use crate::message::{Call, Effect, Failure};
use crate::model::{
    Change, Dialog, Dirty, Focus, Menu, Outcome, Overlay, Phase, State, Subject, Target, TextField, Tier,
    Toast, ToastKind, Undo, Whole, job_kind,
};
use scm_protocol::ids::SystemId;
use scm_protocol::jobs::MAX_TARGETS;
use scm_protocol::systems::SystemDetail;

/// Requests under way at once.
const PARALLEL: usize = 4;

/// What a change is about: frozen when the menu or the palette opened.
#[derive(Debug, Default)]
pub(super) struct Aim {
    /// These, in the order of the list.
    pub ids: Vec<SystemId>,
    /// They are everything that matches: the server finds them.
    pub whole: Option<Whole>,
    /// The tag or the group, once it was told.
    pub subject: Option<Subject>,
}

/// Opens the menu of actions on frozen targets.
pub(super) fn open_menu(
    state: &mut State,
    targets: Vec<SystemId>,
    whole: Option<Whole>,
    now: Moment,
) -> Vec<Effect> {
    if let Some(dialog) = &mut state.dialog {
        // The one that runs on is shown before another may begin.
        dialog.hidden = false;
        return Vec::new();
    }
    if targets.is_empty() {
        state.toast(ToastKind::Note, "there is no system here to act on", now);
        return Vec::new();
    }
    let fits = |change: &Change| {
        let fits = |id: &SystemId| {
            state
                .fleet
                .get(*id)
                .is_some_and(|row| change.obstacle(row.status, row.cloned).is_none())
        };
        targets.iter().any(fits)
    };
    let cursor = Change::ALL.iter().position(fits).unwrap_or(0);
    state.overlay = Some(Overlay::Menu(Menu {
        targets,
        whole,
        cursor,
    }));
    Vec::new()
}

/// Why a change cannot begin.
fn refusal(state: &State, change: Change, aim: &Aim) -> Option<String> {
    let (verb, count) = (change.verb(), aim.ids.len());
    let many = aim.whole.is_some() || count > 1;
    if let Some(obstacle) = state.obstacle(change.route()) {
        Some(format!("{verb}: {obstacle}"))
    } else if state.dialog.is_some() {
        Some("the change before this one is still running".to_owned())
    } else if count == 0 && aim.whole.is_none() {
        Some(format!("{verb}: no system is chosen"))
    } else if many && job_kind(change).is_none() {
        Some(format!("{verb}: one system at a time, each takes a look"))
    } else if count > MAX_TARGETS && aim.whole.is_none() {
        Some(format!(
            "{verb}: at most {MAX_TARGETS} systems at once, {count} are marked"
        ))
    } else {
        None
    }
}

/// Begins a change: what is not allowed is said, what else it is about is asked, one system is looked at by the server first.
pub(super) fn begin(state: &mut State, change: Change, aim: Aim, now: Moment) -> Vec<Effect> {
    if let Some(text) = refusal(state, change, &aim) {
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    if change.asks_for().is_some() && aim.subject.is_none() {
        return bulk::open_form(state, change, aim);
    }
    state.tickets += 1;
    let Aim { ids, whole, subject } = aim;
    let as_job = whole.is_some() || ids.len() > 1 || subject.is_some() || change.is_always_a_job();
    let mut dialog = Dialog::new(change, as_job, state.tickets);
    dialog.subject = subject;
    if let Some(whole) = whole {
        return bulk::count(state, dialog, whole, &ids);
    }
    if as_job {
        choose(state, &mut dialog, &ids);
        state.dialog = Some(dialog);
        return ask(state, now);
    }
    dialog.phase = Phase::Gathering {
        missing: ids.len(),
        ids,
        asked: 0,
    };
    state.dialog = Some(dialog);
    gather(state, PARALLEL)
}

/// Many at once are as the list shows them: the server looks at each when its turn comes, and leaves what is another by then.
fn choose(state: &State, dialog: &mut Dialog, ids: &[SystemId]) {
    for id in ids {
        let Some(row) = state.fleet.get(*id) else {
            dialog
                .skipped
                .push((format!("system {id}"), "is gone".to_owned()));
            continue;
        };
        match dialog.change.obstacle(row.status, row.cloned) {
            None => dialog.targets.push((Target::of_row(row), Outcome::Waiting)),
            Some(reason) => dialog.skipped.push((row.hostname.to_string(), reason)),
        }
    }
}

fn gather(state: &mut State, count: usize) -> Vec<Effect> {
    let generation = state.generation;
    let Some(Dialog {
        phase: Phase::Gathering { ids, asked, .. },
        ticket,
        ..
    }) = &mut state.dialog
    else {
        return Vec::new();
    };
    let next: Vec<SystemId> = ids.iter().skip(*asked).take(count).copied().collect();
    *asked += next.len();
    let ask = |id| Effect::Call {
        generation,
        call: Call::Gather { ticket: *ticket, id },
    };
    next.into_iter().map(ask).collect()
}

/// A system as it is now.
pub(super) fn gathered(
    state: &mut State,
    ticket: u64,
    id: SystemId,
    detail: Result<Box<SystemDetail>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    if let Err(Failure::Unauthorized(reason)) = &detail {
        return session::lost(state, &reason.clone());
    }
    let name = state
        .fleet
        .get(id)
        .map_or_else(|| format!("system {id}"), |row| row.hostname.to_string());
    let Some(dialog) = state.dialog.as_mut().filter(|dialog| dialog.ticket == ticket) else {
        return Vec::new();
    };
    let Phase::Gathering { missing, ids, .. } = &mut dialog.phase else {
        return Vec::new();
    };
    *missing -= 1;
    match detail {
        Ok(detail) => match dialog
            .change
            .obstacle(detail.summary.status, detail.summary.cloned)
        {
            None => dialog.targets.push((Target::new(&detail), Outcome::Waiting)),
            Some(reason) => dialog.skipped.push((name, reason)),
        },
        Err(failure) if failure.status() == Some(404) => dialog.skipped.push((name, "is gone".to_owned())),
        Err(failure) => dialog.skipped.push((name, failure.to_string())),
    }
    if *missing > 0 {
        state.mark(Dirty::Data);
        return gather(state, 1);
    }
    let place: std::collections::HashMap<SystemId, usize> =
        ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
    dialog
        .targets
        .sort_by_key(|(target, _)| place.get(&target.id).copied());
    ask(state, now)
}

/// All are known: asks, or does it at once where the tier allows.
fn ask(state: &mut State, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Key);
    let Some(dialog) = &mut state.dialog else {
        return Vec::new();
    };
    if dialog.targets.is_empty() {
        let reason = dialog
            .skipped
            .first()
            .map(|(name, reason)| format!("{name} {reason}"))
            .unwrap_or_default();
        let text = format!("nothing to {}: {reason}", dialog.change.verb());
        state.dialog = None;
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    dialog.tier = dialog.asked_tier();
    let typed = (dialog.tier == Tier::Typed).then(|| (dialog.phrase(), TextField::default()));
    if dialog.tier == Tier::AtOnce && dialog.skipped.is_empty() {
        return run(state);
    }
    dialog.phase = Phase::Asking {
        shown_at: None,
        focus: Focus::Cancel,
        typed,
    };
    Vec::new()
}

pub(super) fn run(state: &mut State) -> Vec<Effect> {
    if state.dialog.as_ref().is_some_and(|dialog| dialog.bulk) {
        return jobs::create(state);
    }
    if let Some(dialog) = &mut state.dialog {
        dialog.phase = Phase::Running { sent: 0 };
        dialog.scroll = 0;
    }
    state.mark(Dirty::Key);
    send(state, PARALLEL)
}

fn send(state: &mut State, count: usize) -> Vec<Effect> {
    let generation = state.generation;
    let Some(Dialog {
        phase: Phase::Running { sent },
        targets,
        change,
        ticket,
        ..
    }) = &mut state.dialog
    else {
        return Vec::new();
    };
    let next: Vec<Effect> = targets
        .iter()
        .skip(*sent)
        .take(count)
        .filter_map(|(target, _)| {
            let body = target.request(*change)?;
            let call = Call::Change {
                ticket: *ticket,
                id: target.id,
                change: *change,
                body,
            };
            Some(Effect::Call { generation, call })
        })
        .collect();
    *sent += next.len();
    next
}

/// The outcome for one system.
pub(super) fn changed(
    state: &mut State,
    ticket: u64,
    id: SystemId,
    result: Result<(), Failure>,
    now: Moment,
) -> Vec<Effect> {
    let Some(dialog) = state.dialog.as_mut().filter(|dialog| dialog.ticket == ticket) else {
        return Vec::new();
    };
    let lost = match &result {
        Err(Failure::Unauthorized(reason)) => Some(reason.clone()),
        _ => None,
    };
    let outcome = match result {
        Ok(()) => Outcome::Done,
        Err(Failure::Unreachable(reason)) => {
            Outcome::Failed(format!("no answer ({reason}): look before trying again"))
        }
        Err(failure) => Outcome::Failed(failure.to_string()),
    };
    if let Some((_, slot)) = dialog.targets.iter_mut().find(|(target, _)| target.id == id) {
        *slot = outcome;
    }
    let waiting = dialog
        .targets
        .iter()
        .any(|(_, outcome)| *outcome == Outcome::Waiting);
    state.wanted.insert(id);
    fetch::plan_rows(state, now);
    state.mark(Dirty::Data);
    if let Some(reason) = lost {
        return session::lost(state, &reason);
    }
    if waiting {
        send(state, 1)
    } else {
        finish(state, now)
    }
}

/// All are answered: the failed become the marks, a single success closes by itself.
fn finish(state: &mut State, now: Moment) -> Vec<Effect> {
    let Some(mut dialog) = state.dialog.take() else {
        return Vec::new();
    };
    dialog.phase = Phase::Finished;
    let failed: Vec<SystemId> = dialog.failed().map(|target| target.id).collect();
    for list in [&mut state.systems, &mut state.pending] {
        if !list.marks.is_empty() || !failed.is_empty() && dialog.targets.len() > 1 {
            list.clear_marks();
            list.marks = failed.iter().copied().collect();
        }
        list.marked_only = false;
        list.unsorted = true;
    }
    let (done, failures) = dialog.counts();
    let (past, verb) = (dialog.change.past(), dialog.change.verb());
    let text = match (dialog.targets.as_slice(), failures) {
        ([(one, _)], 0) => format!("{past} {}", one.hostname),
        ([(one, Outcome::Failed(reason))], _) => format!("could not {verb} {}: {reason}", one.hostname),
        (_, 0) => format!("{past} {done} systems"),
        _ => format!("{past} {done} systems, {failures} failed and are marked now"),
    };
    let kind = if failures == 0 {
        ToastKind::Done
    } else {
        ToastKind::Error
    };
    let mut toast = Toast::new(kind, text, now);
    if let [(one, Outcome::Done)] = dialog.targets.as_slice()
        && let Some((back, status)) = dialog.change.reverse(one.status)
    {
        let target = Target {
            status,
            ..one.clone()
        };
        toast.undo = Some(Undo::System(back, target));
    }
    let close = dialog.hidden || dialog.targets.len() == 1 && failures == 0 && dialog.skipped.is_empty();
    if !close {
        state.dialog = Some(dialog);
    }
    state.push_toast(toast);
    fetch::plan_detail(state, now);
    Vec::new()
}

/// Takes back what the last message offers.
pub(super) fn undo(state: &mut State, now: Moment) -> Vec<Effect> {
    let offered = state.toasts.iter_mut().rev().find_map(|toast| toast.undo.take());
    let (change, target) = match offered {
        Some(Undo::System(change, target)) => (change, target),
        Some(Undo::Token(change, id, name)) => {
            if state.obstacle(change.route()).is_some() {
                return Vec::new();
            }
            return vec![super::call(state, Call::ChangeToken { id, name, change })];
        }
        Some(Undo::Setting(name, value)) => {
            if state.obstacle("settings.change").is_some() {
                return Vec::new();
            }
            return super::settings::undo(state, name, value);
        }
        None => {
            state.toast(ToastKind::Note, "there is nothing to take back", now);
            return Vec::new();
        }
    };
    if state.dialog.is_some() || state.obstacle(change.route()).is_some() {
        return Vec::new();
    }
    state.tickets += 1;
    let mut dialog = Dialog::new(change, false, state.tickets);
    dialog.tier = Tier::AtOnce;
    dialog.targets.push((target, Outcome::Waiting));
    state.dialog = Some(dialog);
    run(state)
}
