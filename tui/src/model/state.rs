//! Everything at once.

use super::access::{AccessFront, AccessView};
use super::audit::{AuditFront, AuditView};
use super::backups::BackupsView;
use super::commands::CommandsView;
use super::detail::DetailView;
use super::dialog::Dialog;
use super::fleet::Fleet;
use super::groups::{GroupFront, GroupsView};
use super::jobs::JobsView;
use super::link::{Link, ServerClock};
use super::list::{List, ListScope};
use super::login::Login;
use super::new_system::NewSystemView;
use super::overlay::Overlay;
use super::settings::SettingsView;
use super::timers::Timers;
use super::toast::{Toast, ToastKind};
use super::tokens::{TokenFront, TokensView};
use super::upgrades::UpgradesView;
use super::views::Views;
use crate::clock::Moment;
use crate::config::Context;
use crate::keys::Action;
use scm_protocol::access::{self, Audience};
use scm_protocol::auth::{CredentialKind, Session};
use scm_protocol::events::Overview;
use scm_protocol::ids::{CommandId, JobId, SystemId, UnixMillis};
use scm_protocol::systems::SystemDetail;
use std::collections::{BTreeSet, HashMap};

/// How the screen is painted; does not change while the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// ASCII characters only.
    pub ascii: bool,
    /// No colours (`NO_COLOR`).
    pub mono: bool,
    /// No borders, no animation (`ACCESSIBLE=1`).
    pub accessible: bool,
    /// There is an SSH agent here (`SSH_AUTH_SOCK`).
    pub ssh_agent: bool,
}

/// A room of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Login or first-run setup.
    Login,
    /// What needs the administrator.
    Dashboard,
    /// The list.
    Systems,
    /// One system.
    System(SystemId),
    /// Systems that wait for approval.
    Pending,
    /// The audit log.
    Audit,
    /// Enrollment tokens.
    Tokens,
    /// Groups and their rules.
    Groups,
    /// Bulk jobs.
    Jobs,
    /// One bulk job.
    Job(JobId),
    /// Backups of the server.
    Backups,
    /// Commands.
    Commands,
    /// One command.
    Command(CommandId),
    /// Packages, rollouts and upgrades.
    Upgrades,
    /// The organization's settings.
    Settings,
    /// What a new machine needs.
    NewSystem,
    /// Users, sessions, API tokens, SSH keys, organizations.
    Access,
}

/// How urgently the screen wants to be drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dirty {
    /// It shows what is.
    #[default]
    Clean,
    /// Data changed: at most twice a second.
    Data,
    /// A key was pressed: at once.
    Key,
}

/// What the console knows.
#[derive(Debug)]
#[expect(missing_docs, reason = "the types say it; comments stand where they do not")]
pub struct State {
    pub settings: Settings,
    /// Columns and rows.
    pub size: (u16, u16),
    pub contexts: Vec<Context>,
    /// The server in use.
    pub context: usize,
    /// Rises with every change of server or session; answers of an older one are dropped.
    pub generation: u64,
    pub session: Option<Session>,
    pub link: Link,
    /// Questions that wait longer than usual for their answer.
    pub late: usize,
    pub clock: ServerClock,
    /// The server's time that ages are shown for: moves with data only, so that an idle screen stays as it is.
    pub shown_at: Option<UnixMillis>,
    pub server_version: Option<String>,
    pub page: Page,
    /// Pages behind, the last one first to come back.
    pub back: Vec<Page>,
    pub overlay: Option<Overlay>,
    pub dialog: Option<Dialog>,
    pub login: Login,
    pub overview: Option<Overview>,
    pub fleet: Fleet,
    pub systems: List,
    pub pending: List,
    /// How they are looked at.
    pub views: Views,
    /// Details of systems that were looked at.
    pub details: HashMap<SystemId, SystemDetail>,
    pub detail: DetailView,
    pub audit: AuditView,
    pub tokens: TokensView,
    pub groups: GroupsView,
    pub jobs: JobsView,
    pub backups: BackupsView,
    pub commands: CommandsView,
    pub upgrades: UpgradesView,
    /// The organization's settings.
    pub organization: SettingsView,
    pub new_system: NewSystemView,
    pub access: AccessView,
    pub toasts: Vec<Toast>,
    /// Changes of the server are held back.
    pub paused: bool,
    pub dirty: Dirty,
    pub timers: Timers,
    /// When rows were last fetched.
    pub rows_fetched: Moment,
    /// Systems to fetch whether they are visible or not: they appeared, went or changed their status.
    pub wanted: BTreeSet<SystemId>,
    /// Number of the last dialog or form.
    pub tickets: u64,
    /// Random text of this run, from outside: makes its `Idempotency-Key`s its own.
    pub nonce: String,
}

