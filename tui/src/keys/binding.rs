//! What a line of the key table is made of.

use super::Key;

/// Everything that a key can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "each is described by its line in the table, which help and docs show"
)]
pub enum Action {
    GoDashboard,
    GoSystems,
    GoPending,
    GoAudit,
    GoTokens,
    GoGroups,
    GoJobs,
    GoBackups,
    GoCommands,
    GoUpgrades,
    GoSettings,
    GoNewSystem,
    Palette,
    Filter,
    Help,
    Servers,
    Log,
    Pause,
    Refetch,
    Repaint,
    Back,
    Quit,
    Cancel,
    Suspend,
    Undo,
    Logout,
    Down,
    Up,
    PageDown,
    PageUp,
    Top,
    Bottom,
    Open,
    Mark,
    Range,
    MarkAll,
    ClearMarks,
    MarkedOnly,
    Sort,
    Resort,
    Columns,
    SavedFilters,
    ExportList,
    Actions,
    Copy,
    Hour,
    Day,
    Week,
    Month,
    Approve,
    Reject,
    Deny,
    Revoke,
    Restore,
    Delete,
    Split,
    Swap,
    Dismiss,
    Tag,
    Untag,
    Join,
    Leave,
    RotateKey,
    Upgrade,
    NewToken,
    DisableToken,
    EnableToken,
    DeleteToken,
    NewGroup,
    OpenGroup,
    RenameGroup,
    SwitchRule,
    DeleteGroup,
    EditTags,
    EditNote,
    OpenJob,
    CancelJob,
    RetryJob,
    MarkFailed,
    MakeBackup,
    CheckBackup,
    DownloadBackup,
    OpenCommand,
    CancelCommand,
    RunAction,
    RunMany,
    NewRollout,
    OpenRollout,
    HaltRollout,
    ResumeRollout,
    AdvanceRollout,
    StopUpgrade,
    EditSetting,
    ResetSetting,
    RotateSigningKey,
    OpenEntry,
    SearchAudit,
    FollowAudit,
    ExportAudit,
    StopExport,
    GoAccess,
    OwnPassword,
    OwnSecondFactor,
    NextTab,
    PreviousTab,
    NewUser,
    UserRole,
    UserPassword,
    ResetSecondFactor,
    EndSessions,
    DeleteUser,
    EndSession,
    NewApiToken,
    RevokeApiToken,
    AddSshKey,
    RemoveSshKey,
    NewOrganization,
}

/// Where a binding holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// On every page, outside a text field.
    Global,
    /// In the lists of systems.
    List,
    /// On a system's own page.
    Detail,
    /// In the list of enrollment tokens.
    Tokens,
    /// In the list of groups.
    Groups,
    /// In the list of bulk jobs and on the page of one.
    Jobs,
    /// In the list of backups.
    Backups,
    /// In the list of commands and on the page of one.
    Commands,
    /// In the list of rollouts and upgrades.
    Upgrades,
    /// In the list of settings.
    Settings,
    /// In the audit.
    Audit,
    /// On the page of users and what belongs to them.
    Access,
    /// On its tab of users.
    Users,
    /// On its tab of sessions.
    Sessions,
    /// On its tab of API tokens.
    ApiTokens,
    /// On its tab of SSH keys.
    SshKeys,
    /// On its tab of organizations.
    Organizations,
    /// Wherever there is more than fits: detail, audit, help, log.
    Scroll,
    /// In the menu of actions, which `a` opens.
    Menu,
}

impl Scope {
    /// Every scope, in the order of the help page.
    pub const ALL: [Scope; 19] = [
        Self::Global,
        Self::List,
        Self::Detail,
        Self::Tokens,
        Self::Groups,
        Self::Jobs,
        Self::Backups,
        Self::Commands,
        Self::Upgrades,
        Self::Settings,
        Self::Audit,
        Self::Access,
        Self::Users,
        Self::Sessions,
        Self::ApiTokens,
        Self::SshKeys,
        Self::Organizations,
        Self::Scroll,
        Self::Menu,
    ];

    /// The heading on the help page.
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "everywhere",
            Self::List => "lists of systems",
            Self::Detail => "a system's page",
            Self::Tokens => "enrollment tokens",
            Self::Groups => "groups",
            Self::Jobs => "bulk jobs",
            Self::Backups => "backups",
            Self::Commands => "commands",
            Self::Upgrades => "upgrades",
            Self::Settings => "settings",
            Self::Audit => "audit",
            Self::Access => "access",
            Self::Users => "users",
            Self::Sessions => "sessions",
            Self::ApiTokens => "API tokens",
            Self::SshKeys => "SSH keys",
            Self::Organizations => "organizations",
            Self::Scroll => "long pages",
            Self::Menu => "menu of actions",
        }
    }
}

/// How much an action can hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Changes nothing on the server.
    None,
    /// Reversible: done at once for a single system, with the reverse action on offer.
    Reversible,
    /// Affects a service: asks first.
    Affects,
    /// Destructive: the name or the number is typed.
    Destructive,
}

impl Danger {
    /// The word on the help page.
    pub fn word(self) -> &'static str {
        match self {
            Danger::None => "",
            Danger::Reversible => "reversible",
            Danger::Affects => "asks first",
            Danger::Destructive => "destructive, typed",
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// What is done.
    pub action: Action,
    /// The keys, first the one that is shown.
    pub keys: &'static [Key],
    /// Where.
    pub scope: Scope,
    /// How much it can hurt.
    pub danger: Danger,
    /// The route that it calls, which decides the roles: see `scm_protocol::access`.
    pub route: Option<&'static str>,
    /// Its name on the last line and in the palette.
    pub name: &'static str,
    /// What it does, for help and docs.
    pub text: &'static str,
}

/// A line that changes nothing at the server.
pub(super) const fn plain(
    action: Action,
    keys: &'static [Key],
    scope: Scope,
    name: &'static str,
    text: &'static str,
) -> Binding {
    Binding {
        action,
        keys,
        scope,
        danger: Danger::None,
        route: None,
        name,
        text,
    }
}

/// A line of the menu that changes something.
pub(super) const fn change(
    action: Action,
    keys: &'static [Key],
    danger: Danger,
    route: &'static str,
    name: &'static str,
    text: &'static str,
) -> Binding {
    Binding {
        action,
        keys,
        scope: Scope::Menu,
        danger,
        route: Some(route),
        name,
        text,
    }
}
