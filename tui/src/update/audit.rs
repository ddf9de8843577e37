//! The audit: searching it, moving in it, one entry, following, exports.

use super::{call, session};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{Call, Effect, Failure};
use crate::model::{
    AuditExport, AuditField, AuditForm, AuditFront, AuditView, Dirty, Page, State, TextField, ToastKind,
    clean,
};
use scm_protocol::audit::{AuditChain, AuditForwarding, AuditPage};

/// Lines of the page that are not entries: state of the chain, targets, filter, columns; but for the columns, which other
/// lists have too.
pub(super) const CHROME: usize = 3;

/// Everything that the page shows.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    let mut effects = entries(state, None);
    if state.obstacle("audit.chain").is_none() {
        effects.push(call(state, Call::AuditChain));
        effects.push(call(state, Call::AuditForwarding));
    }
    effects
}

/// A page of entries, from the newest one or where the last page ended.
fn entries(state: &mut State, from: Option<String>) -> Vec<Effect> {
    if state.obstacle("audit.list").is_some() || state.audit.loading {
        return Vec::new();
    }
    state.audit.loading = true;
    if from.is_none() {
        state.audit.newer = false;
    }
    let (round, filter) = (state.audit.round, state.audit.filter.clone());
    vec![call(
        state,
        Call::Audit {
            round,
            filter,
            cursor: from,
        },
    )]
}

/// Entries were added at the server.
pub(super) fn grown(state: &mut State) -> Vec<Effect> {
    state.audit.newer = true;
    if state.page != Page::Audit {
        return Vec::new();
    }
    // Whoever reads further down is not disturbed.
    if state.audit.follow || state.audit.position() == 0 {
        return fetch(state);
    }
    state.mark(Dirty::Data);
    Vec::new()
}

/// A page of entries came.
pub(super) fn listed(
    state: &mut State,
    (round, older): (u64, bool),
    page: Result<AuditPage, Failure>,
    now: Moment,
) -> Vec<Effect> {
    if round != state.audit.round {
        return Vec::new();
    }
    state.audit.loading = false;
    state.mark(Dirty::Data);
    match page {
        Ok(page) => {
            state.audit.error = None;
            state.audit.next = page.next_cursor;
            if older {
                state.audit.put_older(page.items);
            } else {
                state.audit.put_newest(page.items);
            }
            // More came while this was read.
            if state.audit.newer && state.audit.follow {
                return entries(state, None);
            }
            Vec::new()
        }
        Err(failure) => {
            state.audit.error = Some(failure.to_string());
            session::failed(state, "audit", &failure, now)
        }
    }
}

/// Where the chain stands.
pub(super) fn chain(state: &mut State, chain: Result<Box<AuditChain>, Failure>, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Data);
    match chain {
        Ok(chain) => {
            state.audit.chain = Some(*chain);
            Vec::new()
        }
        Err(failure) => session::failed(state, "audit", &failure, now),
    }
}

/// How far the targets are.
pub(super) fn forwarding(
    state: &mut State,
    forwarding: Result<AuditForwarding, Failure>,
    now: Moment,
) -> Vec<Effect> {
    state.mark(Dirty::Data);
    match forwarding {
        Ok(forwarding) => {
            state.audit.forwarding = Some(forwarding);
            Vec::new()
        }
        Err(failure) => session::failed(state, "audit", &failure, now),
    }
}

/// Moves the cursor, and reads on at the end.
pub(super) fn scroll(state: &mut State, action: Action) -> Vec<Effect> {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME))
        .saturating_sub(CHROME)
        .max(1);
    let at = state.audit.position();
    state.audit.go(match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX,
        _ => at,
    });
    if action == Action::Top && state.audit.newer {
        return fetch(state);
    }
    let near_end = state.audit.position() + page >= state.audit.entries().len();
    match state.audit.next.clone().filter(|_| near_end) {
        Some(next) => entries(state, Some(next)),
        None => Vec::new(),
    }
}

/// A key of the page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    if let Some(obstacle) = state.action_obstacle(action) {
        state.toast(ToastKind::Error, format!("export: {obstacle}"), now);
        return Vec::new();
    }
    let audit = &mut state.audit;
    match action {
        Action::OpenEntry => audit.open = audit.current().cloned().map(|entry| (entry, 0)),
        Action::SearchAudit => audit.form = Some(AuditForm::new(&audit.filter)),
        Action::FollowAudit => {
            audit.follow = !audit.follow;
            if audit.follow {
                audit.go(0);
                return fetch(state);
            }
        }
        Action::ExportAudit if audit.export.is_some() => {
            state.toast(ToastKind::Note, "an export is under way: x stops it", now);
        }
        Action::ExportAudit => {
            audit.export_file = Some((TextField::new("audit.jsonl"), None));
        }
        Action::StopExport => return stop(state, now),
        _ => {}
    }
    Vec::new()
}

