//! The one key table.

use super::Key;
use super::access;
use super::binding::{Action, Binding, Scope, plain};
use super::changes;
use super::lists;
use super::rooms;
use std::sync::LazyLock;

use Key::{Char, Ctrl};
use Scope::{Detail, Global, List, Scroll};

/// Every key of the console outside text fields and dialogs.
pub static BINDINGS: LazyLock<Vec<Binding>> = LazyLock::new(|| {
    [
        EVERYWHERE,
        lists::VIEWS,
        changes::SYSTEMS,
        rooms::TOKENS,
        rooms::GROUPS,
        rooms::JOBS,
        rooms::BACKUPS,
        rooms::COMMANDS,
        rooms::UPGRADES,
        rooms::SETTINGS,
        rooms::AUDIT,
        access::OWN,
        access::TABS,
        access::LINES,
    ]
    .concat()
});

/// What is not a room's own.
const EVERYWHERE: &[Binding] = &[
    plain(
        Action::GoDashboard,
        &[Char('1')],
        Global,
        "dashboard",
        "dashboard: what needs you",
    ),
    plain(
        Action::GoSystems,
        &[Char('2')],
        Global,
        "systems",
        "list of systems",
    ),
    plain(
        Action::GoPending,
        &[Char('3')],
        Global,
        "pending",
        "pending systems and their approval card",
    ),
    Binding {
        route: Some("audit.list"),
        ..plain(Action::GoAudit, &[Char('4')], Global, "audit", "audit log")
    },
    Binding {
        route: Some("enrollment.tokens.list"),
        ..plain(
            Action::GoTokens,
            &[Char('5')],
            Global,
            "tokens",
            "enrollment tokens: what lets machines in without approval",
        )
    },
    Binding {
        route: Some("jobs.list"),
        ..plain(
            Action::GoJobs,
            &[Char('7')],
            Global,
            "jobs",
            "bulk jobs: what is done to many systems at once",
        )
    },
    Binding {
        route: Some("commands.list"),
        ..plain(
            Action::GoCommands,
            &[],
            Global,
            "commands",
            "commands: what systems ran, and what came of it (from the palette)",
        )
    },
    plain(
        Action::GoGroups,
        &[Char('6')],
        Global,
        "groups",
        "groups: manual ones, and automatic ones with their rules",
    ),
    plain(
        Action::GoAccess,
        &[Char('8')],
        Global,
        "access",
        "users, sessions, API tokens, SSH keys, organizations",
    ),
    plain(
        Action::GoSettings,
        &[Char('9')],
        Global,
        "settings",
        "settings of the organization",
    ),
    Binding {
        route: Some("upgrades.list"),
        ..plain(
            Action::GoUpgrades,
            &[],
            Global,
            "upgrades",
            "packages, rollouts and upgrades of agents (from the palette)",
        )
    },
    Binding {
        route: Some("backups.list"),
        ..plain(
            Action::GoBackups,
            &[],
            Global,
            "backups",
            "backups of the server (from the palette)",
        )
    },
    Binding {
        route: Some("enrollment.bootstrap"),
        ..plain(
            Action::GoNewSystem,
            &[Char('N')],
            Global,
            "new system",
            "what a new machine needs: a line to paste, or a configuration",
        )
    },
    plain(
        Action::Palette,
        &[Char(':')],
        Global,
        "palette",
        "go to a page, action, system or server by name",
    ),
    plain(Action::Help, &[Char('?')], Global, "help", "this help"),
    plain(
        Action::Servers,
        &[Char('@')],
        Global,
        "servers",
        "choose the server",
    ),
    plain(
        Action::Log,
        &[],
        Global,
        "log",
        "the console's own log (from the palette)",
    ),
    plain(
        Action::Logout,
        &[],
        Global,
        "logout",
        "end the session (from the palette)",
    ),
    plain(
        Action::Pause,
        &[Char('p')],
        Global,
        "pause",
        "hold the picture still, and go on",
    ),
    plain(
        Action::Undo,
        &[Char('u')],
        Global,
        "undo",
        "take back what the last message offers to take back",
    ),
    plain(
        Action::Refetch,
        &[Ctrl('r')],
        Global,
        "refetch",
        "read everything shown from the server again",
    ),
    plain(
        Action::Repaint,
        &[Ctrl('l')],
        Global,
        "repaint",
        "paint the whole screen again",
    ),
    plain(
        Action::Back,
        &[Key::Esc],
        Global,
        "back",
        "back; closes what is open, never loses typed text",
    ),
    plain(
        Action::Quit,
        &[Char('q')],
        Global,
        "quit",
        "back, or quit where there is nothing behind",
    ),
    plain(
        Action::Cancel,
        &[Ctrl('c')],
        Global,
        "cancel",
        "cancel what is open, or quit",
    ),
    plain(
        Action::Suspend,
        &[Ctrl('z')],
        Global,
        "suspend",
        "suspend to the shell; `fg` returns",
    ),
    plain(Action::Down, &[Char('j'), Key::Down], List, "down", "next system"),
    plain(Action::Up, &[Char('k'), Key::Up], List, "up", "previous system"),
    plain(
        Action::PageDown,
        &[Key::PageDown, Ctrl('d')],
        List,
        "page down",
        "a page down",
    ),
    plain(
        Action::PageUp,
        &[Key::PageUp, Ctrl('u')],
        List,
        "page up",
        "a page up",
    ),
    plain(Action::Top, &[Char('g'), Key::Home], List, "top", "first system"),
    plain(
        Action::Bottom,
        &[Char('G'), Key::End],
        List,
        "bottom",
        "last system",
    ),
    plain(Action::Open, &[Key::Enter], List, "open", "the system's own page"),
    plain(
        Action::Actions,
        &[Char('a')],
        List,
        "actions",
        "actions on the marked systems, or on the one under the cursor",
    ),
    plain(
        Action::Filter,
        &[Char('/')],
        List,
        "filter",
        "show only systems that match (docs/rules.md): Tab offers, Ctrl-P recalls, Ctrl-U empties",
    ),
    plain(
        Action::Mark,
        &[Char(' ')],
        List,
        "mark",
        "mark or unmark, and go on",
    ),
    plain(
        Action::Range,
        &[Char('v')],
        List,
        "range",
        "begin a range here; again: mark it",
    ),
    plain(
        Action::MarkAll,
        &[Char('*')],
        List,
        "mark all",
        "select all that match the filter, as the server finds them",
    ),
    plain(
        Action::ClearMarks,
        &[Char('-')],
        List,
        "clear marks",
        "unmark all",
    ),
    plain(
        Action::MarkedOnly,
        &[Char('M')],
        List,
        "marked only",
        "show marked systems only, and all again",
    ),
    plain(
        Action::Sort,
        &[Char('s')],
        List,
        "sort",
        "sort by any field: Enter takes one, r turns it round",
    ),
    plain(
        Action::Resort,
        &[Char('.')],
        List,
        "re-sort",
        "put rows in order now, new ones included",
    ),
    plain(Action::Copy, &[Char('y')], List, "copy", "copy the host names"),
    plain(
        Action::Actions,
        &[Char('a')],
        Detail,
        "actions",
        "actions on this system",
    ),
    plain(Action::Hour, &[Char('h')], Detail, "1 h", "charts over one hour"),
    plain(Action::Day, &[Char('d')], Detail, "24 h", "charts over a day"),
    plain(Action::Week, &[Char('w')], Detail, "7 d", "charts over a week"),
    plain(Action::Month, &[Char('m')], Detail, "30 d", "charts over 30 days"),
    Binding {
        route: Some("annotations.tags.change"),
        ..plain(
            Action::EditTags,
            &[Char('t')],
            Detail,
            "tags",
            "change the tags of this system",
        )
    },
    Binding {
        route: Some("annotations.note.change"),
        ..plain(
            Action::EditNote,
            &[Char('n')],
            Detail,
            "note",
            "change the note on this system",
        )
    },
    plain(Action::Copy, &[Char('y')], Detail, "copy", "copy the fingerprint"),
    plain(
        Action::Down,
        &[Char('j'), Key::Down],
        Scroll,
        "down",
        "a line down",
    ),
    plain(Action::Up, &[Char('k'), Key::Up], Scroll, "up", "a line up"),
    plain(
        Action::PageDown,
        &[Key::PageDown, Char(' '), Ctrl('d')],
        Scroll,
        "page down",
        "a page down",
    ),
    plain(
        Action::PageUp,
        &[Key::PageUp, Ctrl('u')],
        Scroll,
        "page up",
        "a page up",
    ),
    plain(
        Action::Top,
        &[Char('g'), Key::Home],
        Scroll,
        "top",
        "to the beginning",
    ),
    plain(
        Action::Bottom,
        &[Char('G'), Key::End],
        Scroll,
        "bottom",
        "to the end",
    ),
];

/// What `key` does in `scopes`, the first of which wins.
pub fn lookup(key: Key, scopes: &[Scope]) -> Option<&'static Binding> {
    scopes.iter().find_map(|scope| {
        BINDINGS
            .iter()
            .find(|binding| binding.scope == *scope && binding.keys.contains(&key))
    })
}

/// The first line of an action.
pub fn binding(action: Action) -> Option<&'static Binding> {
    BINDINGS.iter().find(|binding| binding.action == action)
}
