//! The part of the key table that belongs to single rooms: one list for each.

use super::Key;
use super::binding::{Action, Binding, Danger, Scope, change, plain};

use Key::Char;
use Scope::{Audit, Backups, Commands, Detail, Groups, Jobs, Settings, Tokens, Upgrades};

/// Enrollment tokens.
pub(super) const TOKENS: &[Binding] = &[
    Binding {
        scope: Tokens,
        ..change(
            Action::NewToken,
            &[Char('n')],
            Danger::None,
            "enrollment.tokens.create",
            "new token",
            "the form of a new enrollment token, with what was typed before",
        )
    },
    Binding {
        scope: Tokens,
        ..change(
            Action::DisableToken,
            &[Char('d')],
            Danger::Reversible,
            "enrollment.tokens.disable",
            "disable",
            "let nobody in by this token; systems that it let in stay",
        )
    },
    Binding {
        scope: Tokens,
        ..change(
            Action::EnableToken,
            &[Char('e')],
            Danger::Reversible,
            "enrollment.tokens.enable",
            "enable",
            "let systems in by this token again",
        )
    },
    Binding {
        scope: Tokens,
        ..change(
            Action::DeleteToken,
            &[Char('x')],
            Danger::Destructive,
            "enrollment.tokens.delete",
            "delete token",
            "remove this token for good; systems that it let in stay",
        )
    },
];

/// Groups.
pub(super) const GROUPS: &[Binding] = &[
    plain(
        Action::OpenGroup,
        &[Key::Enter],
        Groups,
        "open",
        "the two lists of a manual group, or the rule of an automatic one",
    ),
    Binding {
        scope: Groups,
        ..change(
            Action::NewGroup,
            &[Char('n')],
            Danger::None,
            "groups.create",
            "new group",
            "the form of a new group; its kind is chosen once",
        )
    },
    Binding {
        scope: Groups,
        ..change(
            Action::RenameGroup,
            &[Char('e')],
            Danger::Reversible,
            "groups.change",
            "rename",
            "change a group's name and description",
        )
    },
    Binding {
        scope: Groups,
        ..change(
            Action::SwitchRule,
            &[Char('d')],
            Danger::Reversible,
            "rules.disable",
            "rule on/off",
            "turn the rule of an automatic group off, which empties it, or on again",
        )
    },
    Binding {
        scope: Groups,
        ..change(
            Action::DeleteGroup,
            &[Char('x')],
            Danger::Destructive,
            "groups.delete",
            "delete group",
            "remove a group and its rule; its systems stay",
        )
    },
];

/// Bulk jobs.
pub(super) const JOBS: &[Binding] = &[
    plain(
        Action::OpenJob,
        &[Key::Enter],
        Jobs,
        "open",
        "the job's own page: what came of each system; there, its command",
    ),
    Binding {
        scope: Jobs,
        ..change(
            Action::CancelJob,
            &[Char('x')],
            Danger::Affects,
            "jobs.cancel",
            "cancel",
            "leave what the job has not done yet; what is done stays",
        )
    },
    Binding {
        scope: Jobs,
        ..change(
            Action::RetryJob,
            &[Char('r')],
            Danger::Affects,
            "jobs.retry",
            "retry failed",
            "try the failed systems again, in a job of their own",
        )
    },
    plain(
        Action::MarkFailed,
        &[Char('m')],
        Jobs,
        "mark failed",
        "mark the failed systems in the lists",
    ),
];

/// Backups of the server.
pub(super) const BACKUPS: &[Binding] = &[
    Binding {
        scope: Backups,
        ..change(
            Action::MakeBackup,
            &[Char('n')],
            Danger::Affects,
            "backups.create",
            "make one",
            "make a backup now; those that are too many are deleted then",
        )
    },
    Binding {
        route: Some("backups.check"),
        ..plain(
            Action::CheckBackup,
            &[Char('c')],
            Backups,
            "check",
            "check the backup as a restore would, without restoring it",
        )
    },
    Binding {
        route: Some("backups.download"),
        ..plain(
            Action::DownloadBackup,
            &[Char('d')],
            Backups,
            "download",
            "write the backup to a file of its name, here",
        )
    },
];

