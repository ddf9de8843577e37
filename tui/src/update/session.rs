//! Servers, logins and the live stream's connection.

use super::{call, fetch};
use crate::clock::Moment;
use crate::message::{Call, Effect, Failure};
use crate::model::{
    AccessView, AuditView, BackupsView, DetailView, Dirty, Fleet, GroupsView, JobsView, Link, List,
    ListScope, Login, LoginStep, NewSystemView, Outcome, Overlay, Page, Phase, ServerClock, SettingsView,
    State, TextField, Timers, ToastKind, TokenForm, TokenFront, TokensView, Views,
};
use scm_protocol::auth::{Session, SetupState};

/// Begins with the chosen server.
pub fn start(state: &mut State) -> Vec<Effect> {
    let (columns, rows) = state.size;
    super::resize(state, columns, rows);
    connect(state)
}

/// Leaves the present server for another.
pub(super) fn switch(state: &mut State, context: usize) -> Vec<Effect> {
    if context >= state.contexts.len() {
        return Vec::new();
    }
    state.context = context;
    state.session = None;
    state.login = Login::default();
    forget(state);
    connect(state)
}

/// Forgets everything that belongs to a server or a user.
fn forget(state: &mut State) {
    state.fleet = Fleet::default();
    state.systems = List::new(ListScope::All);
    state.pending = List::new(ListScope::Pending);
    state.views = Views::default();
    state.overview = None;
    state.details.clear();
    state.detail = DetailView::default();
    state.audit = AuditView::default();
    state.tokens = TokensView::default();
    state.groups = GroupsView::default();
    state.access = AccessView::default();
    state.jobs = JobsView::default();
    state.backups = BackupsView::default();
    state.commands = crate::model::CommandsView::default();
    state.upgrades = crate::model::UpgradesView::default();
    state.organization = SettingsView::default();
    state.new_system = NewSystemView::default();
    state.timers = Timers::default();
    state.wanted.clear();
    state.clock = ServerClock::default();
    state.shown_at = None;
    state.dialog = None;
    state.overlay = None;
    state.toasts.clear();
    state.paused = false;
    state.back.clear();
    let (columns, rows) = state.size;
    super::resize(state, columns, rows);
}

/// Reaches the server of the state anew.
pub(super) fn connect(state: &mut State) -> Vec<Effect> {
    state.generation += 1;
    state.late = 0;
    state.page = Page::Login;
    state.link = Link::Idle;
    state.login.step = LoginStep::Connecting;
    state.login.busy = true;
    state.login.error = None;
    state.mark(Dirty::Key);
    let Some(context) = state.server().cloned() else {
        return Vec::new();
    };
    vec![call(state, Call::Connect(Box::new(context)))]
}

/// The client is ready, or says why not.
pub(super) fn connected(state: &mut State, result: Result<bool, String>) -> Vec<Effect> {
    state.mark(Dirty::Key);
    match result {
        Ok(true) => vec![call(state, Call::Session)],
        Ok(false) => vec![call(state, Call::SetupState)],
        Err(error) => {
            state.login.busy = false;
            state.login.error = Some(error);
            Vec::new()
        }
    }
}

/// The server answers: which form to show.
pub(super) fn setup_state(
    state: &mut State,
    answer: Result<SetupState, Failure>,
    now: Moment,
) -> Vec<Effect> {
    state.mark(Dirty::Key);
    let mut effects = Vec::new();
    match answer {
        Ok(setup) => {
            state.link = Link::Idle;
            state.server_version = Some(crate::model::clean(&setup.version));
            state.login.busy = false;
            state.login.step = if setup.needed {
                LoginStep::Setup
            } else {
                LoginStep::Password
            };
            if state.settings.ssh_agent && !setup.needed {
                effects.push(call(state, Call::AgentKeys));
            }
            // What was typed before the connection was lost stays; the error of the connection does not.
            state.login.focus = state
                .login
                .focus
                .min(super::login::fields(&state.login).saturating_sub(1));
            if state.login.before.is_none() {
                state.login.error = None;
            }
        }
        Err(error) => wait(state, &error, now),
    }
    effects
}