impl State {
    /// The state before anything is known.
    pub fn new(settings: Settings, size: (u16, u16), contexts: Vec<Context>, context: usize) -> Self {
        State {
            settings,
            size,
            contexts,
            context,
            generation: 0,
            session: None,
            link: Link::Idle,
            late: 0,
            clock: ServerClock::default(),
            shown_at: None,
            server_version: None,
            page: Page::Login,
            back: Vec::new(),
            overlay: None,
            dialog: None,
            login: Login::default(),
            overview: None,
            fleet: Fleet::default(),
            systems: List::new(ListScope::All),
            pending: List::new(ListScope::Pending),
            views: Views::default(),
            details: HashMap::new(),
            detail: DetailView::default(),
            audit: AuditView::default(),
            tokens: TokensView::default(),
            groups: GroupsView::default(),
            jobs: JobsView::default(),
            backups: BackupsView::default(),
            commands: CommandsView::default(),
            upgrades: UpgradesView::default(),
            organization: SettingsView::default(),
            new_system: NewSystemView::default(),
            access: AccessView::default(),
            toasts: Vec::new(),
            paused: false,
            dirty: Dirty::Key,
            timers: Timers::default(),
            rows_fetched: Moment::default(),
            wanted: BTreeSet::new(),
            tickets: 0,
            nonce: String::new(),
        }
    }

    /// The server in use.
    pub fn server(&self) -> Option<&Context> {
        self.contexts.get(self.context)
    }

    /// Its name: the context's, or where the context is only an address, what it calls itself.
    pub fn server_name(&self) -> String {
        let Some(context) = self.server() else {
            return "-".to_owned();
        };
        let own = self
            .overview
            .as_ref()
            .map(|overview| super::row::clean(&overview.server_name));
        match own {
            Some(own) if context.url.ends_with(&context.name) && !own.is_empty() => own,
            _ => context.name.clone(),
        }
    }

    /// The list of the page.
    pub fn list(&self) -> Option<&List> {
        match self.page {
            Page::Systems => Some(&self.systems),
            Page::Pending => Some(&self.pending),
            _ => None,
        }
    }

    /// The list of the page.
    pub fn list_mut(&mut self) -> Option<&mut List> {
        match self.page {
            Page::Systems => Some(&mut self.systems),
            Page::Pending => Some(&mut self.pending),
            _ => None,
        }
    }

    /// The system that the page shows details of.
    pub fn shown_system(&self) -> Option<SystemId> {
        match self.page {
            Page::System(id) => Some(id),
            Page::Pending => self.pending.cursor(),
            _ => None,
        }
    }

    /// Why a route cannot be called now; none when it can.
    pub fn obstacle(&self, route: &str) -> Option<String> {
        let changes = access::by_name(route).is_some_and(|route| route.method != "GET");
        if changes && self.server().is_some_and(|context| context.read_only) {
            return Some("read-only mode".to_owned());
        }
        let session = self.session.as_ref()?;
        let role = session.role;
        if access::allows(role, route) {
            return None;
        }
        if access::by_name(route).is_some_and(|route| route.audience == Audience::LocalAdmin) {
            let local = session.credential == CredentialKind::LocalAdmin;
            return (!local).then(|| "needs the local administrator".to_owned());
        }
        // The least powerful of the roles that may.
        let needed = scm_protocol::auth::Role::ALL
            .into_iter()
            .rev()
            .find(|role| access::allows(*role, route));
        Some(needed.map_or_else(
            || "not served".to_owned(),
            |role| format!("needs {}", role.as_str()),
        ))
    }

    /// Why an action cannot be done by this user; none when it can.
    pub fn action_obstacle(&self, action: Action) -> Option<String> {
        crate::keys::binding(action)
            .and_then(|binding| binding.route)
            .and_then(|route| self.obstacle(route))
    }

    /// Asks for a frame.
    pub fn mark(&mut self, dirty: Dirty) {
        self.dirty = self.dirty.max(dirty);
    }

    /// Shows a message.
    pub fn toast(&mut self, kind: ToastKind, text: impl Into<String>, now: Moment) {
        self.push_toast(Toast::new(kind, text, now));
    }

    /// Shows a message; only the last three are kept.
    pub fn push_toast(&mut self, toast: Toast) {
        self.toasts.retain(|other| other.text != toast.text);
        self.toasts.push(toast);
        let extra = self.toasts.len().saturating_sub(3);
        self.toasts.drain(..extra);
        self.mark(Dirty::Key);
    }

