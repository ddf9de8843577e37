//! The part of the key table that belongs to users, sessions, API tokens, SSH keys and organizations, and to one's own
//! account.

use super::Key;
use super::binding::{Action, Binding, Danger, Scope, change, plain};

use Key::Char;

/// A line of a tab.
const fn line(
    scope: Scope,
    action: Action,
    key: &'static [Key],
    danger: Danger,
    route: &'static str,
    (name, text): (&'static str, &'static str),
) -> Binding {
    Binding {
        scope,
        ..change(action, key, danger, route, name, text)
    }
}

/// Every tab.
pub(super) const TABS: &[Binding] = &[
    plain(
        Action::NextTab,
        &[Key::Tab, Key::Right],
        Scope::Access,
        "next tab",
        "users, sessions, API tokens, SSH keys, organizations",
    ),
    plain(
        Action::PreviousTab,
        &[Key::BackTab, Key::Left],
        Scope::Access,
        "previous tab",
        "the tab before",
    ),
];

/// The lines of each tab.
pub(super) const LINES: &[Binding] = &[
    line(
        Scope::Users,
        Action::NewUser,
        &[Char('n')],
        Danger::None,
        "users.create",
        ("new", "create a user, with a password, an SSH key, or both"),
    ),
    line(
        Scope::Users,
        Action::UserRole,
        &[Char('r')],
        Danger::Affects,
        "users.set_role",
        ("role", "change this user's role; ends their sessions"),
    ),
    line(
        Scope::Users,
        Action::UserPassword,
        &[Char('w')],
        Danger::Affects,
        "users.set_password",
        (
            "password",
            "set or take away this user's password; ends their sessions",
        ),
    ),
    line(
        Scope::Users,
        Action::ResetSecondFactor,
        &[Char('m')],
        Danger::Affects,
        "users.reset_second_factor",
        (
            "reset 2nd factor",
            "remove this user's second factor; ends their sessions",
        ),
    ),
    line(
        Scope::Users,
        Action::EndSessions,
        &[Char('o')],
        Danger::Affects,
        "users.end_sessions",
        ("log out", "end every session of this user"),
    ),
    line(
        Scope::Users,
        Action::DeleteUser,
        &[Char('x')],
        Danger::Destructive,
        "users.delete",
        (
            "delete",
            "delete this user with their sessions, API tokens and SSH keys",
        ),
    ),
    line(
        Scope::Sessions,
        Action::EndSession,
        &[Char('x')],
        Danger::Affects,
        "sessions.end",
        ("end", "end this session, with its live screens"),
    ),
    line(
        Scope::ApiTokens,
        Action::NewApiToken,
        &[Char('n')],
        Danger::None,
        "api_tokens.create",
        ("new", "create an API token of your own; its secret is shown once"),
    ),
    line(
        Scope::ApiTokens,
        Action::RevokeApiToken,
        &[Char('x')],
        Danger::Affects,
        "api_tokens.revoke",
        ("revoke", "revoke this API token at once"),
    ),
    line(
        Scope::SshKeys,
        Action::AddSshKey,
        &[Char('n')],
        Danger::None,
        "ssh_keys.add",
        (
            "add",
            "let an SSH key log you in: one of your ssh-agent, or pasted",
        ),
    ),
    line(
        Scope::SshKeys,
        Action::RemoveSshKey,
        &[Char('x')],
        Danger::Affects,
        "ssh_keys.remove",
        ("remove", "this SSH key logs you in no more"),
    ),
    line(
        Scope::Organizations,
        Action::NewOrganization,
        &[Char('n')],
        Danger::None,
        "organizations.create",
        ("new", "create an organization; its setup code is shown once"),
    ),
];

/// One's own account, on every page.
pub(super) const OWN: &[Binding] = &[
    Binding {
        route: Some("account.set_password"),
        ..plain(
            Action::OwnPassword,
            &[],
            Scope::Global,
            "password",
            "change your password (from the palette)",
        )
    },
    Binding {
        route: Some("account.show"),
        ..plain(
            Action::OwnSecondFactor,
            &[],
            Scope::Global,
            "mfa",
            "turn your second factor on or off (from the palette)",
        )
    },
];
