//! From a key to what it means where the administrator is.

use super::{
    access, annotations, audit, backups, bulk, changes, columns, commands, fetch, filter_line, groups,
    job_pages, list_export, lists, navigate, new_system, palette, questions, rollout_form, run_form,
    run_many, saved_filters, settings, signing, sorting, tokens, upgrades, views,
};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press, Scope, lookup};
use crate::message::Effect;
use crate::model::{AccessTab, LoginStep, Overlay, Page, Range, State};

/// Where a key may be bound on the present page.
fn scopes(state: &State) -> &'static [Scope] {
    match state.page {
        Page::Login | Page::Dashboard | Page::NewSystem => &[Scope::Global],
        Page::Systems | Page::Pending => &[Scope::List, Scope::Global],
        Page::System(_) => &[Scope::Detail, Scope::Scroll, Scope::Global],
        Page::Audit => &[Scope::Audit, Scope::Scroll, Scope::Global],
        Page::Tokens => &[Scope::Tokens, Scope::Scroll, Scope::Global],
        Page::Groups => &[Scope::Groups, Scope::Scroll, Scope::Global],
        Page::Jobs | Page::Job(_) => &[Scope::Jobs, Scope::Scroll, Scope::Global],
        Page::Backups => &[Scope::Backups, Scope::Scroll, Scope::Global],
        Page::Commands | Page::Command(_) => &[Scope::Commands, Scope::Scroll, Scope::Global],
        Page::Upgrades => &[Scope::Upgrades, Scope::Scroll, Scope::Global],
        Page::Settings => &[Scope::Settings, Scope::Scroll, Scope::Global],
        Page::Access => access_scopes(state.access.tab),
    }
}

/// A tab's own keys come first.
fn access_scopes(tab: AccessTab) -> &'static [Scope] {
    use Scope::{Access, ApiTokens, Global, Organizations, Scroll, Sessions, SshKeys, Users};
    match tab {
        AccessTab::Users => &[Users, Access, Scroll, Global],
        AccessTab::Sessions => &[Sessions, Access, Scroll, Global],
        AccessTab::ApiTokens => &[ApiTokens, Access, Scroll, Global],
        AccessTab::SshKeys => &[SshKeys, Access, Scroll, Global],
        AccessTab::Organizations => &[Organizations, Access, Scroll, Global],
    }
}

/// Whether a key acts on the row under the cursor, so that the row must be on the screen before it is taken.
pub fn acts_on_the_drawn_row(state: &State, key: Key) -> bool {
    if state.page == Page::Tokens {
        let line = lookup(key, scopes(state));
        let plain = state.overlay.is_none() && state.token_front().is_none();
        return plain && line.is_some_and(|line| tokens::acts(line.action));
    }
    if state.page == Page::Groups {
        let line = lookup(key, scopes(state));
        let plain = state.overlay.is_none() && !groups::has_front(state);
        return plain && line.is_some_and(|line| groups::acts(line.action));
    }
    if state.page == Page::Access {
        let line = lookup(key, scopes(state));
        let plain = state.overlay.is_none() && state.access_front().is_none();
        return plain && line.is_some_and(|line| access::acts(line.action));
    }
    if state.page == Page::Jobs {
        let line = lookup(key, scopes(state));
        let plain = state.overlay.is_none() && !job_pages::question_open(state);
        return plain && line.is_some_and(|line| job_pages::acts(line.action));
    }
    if state.page == Page::Backups {
        let line = lookup(key, scopes(state));
        let plain = state.overlay.is_none() && !backups::question_open(state);
        return plain && line.is_some_and(|line| backups::acts(line.action));
    }
    if state.page == Page::Commands {
        let line = lookup(key, scopes(state));
        let plain = state.overlay.is_none() && !commands::question_open(state);
        return plain && line.is_some_and(|line| commands::acts(line.action));
    }
    if state.page == Page::Upgrades {
        let line = lookup(key, scopes(state));
        let front = upgrades::question_open(state) || rollout_form::is_open(state);
        let plain = state.overlay.is_none() && !front;
        return plain && line.is_some_and(|line| upgrades::acts(line.action));
    }
    if state.page == Page::Settings {
        let line = lookup(key, scopes(state));
        let plain = state.overlay.is_none() && !settings::form_open(state);
        return plain && line.is_some_and(|line| settings::acts(line.action));
    }
    let plain = state.overlay.is_none() && state.list().is_some_and(|list| !list.filtering);
    plain
        && lookup(key, scopes(state))
            .is_some_and(|line| lists::acts(line.action) || line.action == Action::Palette)
}