    /// A frame was drawn at `now`: questions on it start their clock, and cursors on it are what actions may hit.
    pub fn drawn(&mut self, now: Moment) {
        self.dirty = Dirty::Clean;
        if let Some(Dialog {
            phase: super::dialog::Phase::Asking { shown_at, .. },
            hidden: false,
            ..
        }) = &mut self.dialog
        {
            shown_at.get_or_insert(now);
        }
        let page = self.page;
        for (list, shown) in [
            (&mut self.systems, page == Page::Systems),
            (&mut self.pending, page == Page::Pending),
        ] {
            list.drawn = if shown { list.cursor() } else { None };
        }
        self.organization.drawn = self
            .organization
            .cursor()
            .filter(|_| page == Page::Settings)
            .map(str::to_owned);
        if let Some(front) = self
            .organization
            .signing
            .as_mut()
            .filter(|_| page == Page::Settings)
        {
            front.drawn(now);
        }
        self.groups_drawn(now);
        self.saved_drawn(now);
        self.access.drawn(page == Page::Access);
        if page != Page::Login
            && let Some(question) = &mut self.access.question
        {
            question.shown_at.get_or_insert(now);
        }
        self.jobs.list.was_drawn(page == Page::Jobs);
        if let Some(question) = &mut self.jobs.question
            && matches!(page, Page::Jobs | Page::Job(_))
        {
            question.shown_at.get_or_insert(now);
        }
        self.backups.was_drawn(page == Page::Backups, now);
        self.commands_drawn(now);
        self.upgrades.was_drawn(page == Page::Upgrades, now);
        self.tokens_drawn(now);
    }

    fn commands_drawn(&mut self, now: Moment) {
        let page = self.page;
        let commands = &mut self.commands;
        commands.list.was_drawn(page == Page::Commands);
        if let Some(question) = &mut commands.question
            && matches!(page, Page::Commands | Page::Command(_))
        {
            question.shown_at.get_or_insert(now);
        }
        if let Some(form) = &mut commands.form
            && page == Page::System(form.system)
            && let Some(filling) = &mut form.filling
            && let Some(confirm) = &mut filling.confirm
        {
            confirm.shown_at.get_or_insert(now);
        }
    }

    fn saved_drawn(&mut self, now: Moment) {
        if let Some(Overlay::Saved(menu)) = &mut self.overlay
            && let super::saved_filters::SavedMode::Deleting(question) = &mut menu.mode
        {
            question.shown_at.get_or_insert(now);
        }
    }

    fn groups_drawn(&mut self, now: Moment) {
        let here = self.page == Page::Groups;
        let groups = &mut self.groups;
        groups.drawn = groups.cursor().filter(|_| here);
        let shown_at = match &mut groups.front {
            Some(GroupFront::Question(question)) => &mut question.shown_at,
            Some(GroupFront::Rule(editor)) => match &mut editor.mode {
                super::rule_editor::EditorMode::Confirming { shown_at, .. } => shown_at,
                _ => return,
            },
            _ => return,
        };
        if here {
            shown_at.get_or_insert(now);
        }
    }

    fn tokens_drawn(&mut self, now: Moment) {
        let page = self.page;
        let tokens = &mut self.tokens;
        tokens.drawn = tokens.cursor().filter(|_| page == Page::Tokens);
        if page == Page::Login {
            return;
        }
        match (&mut tokens.created, &mut tokens.question) {
            (Some(created), _) => drop(created.shown_at.get_or_insert(now)),
            (None, Some(question)) => drop(question.shown_at.get_or_insert(now)),
            (None, None) => {}
        }
    }

    /// What of the audit takes the keys, on its page.
    pub fn audit_front(&self) -> Option<AuditFront> {
        self.audit.front().filter(|_| self.page == Page::Audit)
    }

    /// What about access takes the keys, on every page but the login.
    pub fn access_front(&self) -> Option<AccessFront> {
        if self.page == Page::Login {
            None
        } else if self.access.question.is_some() {
            Some(AccessFront::Question)
        } else {
            self.access.form.is_some().then_some(AccessFront::Form)
        }
    }

    /// What of the enrollment tokens takes the keys: a secret on every page, the rest on its own.
    pub fn token_front(&self) -> Option<TokenFront> {
        let here = self.page == Page::Tokens;
        if self.page == Page::Login {
            None
        } else if self.tokens.created.is_some() {
            Some(TokenFront::Secret)
        } else if self.tokens.question.is_some() && here {
            Some(TokenFront::Question)
        } else {
            (self.tokens.form.open && here).then_some(TokenFront::Form)
        }
    }
}
