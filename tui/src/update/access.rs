//! The page of users, sessions, API tokens, SSH keys and organizations: reading, moving, and what its keys begin.

use super::{access_form, call, session};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press, binding};
use crate::message::{AccessPage, Call, Effect, Failure};
use crate::model::{
    AccessChange, AccessFront, AccessItem, AccessQuestion, AccessTab, Dirty, Focus, FormKind, Page, State,
    TextField, ToastKind,
};

/// Reads the list of the tab; while it is being read, once more afterwards.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    let tab = state.access.tab;
    if let Some(obstacle) = state.obstacle(tab.route()) {
        state.access.list_mut(tab).error = Some(obstacle);
        return Vec::new();
    }
    let list = state.access.list_mut(tab);
    if list.reading.is_some() {
        list.again = true;
        return Vec::new();
    }
    list.reading = Some(Vec::new());
    vec![call(state, Call::AccessList { tab, cursor: None })]
}

/// A page of a list.
pub(super) fn listed(
    state: &mut State,
    tab: AccessTab,
    page: Result<AccessPage, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let list = state.access.list_mut(tab);
    let Some(mut read) = list.reading.take() else {
        return Vec::new();
    };
    state.mark(Dirty::Data);
    let page = match page {
        Ok(page) => page,
        Err(failure) => {
            let list = state.access.list_mut(tab);
            list.again = false;
            list.error = Some(failure.to_string());
            return session::failed(state, tab.title(), &failure, now);
        }
    };
    super::replies::told(state, page.server_time_ms, now);
    read.extend(page.items);
    let list = state.access.list_mut(tab);
    if page.next_cursor.is_some() {
        list.reading = Some(read);
        let cursor = page.next_cursor;
        return vec![call(state, Call::AccessList { tab, cursor })];
    }
    list.error = None;
    list.put(read);
    if std::mem::take(&mut list.again) && tab == state.access.tab {
        return fetch(state);
    }
    Vec::new()
}

/// Moves the cursor.
pub(super) fn scroll(state: &mut State, action: Action) {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME + 1)).max(1);
    let tab = state.access.tab;
    let list = state.access.list_mut(tab);
    let at = list.position();
    list.go(match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX,
        _ => at,
    });
}

/// Whether an action is about the line under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    use Action::{
        DeleteUser, EndSession, EndSessions, RemoveSshKey, ResetSecondFactor, RevokeApiToken, UserPassword,
        UserRole,
    };
    matches!(
        action,
        DeleteUser
            | EndSession
            | EndSessions
            | RemoveSshKey
            | ResetSecondFactor
            | RevokeApiToken
            | UserPassword
            | UserRole
    )
}

/// A key of the page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    match action {
        Action::NextTab | Action::PreviousTab => {
            let by = if action == Action::NextTab {
                1
            } else {
                AccessTab::ALL.len() - 1
            };
            state.access.tab = state.access.tab.moved(by);
            return fetch(state);
        }
        _ => {}
    }
    let line = binding(action);
    let name = line.map_or("", |line| line.name);
    if let Some(reason) = line
        .and_then(|line| line.route)
        .and_then(|route| state.obstacle(route))
    {
        state.toast(ToastKind::Error, format!("{name}: {reason}"), now);
        return Vec::new();
    }
    match action {
        Action::NewUser => return access_form::open(state, FormKind::NewUser),
        Action::NewApiToken => return access_form::open(state, FormKind::NewApiToken),
        Action::AddSshKey => return access_form::open(state, FormKind::AddSshKey),
        Action::NewOrganization => return access_form::open(state, FormKind::NewOrganization),
        _ => {}
    }
    let list = state.access.list(state.access.tab);
    let item = match list.current() {
        Some(item) if list.drawn.as_deref() == list.cursor() => item.clone(),
        Some(_) => {
            state.toast(ToastKind::Error, "look where the cursor is now", now);
            return Vec::new();
        }
        None => {
            state.toast(ToastKind::Error, format!("{name}: there is nothing here"), now);
            return Vec::new();
        }
    };
    match (action, &item) {
        (Action::UserRole, AccessItem::User(user)) => {
            access_form::open(state, FormKind::Role(user.id, item.name()))
        }
        (Action::UserPassword, AccessItem::User(user)) => {
            let own = state
                .session
                .as_ref()
                .is_some_and(|own| own.username == user.username);
            let kind = if own {
                FormKind::OwnPassword
            } else {
                FormKind::Password(user.id, item.name())
            };
            access_form::open(state, kind)
        }
        _ => {
            state.access.question = question(action, &item);
            Vec::new()
        }
    }
}