pub(super) fn press(state: &mut State, press: Press, now: Moment) -> Vec<Effect> {
    let key = press.key;
    match key {
        Key::Ctrl('z') => return vec![Effect::Suspend],
        Key::Ctrl('l') => return vec![Effect::Repaint],
        _ => {}
    }
    if let Some(list) = state.list_mut() {
        list.touched = now;
    }
    if let Some(front) = state.token_front() {
        return tokens::front_key(state, front, press, now);
    }
    if let Some(front) = state.access_front() {
        return access::front_key(state, front, press);
    }
    if state.dialog.as_ref().is_some_and(|dialog| !dialog.hidden) {
        return questions::dialog_key(state, press);
    }
    if state.overlay.is_some() {
        return overlay(state, press, now);
    }
    if new_system::takes_keys(state)
        && let Some(effects) = new_system::key(state, key)
    {
        return effects;
    }
    if groups::has_front(state) {
        return groups::front_key(state, press, now);
    }
    if annotations::form_open(state) {
        return annotations::key(state, key);
    }
    if run_form::is_open(state) {
        return run_form::key(state, press);
    }
    if commands::question_open(state) {
        return commands::question_key(state, press);
    }
    if upgrades::question_open(state) {
        return upgrades::question_key(state, press);
    }
    if rollout_form::is_open(state) {
        return rollout_form::key(state, press);
    }
    if job_pages::question_open(state) {
        return job_pages::question_key(state, press);
    }
    if backups::question_open(state) {
        return backups::question_key(state, press);
    }
    if signing::is_open(state) {
        return signing::key(state, press);
    }
    if settings::form_open(state) {
        return settings::form_key(state, key);
    }
    if let Some(front) = state.audit_front() {
        return audit::front_key(state, front, press);
    }
    if state.page == Page::Login {
        return login(state, key);
    }
    if state.list().is_some_and(|list| list.filtering) {
        return filter_line::key(state, key, now);
    }
    match lookup(key, scopes(state)) {
        Some(line) => act(state, line.action, now),
        None => Vec::new(),
    }
}

/// Does what a line of the table says, on the present page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    let scope = crate::keys::BINDINGS
        .iter()
        .filter(|line| line.action == action)
        .map(|line| line.scope)
        .find(|scope| scopes(state).contains(scope));
    match scope {
        Some(Scope::List) => lists::act(state, action, now),
        Some(Scope::Detail) => detail(state, action, now),
        Some(Scope::Tokens) => tokens::act(state, action, now),
        Some(Scope::Groups) => groups::act(state, action, now),
        Some(Scope::Jobs) => job_pages::act(state, action, now),
        Some(Scope::Backups) => backups::act(state, action, now),
        Some(Scope::Commands) => commands::act(state, action, now),
        Some(Scope::Upgrades) => upgrades::act(state, action, now),
        Some(Scope::Settings) => settings::act(state, action, now),
        Some(Scope::Audit) => audit::act(state, action, now),
        Some(
            Scope::Access
            | Scope::Users
            | Scope::Sessions
            | Scope::ApiTokens
            | Scope::SshKeys
            | Scope::Organizations,
        ) => access::act(state, action, now),
        Some(Scope::Scroll) => navigate::scroll(state, action, now),
        Some(Scope::Global) => navigate::global(state, action, now),
        Some(Scope::Menu) | None => Vec::new(),
    }
}

