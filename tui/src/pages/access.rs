//! Users, sessions, API tokens, SSH keys, organizations: tabs above, the list of one below.

use crate::keys::{Action, BINDINGS, Scope};
use crate::model::{AccessItem, AccessTab, State, clean};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::ids::UnixMillis;

/// Draws tabs and list.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    tabs(state, canvas, body);
    let tab = state.access.tab;
    let list = state.access.list(tab);
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let widths = widths(tab, small);
    let width = usize::from(body.width).saturating_sub(2);
    let rest: usize = widths.iter().sum();
    let name = width.saturating_sub(rest).max(8);
    let line = |cells: &[String]| {
        let mut line = text::fit(cells.first().map_or("", String::as_str), name, theme.ellipsis());
        for (cell, width) in cells.iter().skip(1).zip(&widths) {
            line.push(' ');
            line.push_str(&text::fit(cell, width - 1, theme.ellipsis()));
        }
        line
    };
    canvas.put(body, 1, 2, &line(&heading(tab)), theme.dim());
    if list.items().is_empty() {
        nothing(state, canvas, body);
        return;
    }
    for (item, row) in list.visible().zip(2..body.height) {
        let here = list.cursor() == Some(item.key().as_str());
        canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
        let style = if here { theme.cursor() } else { Style::new() };
        canvas.put(body, row, 2, &line(&cells(item, state.shown_at)), style);
    }
}

fn tabs(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let mut column = 2;
    for tab in AccessTab::ALL {
        let (label, style) = if tab == state.access.tab {
            (format!("[{}]", tab.title()), theme.title())
        } else {
            (format!(" {} ", tab.title()), theme.dim())
        };
        column = canvas.put(body, 0, column, &label, style) + 1;
    }
}

/// Columns after the name, each with the space before it.
fn widths(tab: AccessTab, small: bool) -> Vec<usize> {
    let all = match tab {
        AccessTab::Users => vec![11, 13, 9, 11, 12],
        AccessTab::Sessions => vec![17, 13, 10, 10, 10],
        AccessTab::ApiTokens => vec![13, 15, 9, 11],
        AccessTab::SshKeys => vec![21, 22, 11],
        AccessTab::Organizations => vec![8, 9, 16],
    };
    if small { all[..1].to_vec() } else { all }
}

