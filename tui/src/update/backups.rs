//! The page of backups: reading, moving, and what its keys begin. A restore is for the command line of the server alone.

use super::{call, questions, session};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{BackupCall, BackupReply, Call, Effect, Failure};
use crate::model::{ARM_MS, BackupQuestion, Dirty, Page, State, ToastKind};
use scm_protocol::backups::{Backup, BackupList};

/// Reads the list.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    let backups = &mut state.backups;
    if backups.reading {
        backups.again = true;
        return Vec::new();
    }
    backups.reading = true;
    vec![call(state, Call::Backup(BackupCall::List))]
}

/// Moves the cursor.
pub(super) fn scroll(state: &mut State, action: Action) {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME))
        .saturating_sub(crate::model::BACKUP_FOOT)
        .max(1);
    let at = state.backups.position();
    state.backups.go(match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX,
        _ => at,
    });
}

/// Whether an action is about the backup under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    matches!(action, Action::CheckBackup | Action::DownloadBackup)
}

/// A key of the page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    if let Some(reason) = state.action_obstacle(action) {
        state.toast(ToastKind::Error, format!("backups: {reason}"), now);
        return Vec::new();
    }
    if let Some(busy) = &state.backups.busy {
        let text = format!("{busy}: wait until that is done");
        state.toast(ToastKind::Note, text, now);
        return Vec::new();
    }
    if action == Action::MakeBackup {
        state.backups.question = Some(BackupQuestion::default());
        return Vec::new();
    }
    let Some(name) = state.backups.here().map(|backup| backup.name.clone()) else {
        state.toast(ToastKind::Note, "there is no backup here", now);
        return Vec::new();
    };
    if state.backups.drawn.as_deref() != Some(&name) {
        state.toast(ToastKind::Note, "look where the cursor is now", now);
        return Vec::new();
    }
    let (busy, question) = if action == Action::CheckBackup {
        (format!("checking {name}"), BackupCall::Check(name))
    } else {
        (format!("downloading {name}"), BackupCall::Download(name))
    };
    begin(state, busy, question)
}

fn begin(state: &mut State, busy: String, question: BackupCall) -> Vec<Effect> {
    state.backups.busy = Some(busy);
    vec![call(state, Call::Backup(question))]
}

/// Whether the question takes the keys.
pub(super) fn question_open(state: &State) -> bool {
    state.backups.question.is_some() && state.page == Page::Backups
}

/// A key in the question.
pub(super) fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        state.backups.question = None;
        return Vec::new();
    }
    let Some(question) = &mut state.backups.question else {
        return Vec::new();
    };
    let armed = question
        .shown_at
        .is_some_and(|shown| press.at >= shown.plus(ARM_MS));
    if !armed {
        return Vec::new();
    }
    let Some(yes) = questions::question_key(press.key, &mut question.focus, &mut None) else {
        return Vec::new();
    };
    state.backups.question = None;
    if !yes {
        return Vec::new();
    }
    begin(state, "making a backup".to_owned(), BackupCall::Make)
}

/// An answer.
pub(super) fn reply(state: &mut State, answer: BackupReply, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Data);
    match answer {
        BackupReply::List(list) => listed(state, list, now),
        BackupReply::Made(made) => done(state, made, "made", now),
        BackupReply::Checked { result, .. } => done(state, result, "checked", now),
        BackupReply::Downloaded { name, result } => {
            state.backups.busy = None;
            match result {
                Ok(said) => state.toast(ToastKind::Done, said, now),
                Err(error) => state.toast(ToastKind::Error, format!("{name}: {error}"), now),
            }
            Vec::new()
        }
    }
}

fn listed(state: &mut State, list: Result<BackupList, Failure>, now: Moment) -> Vec<Effect> {
    state.backups.reading = false;
    let again = std::mem::take(&mut state.backups.again);
    match list {
        Ok(list) => {
            super::replies::told(state, list.server_time_ms, now);
            state.backups.error = None;
            state.backups.put(list);
            if again { fetch(state) } else { Vec::new() }
        }
        Err(failure) => {
            state.backups.error = Some(failure.to_string());
            session::failed(state, "backups", &failure, now)
        }
    }
}

/// A backup was made or checked, or not; wherever the administrator is by now.
fn done(state: &mut State, result: Result<Backup, Failure>, what: &str, now: Moment) -> Vec<Effect> {
    state.backups.busy = None;
    match result {
        Ok(backup) => {
            let name = crate::model::clean(&backup.name);
            match backup.check.and_then(|check| check.fault) {
                Some(fault) => {
                    let text = format!(
                        "{what} {name}; a restore would refuse it: {}",
                        crate::model::clean(&fault)
                    );
                    state.toast(ToastKind::Error, text, now);
                }
                None => state.toast(ToastKind::Done, format!("{what} {name}"), now),
            }
        }
        Err(Failure::Unauthorized(reason)) => return session::lost(state, &reason),
        Err(failure) => state.toast(ToastKind::Error, format!("not {what}: {failure}"), now),
    }
    fetch(state)
}