/// The text field that takes what is pasted.
pub(super) fn typed_into(state: &mut State) -> Option<&mut TextField> {
    if state.dialog.as_ref().is_some_and(|dialog| !dialog.hidden) {
        return None;
    }
    if state.access_front().is_some() {
        let asked = state
            .access
            .question
            .as_mut()
            .filter(|question| question.phrase.is_some());
        let form = state.access.form.as_mut().filter(|form| form.waits_for.is_none());
        let field = form.and_then(|form| form.fields.get_mut(form.focus));
        let field = field
            .filter(|field| field.choices.is_none())
            .map(|field| &mut field.text);
        return asked.map(|question| &mut question.typed).or(field);
    }
    if let Some(front) = state.token_front() {
        let form = Some(&mut state.tokens.form);
        return form
            .filter(|form| front == TokenFront::Form && form.waits_for.is_none())
            .map(TokenForm::focused);
    }
    if state.audit_front().is_some() && state.overlay.is_none() {
        return super::audit::typed_into(state);
    }
    if super::run_form::is_open(state) && state.overlay.is_none() {
        return super::run_form::typed_into(state);
    }
    if super::rollout_form::is_open(state) && state.overlay.is_none() {
        return super::rollout_form::typed_into(state);
    }
    let State {
        overlay,
        page,
        login,
        systems,
        pending,
        organization,
        new_system,
        groups,
        detail,
        ..
    } = state;
    match (overlay, page) {
        (Some(Overlay::Palette(palette)), _) => Some(&mut palette.field),
        (Some(Overlay::Export(form)), _) => Some(&mut form.file),
        (Some(Overlay::Saved(menu)), _) => super::saved_filters::typed_into(menu),
        (Some(Overlay::Subject(form)), _) => Some(&mut form.field),
        (Some(Overlay::RunMany(form)), _) => form.focused(),
        (Some(_), _) => None,
        (None, Page::Login) => super::login::field(login),
        (None, Page::Systems) => Some(systems)
            .filter(|list| list.filtering)
            .map(|list| &mut list.filter),
        (None, Page::NewSystem) if new_system.recipe.is_none() && new_system.waits_for.is_none() => {
            Some(new_system.focused())
        }
        (None, Page::Groups) => groups.front.as_mut().and_then(super::groups::typed_into),
        (None, Page::System(_)) => detail
            .form
            .as_mut()
            .filter(|form| !form.waits)
            .map(|form| &mut form.field),
        (None, Page::Settings) => match &mut organization.signing {
            Some(front) => front.focused(),
            None => organization
                .form
                .as_mut()
                .filter(|form| form.waits_for.is_none())
                .map(|form| &mut form.field),
        },
        (None, Page::Pending) => Some(pending)
            .filter(|list| list.filtering)
            .map(|list| &mut list.filter),
        (None, _) => None,
    }
}

/// A session began: its page, and the live stream.
pub(super) fn enter(state: &mut State, session: Session) -> Vec<Effect> {
    let login = std::mem::take(&mut state.login);
    let same = login.before.as_ref().is_some_and(|before| {
        before.username == session.username && before.organization == session.organization
    });
    if !same {
        forget(state);
    }
    state.session = Some(session);
    state.page = login.resume.filter(|_| same).unwrap_or(Page::Dashboard);
    state.link = Link::Connecting { failures: 0 };
    let mut effects = vec![call(state, Call::Stream)];
    effects.extend(super::views::begin(state));
    effects.extend(fetch::page(state));
    effects
}