fn heading(tab: AccessTab) -> Vec<String> {
    let names: &[&str] = match tab {
        AccessTab::Users => &[
            "NAME",
            "ROLE",
            "LOGS IN WITH",
            "SESSIONS",
            "API TOKENS",
            "LAST LOGIN",
        ],
        AccessTab::Sessions => &["USER", "ADDRESS", "HOW", "BEGAN", "LAST USED", "ENDS"],
        AccessTab::ApiTokens => &["NAME", "MAY", "USER", "ENDS", "LAST USED"],
        AccessTab::SshKeys => &["NAME", "ALGORITHM", "FINGERPRINT", "LAST USED"],
        AccessTab::Organizations => &["NAME", "USERS", "SYSTEMS", "FIRST OWNER"],
    };
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn ago(at: Option<UnixMillis>, now: Option<UnixMillis>) -> String {
    match at {
        Some(_) => format!("{} ago", format::seen(at, now)),
        None => "never".to_owned(),
    }
}

fn ends(at: UnixMillis, now: Option<UnixMillis>) -> String {
    match now {
        Some(now) if at > now => format!("in {}", format::age(at.since(now))),
        Some(now) => format!("{} ago", format::age(now.since(at))),
        None => "-".to_owned(),
    }
}

fn cells(item: &AccessItem, now: Option<UnixMillis>) -> Vec<String> {
    match item {
        AccessItem::User(user) => {
            let ways = [
                (user.has_password, "pw"),
                (user.ssh_keys > 0, "key"),
                (user.second_factor, "2nd"),
            ];
            let ways: Vec<&str> = ways.iter().filter(|(has, _)| *has).map(|(_, way)| *way).collect();
            vec![
                item.name(),
                user.role.as_str().to_owned(),
                ways.join("+"),
                user.sessions.to_string(),
                user.api_tokens.to_string(),
                ago(user.last_login_ms, now),
            ]
        }
        AccessItem::Session(session) => {
            let second = if session.second_factor { "+2nd" } else { "" };
            let own = if session.current { " *" } else { "" };
            vec![
                format!("{}{own}", clean(&session.username)),
                clean(&session.address),
                format!("{}{second}", session.method.as_str()),
                ago(Some(session.created_ms), now),
                ago(Some(session.last_used_ms), now),
                ends(session.expires_ms, now),
            ]
        }
        AccessItem::ApiToken(token) => {
            let less = if token.role == token.effective_role {
                ""
            } else {
                " !"
            };
            vec![
                item.name(),
                format!("{}{less}", token.effective_role.as_str()),
                clean(&token.username),
                ends(token.expires_ms, now),
                ago(token.last_used_ms, now),
            ]
        }
        AccessItem::SshKey(key) => vec![
            item.name(),
            clean(&key.algorithm),
            clean(&key.fingerprint),
            ago(key.last_used_ms, now),
        ],
        AccessItem::Organization(organization) => vec![
            item.name(),
            organization.users.to_string(),
            organization.systems.to_string(),
            if organization.setup_needed {
                "setup code open".to_owned()
            } else {
                "there".to_owned()
            },
        ],
    }
}

fn nothing(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let list = state.access.list(state.access.tab);
    let said = match &list.error {
        Some(error) => clean(error),
        None if !list.complete => format!("reading the {}", state.access.tab.title()),
        None => "There is nothing here.".to_owned(),
    };
    for (line, row) in text::wrap(&said, 74).iter().zip(3..) {
        canvas.put(body, row, 2, line, canvas.theme.dim());
    }
}

/// Where the keys of a tab are.
pub fn scope(tab: AccessTab) -> Scope {
    match tab {
        AccessTab::Users => Scope::Users,
        AccessTab::Sessions => Scope::Sessions,
        AccessTab::ApiTokens => Scope::ApiTokens,
        AccessTab::SshKeys => Scope::SshKeys,
        AccessTab::Organizations => Scope::Organizations,
    }
}

/// The keys that matter on a tab.
pub fn actions(tab: AccessTab) -> &'static [Action] {
    match tab {
        AccessTab::Users => &[
            Action::NewUser,
            Action::UserRole,
            Action::UserPassword,
            Action::ResetSecondFactor,
            Action::EndSessions,
            Action::DeleteUser,
            Action::NextTab,
            Action::Help,
        ],
        AccessTab::Sessions => &[Action::EndSession, Action::NextTab, Action::Help, Action::Back],
        AccessTab::ApiTokens => &[
            Action::NewApiToken,
            Action::RevokeApiToken,
            Action::NextTab,
            Action::Help,
            Action::Back,
        ],
        AccessTab::SshKeys => &[
            Action::AddSshKey,
            Action::RemoveSshKey,
            Action::NextTab,
            Action::Help,
            Action::Back,
        ],
        AccessTab::Organizations => &[
            Action::NewOrganization,
            Action::NextTab,
            Action::Help,
            Action::Back,
        ],
    }
}

/// What the role or the mode forbids on this tab, with the reason.
pub fn forbidden(state: &State) -> Option<String> {
    let first = actions(state.access.tab).first()?;
    let reason = state.action_obstacle(*first)?;
    let here = scope(state.access.tab);
    let keys = BINDINGS
        .iter()
        .filter(|line| line.scope == here && line.route.is_some())
        .filter_map(|line| line.keys.first().map(ToString::to_string));
    Some(format!("{}: {reason}", keys.collect::<Vec<_>>().join(" ")))
}