fn stop(state: &mut State, now: Moment) -> Vec<Effect> {
    let Some(export) = state.audit.export.take() else {
        state.toast(ToastKind::Note, "no export is under way", now);
        return Vec::new();
    };
    let text = format!("stopped; {} was removed again", clean(&export.file));
    state.toast(ToastKind::Note, text, now);
    vec![call(state, Call::StopExport(export.ticket))]
}

/// A key while something lies over the page.
pub(super) fn front_key(state: &mut State, front: AuditFront, press: Press) -> Vec<Effect> {
    match front {
        AuditFront::Search => search_key(state, press.key),
        AuditFront::Export => export_key(state, press.key),
        AuditFront::Entry => {
            entry_key(&mut state.audit, press.key);
            Vec::new()
        }
    }
}

/// The field that takes pasted text.
pub(super) fn typed_into(state: &mut State) -> Option<&mut TextField> {
    match state.audit_front()? {
        AuditFront::Search => {
            let form = state.audit.form.as_mut()?;
            form.fields.get_mut(form.focus)
        }
        AuditFront::Export => state.audit.export_file.as_mut().map(|(field, _)| field),
        AuditFront::Entry => None,
    }
}

fn search_key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(form) = &mut state.audit.form else {
        return Vec::new();
    };
    let count = AuditField::ALL.len();
    match key {
        Key::Esc | Key::Ctrl('c') => state.audit.form = None,
        Key::Tab | Key::Down => form.focus = (form.focus + 1) % count,
        Key::BackTab | Key::Up => form.focus = (form.focus + count - 1) % count,
        Key::Enter => {
            let filter = form.filter();
            state.audit.form = None;
            state.audit.search(filter);
            return entries(state, None);
        }
        key => {
            if let Some(field) = form.fields.get_mut(form.focus) {
                field.key(key);
            }
        }
    }
    Vec::new()
}

fn export_key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some((field, fault)) = &mut state.audit.export_file else {
        return Vec::new();
    };
    match key {
        Key::Esc | Key::Ctrl('c') => state.audit.export_file = None,
        Key::Enter => {
            let file = field.text().trim().to_owned();
            if file.is_empty() || file.ends_with('/') {
                *fault = Some("must be the name of a file".to_owned());
                return Vec::new();
            }
            state.audit.export_file = None;
            return export(state, file);
        }
        key => {
            *fault = None;
            field.key(key);
        }
    }
    Vec::new()
}

fn export(state: &mut State, file: String) -> Vec<Effect> {
    state.tickets += 1;
    let (ticket, filter) = (state.tickets, state.audit.filter.clone());
    state.audit.export = Some(AuditExport {
        ticket,
        file: file.clone(),
        bytes: 0,
    });
    vec![call(state, Call::Export { ticket, filter, file })]
}

fn entry_key(audit: &mut AuditView, key: Key) {
    let Some((_, top)) = &mut audit.open else { return };
    match key {
        Key::Down | Key::Char('j') => *top += 1,
        Key::Up | Key::Char('k') => *top = top.saturating_sub(1),
        Key::Esc | Key::Enter | Key::Char('q') | Key::Ctrl('c') => audit.open = None,
        _ => {}
    }
}

/// How far an export is.
pub(super) fn exporting(state: &mut State, ticket: u64, bytes: u64) -> Vec<Effect> {
    if let Some(export) = state
        .audit
        .export
        .as_mut()
        .filter(|export| export.ticket == ticket)
    {
        export.bytes = bytes;
        state.mark(Dirty::Data);
    }
    Vec::new()
}

/// An export ended.
pub(super) fn exported(
    state: &mut State,
    ticket: u64,
    result: Result<String, String>,
    now: Moment,
) -> Vec<Effect> {
    let Some(export) = state.audit.export.take_if(|export| export.ticket == ticket) else {
        return Vec::new();
    };
    match result {
        Ok(said) => state.toast(ToastKind::Done, said, now),
        Err(reason) => {
            let text = format!("{} was not written: {reason}", clean(&export.file));
            state.toast(ToastKind::Error, text, now);
        }
    }
    Vec::new()
}