/// The question before something happens to a line: typed where it destroys, pressed where it cuts off.
fn question(action: Action, item: &AccessItem) -> Option<AccessQuestion> {
    let name = item.name();
    let (change, verb, past, lines): (_, _, _, Vec<String>) = match (action, item) {
        (Action::DeleteUser, AccessItem::User(user)) => (
            AccessChange::DeleteUser(user.id),
            "Delete",
            "deleted",
            vec![
                format!(
                    "Ends at once: sessions {}, API tokens {}, SSH keys {}.",
                    user.sessions, user.api_tokens, user.ssh_keys
                ),
                "What the user did stays in the audit.".to_owned(),
            ],
        ),
        (Action::EndSessions, AccessItem::User(user)) => (
            AccessChange::EndSessions(user.id),
            "End every session of",
            "ended the sessions of",
            vec![format!("Open: {}. The user can log in again.", user.sessions)],
        ),
        (Action::ResetSecondFactor, AccessItem::User(user)) => (
            AccessChange::ResetSecondFactor(user.id),
            "Remove the second factor of",
            "removed the second factor of",
            vec!["Ends the user's sessions; the next login needs the first factor alone.".to_owned()],
        ),
        (Action::EndSession, AccessItem::Session(session)) => (
            AccessChange::EndSession(session.id),
            "End",
            "ended",
            vec![if session.current {
                "It is the one that you work with.".to_owned()
            } else {
                format!("It comes from {}.", crate::model::clean(&session.address))
            }],
        ),
        (Action::RevokeApiToken, AccessItem::ApiToken(token)) => (
            AccessChange::RevokeApiToken(token.id),
            "Revoke the API token",
            "revoked",
            vec![format!(
                "Scripts of {} that call with it are refused at once.",
                crate::model::clean(&token.username)
            )],
        ),
        (Action::RemoveSshKey, AccessItem::SshKey(key)) => (
            AccessChange::RemoveSshKey(key.id),
            "Remove the SSH key",
            "removed",
            vec![crate::model::clean(&key.fingerprint)],
        ),
        _ => return None,
    };
    let typed = action == Action::DeleteUser;
    Some(AccessQuestion {
        title: binding(action).map_or_else(String::new, |line| line.name.to_owned()),
        head: format!("{verb} {name}?"),
        lines,
        phrase: typed.then(|| name.clone()),
        typed: TextField::default(),
        focus: Focus::default(),
        shown_at: None,
        change,
        done: format!("{past} {name}"),
    })
}

/// A key while a question or a form is open.
pub(super) fn front_key(state: &mut State, front: AccessFront, press: Press) -> Vec<Effect> {
    match front {
        AccessFront::Question => question_key(state, press),
        AccessFront::Form => access_form::key(state, press.key),
    }
}

fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(question) = &mut state.access.question else {
        return Vec::new();
    };
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        state.access.question = None;
        return Vec::new();
    }
    if !super::tokens::armed(question.shown_at, press.at) {
        return Vec::new();
    }
    let confirmed = match (&question.phrase, press.key) {
        (Some(phrase), Key::Enter) => question.typed.text() == phrase,
        (Some(_), key) => {
            question.typed.key(key);
            false
        }
        (None, Key::Tab | Key::BackTab | Key::Left | Key::Right | Key::Char('h' | 'l')) => {
            question.focus = match question.focus {
                Focus::Cancel => Focus::Confirm,
                Focus::Confirm => Focus::Cancel,
            };
            false
        }
        (None, Key::Enter) if question.focus == Focus::Confirm => true,
        (None, Key::Enter | Key::Char('q' | 'n')) => {
            state.access.question = None;
            false
        }
        (None, _) => false,
    };
    if !confirmed {
        return Vec::new();
    }
    match state.access.question.take() {
        Some(question) => access_form::send(state, question.change, question.done),
        None => Vec::new(),
    }
}

/// What is shown may have changed.
pub(super) fn changed(state: &mut State) -> Vec<Effect> {
    if state.page == Page::Access {
        fetch(state)
    } else {
        Vec::new()
    }
}