/// The session is no longer good: back to the login, with the page kept for afterwards.
pub(super) fn lost(state: &mut State, reason: &str) -> Vec<Effect> {
    let Some(session) = state.session.take() else {
        return Vec::new();
    };
    end_dialog(state);
    state.tokens.interrupted();
    state.access.interrupted();
    state.organization.interrupted();
    state.audit.interrupted();
    state.new_system.interrupted();
    state.jobs.interrupted();
    state.backups.interrupted();
    state.commands.interrupted();
    state.upgrades.interrupted();
    state.login = Login {
        username: TextField::new(&session.username),
        // The name is known: what is missing comes next.
        focus: 1,
        before: Some(session),
        resume: Some(state.page),
        error: Some(format!("the session ended: {reason}")),
        ..Login::default()
    };
    state.overlay = None;
    state.fleet.abandon();
    state.timers = Timers::default();
    let effects = connect(state);
    state.login.error = Some(format!("the session ended: {reason}"));
    effects
}

/// Answers of a running change will not come any more.
fn end_dialog(state: &mut State) {
    let Some(dialog) = &mut state.dialog else { return };
    if !matches!(dialog.phase, Phase::Running { .. }) {
        state.dialog = None;
        return;
    }
    for (_, outcome) in &mut dialog.targets {
        if *outcome == Outcome::Waiting {
            *outcome = Outcome::Failed("not known: the session ended".to_owned());
        }
    }
    dialog.phase = Phase::Finished;
    dialog.hidden = false;
}

/// Ends the session by the administrator's wish.
pub(super) fn logout(state: &mut State) -> Vec<Effect> {
    let mut effects = vec![call(state, Call::Logout)];
    state.session = None;
    forget(state);
    state.login = Login::default();
    // The client keeps the order, so the token is still there for the logout. The local token is not used again: whoever
    // logs out wants to be somebody else.
    state.generation += 1;
    state.late = 0;
    state.page = Page::Login;
    state.link = Link::Idle;
    state.login.busy = true;
    effects.push(call(state, Call::SetupState));
    effects
}

/// The live stream is open.
pub(super) fn stream_open(state: &mut State) {
    state.link = Link::Live;
    state.timers.countdown = None;
    state.mark(Dirty::Data);
}

/// Waits before the next attempt.
pub(super) fn wait(state: &mut State, failure: &Failure, now: Moment) {
    let failures = state.link.failures() + 1;
    let reason = failure.to_string();
    state.login.busy = false;
    if state.page == Page::Login {
        state.login.error = Some(reason.clone());
    }
    state.link = Link::Waiting {
        at: now.plus(Link::backoff_ms(failures)),
        failures,
        reason,
    };
    state.mark(Dirty::Data);
    plan_countdown(state, now);
}

/// The next second of "reconnecting 3 s".
pub(super) fn plan_countdown(state: &mut State, now: Moment) {
    if let Link::Waiting { at, .. } = state.link {
        let left = at.since(now);
        let next = if left % 1000 == 0 { 1000 } else { left % 1000 };
        state.timers.countdown = (left > 0).then(|| now.plus(next));
    }
}

/// Tries again when the time has come.
pub(super) fn reconnect(state: &mut State, now: Moment) -> Vec<Effect> {
    let Link::Waiting { at, failures, .. } = state.link else {
        return Vec::new();
    };
    if at > now {
        return Vec::new();
    }
    state.link = Link::Connecting { failures };
    state.mark(Dirty::Data);
    if state.session.is_some() {
        return vec![call(state, Call::Stream)];
    }
    let token = state.server().is_some_and(|context| context.token_file.is_some());
    state.login.busy = true;
    if token && state.login.step == LoginStep::Connecting {
        // A server that starts anew writes a new token: read it again.
        let Some(context) = state.server().cloned() else {
            return Vec::new();
        };
        vec![call(state, Call::Connect(Box::new(context)))]
    } else {
        vec![call(state, Call::SetupState)]
    }
}

/// A failure of any call: a lost session leads to the login, the rest is told.
pub(super) fn failed(state: &mut State, what: &str, failure: &Failure, now: Moment) -> Vec<Effect> {
    match failure {
        Failure::Unauthorized(reason) => lost(state, reason),
        // The header says so already, and everything is read again afterwards.
        Failure::Unreachable(_) if state.link != Link::Live => Vec::new(),
        other => {
            state.toast(ToastKind::Error, format!("{what}: {other}"), now);
            Vec::new()
        }
    }
}
