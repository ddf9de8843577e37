//! Changes of everything that matches a filter, and of tags and groups: what is asked before there is a job.

use super::changes::{self, Aim};
use super::{groups, run_many, session};
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{Effect, Failure, GroupCall};
use crate::model::{
    Change, Dialog, Dirty, Focus, List, Overlay, Page, Phase, State, SubjectForm, SubjectKind, TextField,
    Tier, ToastKind, Whole, WholeTarget,
};
use scm_protocol::ids::SystemId;
use scm_protocol::jobs::MAX_TARGETS;
use scm_protocol::systems::SystemCount;

/// `*`: everything that matches, whether it was read already or not: the server finds it, and counts it before it is asked.
pub(super) fn select(state: &mut State, now: Moment) {
    let State {
        fleet,
        systems,
        pending,
        page,
        ..
    } = state;
    let list = if *page == Page::Pending { pending } else { systems };
    if std::mem::take(&mut list.marked_only) {
        // What matches is more than the marks that alone were shown.
        list.rebuild(fleet);
    }
    let refusal = if list.is_empty() {
        Some("nothing matches the filter".to_owned())
    } else {
        list.select_whole().err()
    };
    if let Some(text) = refusal {
        state.toast(ToastKind::Note, text, now);
    }
}

/// Opens the form of the tag or the group.
pub(super) fn open_form(state: &mut State, change: Change, aim: Aim) -> Vec<Effect> {
    if change.asks_for() == Some(SubjectKind::Run) {
        return run_many::open(state, aim);
    }
    let form = SubjectForm::new(change, aim.ids, aim.whole);
    state.overlay = Some(Overlay::Subject(form));
    match change.asks_for() {
        Some(SubjectKind::Group) => groups::fetch(state),
        _ => Vec::new(),
    }
}

/// A key in the form.
pub(super) fn form_key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let State { overlay, groups, .. } = state;
    let Some(Overlay::Subject(form)) = overlay else {
        return Vec::new();
    };
    let last = form.groups(groups).len().saturating_sub(1);
    form.cursor = form.cursor.min(last);
    match key {
        Key::Down | Key::Tab => form.cursor = (form.cursor + 1).min(last),
        Key::Up | Key::BackTab => form.cursor = form.cursor.saturating_sub(1),
        Key::Enter => return submit(state, now),
        key => {
            if form.field.key(key) {
                form.cursor = 0;
                form.fault = None;
            }
        }
    }
    Vec::new()
}

fn submit(state: &mut State, now: Moment) -> Vec<Effect> {
    let State { overlay, groups, .. } = state;
    let Some(Overlay::Subject(form)) = overlay else {
        return Vec::new();
    };
    let subject = match form.subject(groups) {
        Ok(subject) => subject,
        Err(fault) => {
            form.fault = Some(fault);
            return Vec::new();
        }
    };
    let change = form.change;
    let aim = Aim {
        ids: std::mem::take(&mut form.targets),
        whole: form.whole.take(),
        subject: Some(subject),
    };
    state.overlay = None;
    changes::begin(state, change, aim, now)
}

/// Asks the server how many there are; what the list shows of them is looked at meanwhile.
pub(super) fn count(state: &mut State, mut dialog: Dialog, whole: Whole, ids: &[SystemId]) -> Vec<Effect> {
    let (ticket, filter) = (dialog.ticket, whole.filter.clone());
    dialog.phase = Phase::Counting;
    dialog.whole = Some(look(state, dialog.change, whole, ids));
    state.dialog = Some(dialog);
    vec![groups::ask(state, GroupCall::Count { ticket, filter })]
}

fn look(state: &State, change: Change, whole: Whole, ids: &[SystemId]) -> WholeTarget {
    let mut target = WholeTarget {
        whole,
        count: 0,
        shown: 0,
        offline: 0,
        left_out: (0, String::new()),
        confirmed: None,
    };
    for row in ids.iter().filter_map(|id| state.fleet.get(*id)) {
        target.shown += 1;
        if let Some(reason) = change.obstacle(row.status, row.cloned) {
            if target.left_out.0 == 0 {
                target.left_out.1 = format!("{} {reason}", row.hostname);
            }
            target.left_out.0 += 1;
        }
    }
    target
}

/// How many there are.
pub(super) fn counted(
    state: &mut State,
    ticket: u64,
    result: Result<(SystemCount, SystemCount), Failure>,
    now: Moment,
) -> Vec<Effect> {
    let counting = |dialog: &mut Dialog| dialog.ticket == ticket && matches!(dialog.phase, Phase::Counting);
    let Some(mut dialog) = state.dialog.take_if(counting) else {
        return Vec::new();
    };
    match result {
        Ok((all, silent)) => {
            let number = |count: SystemCount| usize::try_from(count.matching).unwrap_or(usize::MAX);
            if let Some(whole) = &mut dialog.whole {
                whole.offline = number(silent);
            }
            ask(state, dialog, number(all), now)
        }
        Err(failure) => session::failed(state, "the number of systems", &failure, now),
    }
}

/// The question about so many.
fn ask(state: &mut State, mut dialog: Dialog, count: usize, now: Moment) -> Vec<Effect> {
    let Some(whole) = &mut dialog.whole else {
        return Vec::new();
    };
    whole.count = count;
    let refusal = if count == 0 {
        Some(format!("nothing to {}: nothing matches", dialog.change.verb()))
    } else if count > MAX_TARGETS {
        Some(format!(
            "{}: at most {MAX_TARGETS} systems at once, {count} match",
            dialog.change.verb()
        ))
    } else {
        None
    };
    if let Some(text) = refusal {
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    // What a filter finds is always asked about, and always by its number where it is many.
    dialog.tier = match dialog.asked_tier() {
        Tier::AtOnce => Tier::Ask,
        other => other,
    };
    let typed = (dialog.tier == Tier::Typed).then(|| (dialog.phrase(), TextField::default()));
    dialog.phase = Phase::Asking {
        shown_at: None,
        focus: Focus::Cancel,
        typed,
    };
    state.dialog = Some(dialog);
    state.mark(Dirty::Key);
    Vec::new()
}

/// Nothing was done because the number is another by now: both are shown, and it is asked again.
pub(super) fn count_changed(
    state: &mut State,
    mut dialog: Dialog,
    matching: Option<i64>,
    now: Moment,
) -> Vec<Effect> {
    state.tickets += 1;
    dialog.ticket = state.tickets;
    dialog.hidden = false;
    if let Some(whole) = &mut dialog.whole {
        whole.confirmed = Some(whole.count);
    }
    let count = matching
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(0);
    ask(state, dialog, count, now)
}

/// After a job was created: what it is about is not selected any more.
pub(super) fn deselect(list: &mut List) {
    list.clear_marks();
    list.marked_only = false;
    list.unsorted = true;
}