fn overlay(state: &mut State, press: Press, now: Moment) -> Vec<Effect> {
    let key = press.key;
    if matches!(state.overlay, Some(Overlay::Saved(_))) {
        return saved_filters::key(state, press, now);
    }
    if matches!(state.overlay, Some(Overlay::RunMany(_))) {
        return run_many::key(state, press.key, now);
    }
    let typing = matches!(
        state.overlay,
        Some(Overlay::Palette(_) | Overlay::Export(_) | Overlay::Subject(_))
    );
    let columns = matches!(state.overlay, Some(Overlay::Columns(_)));
    if matches!(key, Key::Esc | Key::Ctrl('c')) || key == Key::Char('q') && !typing {
        state.overlay = None;
        // What was chosen is seen already, and stays.
        return if columns {
            views::remember(state)
        } else {
            Vec::new()
        };
    }
    match &state.overlay {
        Some(Overlay::Palette(_)) => palette::key(state, key, now),
        Some(Overlay::Menu(_)) => questions::menu_key(state, key, now),
        Some(Overlay::Sort(_)) => sorting::key(state, key, now),
        Some(Overlay::Columns(_)) => columns::key(state, key),
        Some(Overlay::Export(_)) => list_export::key(state, key),
        Some(Overlay::Subject(_)) => bulk::form_key(state, key, now),
        _ => navigate::overlay_key(state, key),
    }
}

fn login(state: &mut State, key: Key) -> Vec<Effect> {
    let fields = super::login::fields(&state.login);
    let login = &mut state.login;
    match key {
        Key::Ctrl('c') => return vec![Effect::Quit],
        Key::Char('q') if fields == 0 => return vec![Effect::Quit],
        Key::Char('@') if fields == 0 || login.username.text().is_empty() && login.focus == 0 => {
            state.overlay = Some(Overlay::Servers(state.context));
        }
        Key::Char('#')
            if login.step == LoginStep::Password && login.username.text().is_empty() && login.focus == 0 =>
        {
            login.step = LoginStep::Setup;
        }
        Key::Esc if login.step == LoginStep::SecondFactor => {
            login.step = LoginStep::Password;
        }
        Key::Ctrl('r') => {
            if state.login.step == LoginStep::Connecting {
                return super::login::submit(state);
            }
        }
        Key::Tab | Key::Down => login.focus = (login.focus + 1) % fields.max(1),
        Key::BackTab | Key::Up => login.focus = (login.focus + fields.max(1) - 1) % fields.max(1),
        // Enter goes through the form and sends it from the last field.
        Key::Enter if login.step == LoginStep::Password && login.focus == 0 => {
            state.login.focus = super::login::after_name(state);
        }
        // The password is the last field; keys below it are chosen, not gone through.
        Key::Enter if login.step != LoginStep::Password && login.focus + 1 < fields => login.focus += 1,
        Key::Enter => return super::login::submit(state),
        key => {
            if let Some(field) = super::login::field(login) {
                field.key(key);
            }
        }
    }
    Vec::new()
}

fn detail(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    let Page::System(id) = state.page else {
        return Vec::new();
    };
    match action {
        Action::Actions => return changes::open_menu(state, vec![id], None, now),
        Action::RunAction => return run_form::open(state, id, now),
        Action::EditTags | Action::EditNote => return annotations::open(state, action, now),
        Action::Hour => state.detail.range = Range::Hour,
        Action::Day => state.detail.range = Range::Day,
        Action::Week => state.detail.range = Range::Week,
        Action::Month => state.detail.range = Range::Month,
        Action::Copy => {
            let Some(detail) = state.details.get(&id) else {
                return Vec::new();
            };
            let text = detail.fingerprint.to_string();
            state.toast(crate::model::ToastKind::Done, "copied the fingerprint", now);
            return vec![Effect::Copy(text.into())];
        }
        _ => return Vec::new(),
    }
    fetch::history(state, now)
}