/// Commands, and what begins one on a system's page.
pub(super) const COMMANDS: &[Binding] = &[
    plain(
        Action::OpenCommand,
        &[Key::Enter],
        Commands,
        "open",
        "the command's own page: what it writes, as it comes",
    ),
    Binding {
        scope: Commands,
        ..change(
            Action::CancelCommand,
            &[Char('x')],
            Danger::Affects,
            "commands.cancel",
            "stop",
            "do not run the command, or end its program with all that it started",
        )
    },
    Binding {
        scope: Detail,
        ..change(
            Action::RunAction,
            &[Char('r')],
            Danger::Affects,
            "commands.create",
            "run",
            "run an action that this system's own configuration allows",
        )
    },
];

/// Rollouts and upgrades.
pub(super) const UPGRADES: &[Binding] = &[
    plain(
        Action::OpenRollout,
        &[Key::Enter],
        Upgrades,
        "only these",
        "show the upgrades of this rollout alone, and all of them again",
    ),
    Binding {
        scope: Upgrades,
        ..change(
            Action::NewRollout,
            &[Char('n')],
            Danger::None,
            "rollouts.create",
            "new rollout",
            "the form of a new rollout: which systems, which version, which stages",
        )
    },
    Binding {
        scope: Upgrades,
        ..change(
            Action::AdvanceRollout,
            &[Char('a')],
            Danger::Affects,
            "rollouts.advance",
            "next stage",
            "begin the next stage of a rollout that waits for it",
        )
    },
    Binding {
        scope: Upgrades,
        ..change(
            Action::HaltRollout,
            &[Char('h')],
            Danger::Affects,
            "rollouts.halt",
            "halt",
            "queue nothing more of a rollout, and take back what no system has fetched",
        )
    },
    Binding {
        scope: Upgrades,
        ..change(
            Action::ResumeRollout,
            &[Char('r')],
            Danger::Affects,
            "rollouts.resume",
            "resume",
            "go on with a halted rollout; its failures until now count no more",
        )
    },
    Binding {
        scope: Upgrades,
        ..change(
            Action::StopUpgrade,
            &[Char('x')],
            Danger::Affects,
            "rollouts.abort",
            "stop",
            "give a rollout up, or stop an upgrade",
        )
    },
];

/// Settings of the organization.
pub(super) const SETTINGS: &[Binding] = &[
    Binding {
        scope: Settings,
        ..change(
            Action::EditSetting,
            &[Key::Enter, Char('e')],
            Danger::Reversible,
            "settings.change",
            "change",
            "change the setting under the cursor, in a form with its bounds",
        )
    },
    Binding {
        scope: Settings,
        ..change(
            Action::ResetSetting,
            &[Char('d')],
            Danger::Reversible,
            "settings.reset",
            "default",
            "put the setting under the cursor back to its default",
        )
    },
    Binding {
        scope: Settings,
        ..change(
            Action::RotateSigningKey,
            &[Char('K')],
            Danger::Destructive,
            "organizations.rotate_signing_key",
            "signing key",
            "look at the key that signs for the organization, and replace it",
        )
    },
];

/// The audit.
pub(super) const AUDIT: &[Binding] = &[
    plain(
        Action::OpenEntry,
        &[Key::Enter],
        Audit,
        "open",
        "the entry whole: before, after, its hash and the one before it",
    ),
    plain(
        Action::SearchAudit,
        &[Char('/')],
        Audit,
        "search",
        "search by who, what, on what, outcome, text and time",
    ),
    plain(
        Action::FollowAudit,
        &[Char('f')],
        Audit,
        "follow",
        "stay at the newest entry as they come, and not any more",
    ),
    Binding {
        route: Some("audit.export"),
        ..plain(
            Action::ExportAudit,
            &[Char('e')],
            Audit,
            "export",
            "write what is searched for into a file, as JSON lines or CSV",
        )
    },
    plain(
        Action::StopExport,
        &[Char('x')],
        Audit,
        "stop export",
        "stop the export under way and remove its file",
    ),
];
