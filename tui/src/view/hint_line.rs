//! The last line: the newest message, or the keys that matter now.

use super::front_keys::{
    access_front_keys, audit_front_keys, filter_keys, group_front_keys, run_form_keys, run_many_keys,
    saved_keys, token_front_keys,
};
use super::{Canvas, bulk_bar, text};
use crate::keys::{Action, Scope, binding};
use crate::model::{LoginStep, Overlay, Page, Phase, State};
use ratatui::layout::Rect;

/// The newest message, or the keys that matter now.
pub(super) fn hints(state: &State, canvas: &mut Canvas<'_>, row: Rect) {
    let theme = canvas.theme;
    if let Some(toast) = state.toasts.last() {
        let undo = if toast.undo.is_some() {
            "  (u takes it back)"
        } else {
            ""
        };
        let text = format!("{}{undo}", toast.text);
        let text = text::cut(&text, usize::from(row.width), theme.ellipsis());
        canvas.put(row, 0, 0, &text, theme.toast(toast.kind));
        return;
    }
    if let Some(dialog) = state.dialog.as_ref().filter(|dialog| dialog.hidden) {
        let (done, failed) = dialog.counts();
        let text = format!(
            "{}: {} of {} done",
            dialog.change.verb(),
            done + failed,
            dialog.count()
        );
        canvas.put_right(row, 0, &text, theme.accent());
    }
    let mut column = 0;
    for (keys, name) in keys_that_matter(state) {
        if column > 0 {
            column = canvas.put(row, 0, column, "  ", theme.dim());
        }
        column = canvas.put(row, 0, column, &keys, theme.title());
        column = canvas.put(row, 0, column, &format!(" {name}"), theme.dim());
    }
}

fn keys_that_matter(state: &State) -> Vec<(String, String)> {
    let fixed = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(key, name)| ((*key).to_owned(), (*name).to_owned()))
            .collect::<Vec<_>>()
    };
    if let Some(front) = state.token_front() {
        return fixed(token_front_keys(front));
    }
    if let Some(front) = state.access_front() {
        let typed = state
            .access
            .question
            .as_ref()
            .is_some_and(|question| question.phrase.is_some());
        return fixed(access_front_keys(front, typed));
    }
    if let Some(dialog) = state.dialog.as_ref().filter(|dialog| !dialog.hidden) {
        return match &dialog.phase {
            Phase::Gathering { .. } | Phase::Counting => fixed(&[("Esc", "cancel")]),
            Phase::Asking { typed: Some(_), .. } => {
                fixed(&[("Enter", "confirm what was typed"), ("Esc", "cancel")])
            }
            Phase::Asking { .. } => {
                fixed(&[("Tab", "other button"), ("Enter", "press it"), ("Esc", "cancel")])
            }
            Phase::Running { .. } => fixed(&[("Esc", "goes on behind"), ("j k", "scroll")]),
            Phase::Finished => fixed(&[("Enter", "close"), ("j k", "scroll")]),
        };
    }
    match (&state.overlay, state.page) {
        (Some(Overlay::Menu(_)), _) => {
            fixed(&[("j k", "choose"), ("Enter", "or its letter"), ("Esc", "close")])
        }
        (Some(Overlay::RunMany(form)), _) => fixed(run_many_keys(form)),
        (Some(Overlay::Subject(_)), _) => fixed(&[("Enter", "go on"), ("Esc", "cancel")]),
        (Some(Overlay::Palette(_)), _) => fixed(&[("Down Up", "choose"), ("Enter", "go"), ("Esc", "close")]),
        (Some(Overlay::Columns(_)), _) => fixed(&[
            ("j k", "choose"),
            ("Space", "show or hide"),
            ("d", "the usual ones"),
            ("Esc", "close"),
        ]),
        (Some(Overlay::Saved(menu)), _) => fixed(saved_keys(&menu.mode)),
        (Some(Overlay::Export(_)), _) => {
            fixed(&[("Enter", "write it"), ("Ctrl-U", "empty"), ("Esc", "cancel")])
        }
        (Some(Overlay::Sort(_)), _) => fixed(&[
            ("j k", "choose"),
            ("Enter", "sort"),
            ("r", "the other way round"),
            ("Esc", "close"),
        ]),
        (Some(Overlay::Servers(_)), _) => fixed(&[("j k", "choose"), ("Enter", "connect"), ("Esc", "close")]),
        (Some(_), _) => fixed(&[("j k PgDn PgUp", "scroll"), ("Esc", "close")]),
        (None, Page::Login) if state.login.step == LoginStep::Connecting => {
            let again: &[_] = if state.login.busy {
                &[]
            } else {
                &[("Enter", "try again")]
            };
            fixed(&[again, &[("@", "other server"), ("q", "quit")]].concat())
        }
        (None, Page::Login) => fixed(&[("Tab", "next field"), ("Enter", "go on"), ("Ctrl-C", "quit")]),
        (None, Page::Systems | Page::Pending) if state.list().is_some_and(|list| list.filtering) => {
            fixed(state.list().map_or(&[][..], |list| filter_keys(&list.offer)))
        }
        (None, Page::NewSystem) if state.new_system.recipe.is_some() => fixed(&[
            ("y", "copy the command"),
            ("c", "copy the configuration"),
            ("w", "write it to a file"),
            ("Esc", "done"),
        ]),
        (None, Page::NewSystem) => fixed(&[("Tab", "next field"), ("Enter", "go on"), ("Esc", "back")]),
        (None, Page::Groups) if state.groups.front.is_some() => {
            fixed(state.groups.front.as_ref().map_or(&[], group_front_keys))
        }
        (None, Page::System(_)) if state.detail.form.is_some() => {
            fixed(&[("Enter", "change it"), ("Ctrl-U", "empty"), ("Esc", "cancel")])
        }
        (None, Page::System(_)) if state.commands.form.is_some() => {
            fixed(state.commands.form.as_ref().map_or(&[], run_form_keys))
        }
        (None, Page::Commands | Page::Command(_)) if state.commands.question.is_some() => {
            fixed(&[("Tab", "other button"), ("Enter", "confirm"), ("Esc", "no")])
        }
        (None, Page::Upgrades) if state.upgrades.question.is_some() => {
            fixed(&[("Tab", "other button"), ("Enter", "confirm"), ("Esc", "no")])
        }
        (None, Page::Upgrades) if state.upgrades.form.is_some() => {
            fixed(&[("Tab", "next field"), ("Enter", "go on"), ("Esc", "back")])
        }
        (None, Page::Jobs | Page::Job(_)) if state.jobs.question.is_some() => {
            fixed(&[("Tab", "other button"), ("Enter", "confirm"), ("Esc", "no")])
        }
        (None, Page::Backups) if state.backups.question.is_some() => {
            fixed(&[("Tab", "other button"), ("Enter", "confirm"), ("Esc", "no")])
        }
        (None, Page::Settings) if state.organization.signing.is_some() => {
            fixed(&[("Enter", "confirm what was typed"), ("Esc", "cancel")])
        }
        (None, Page::Settings) if state.organization.form.is_some() => {
            fixed(&[("Enter", "change it"), ("Ctrl-U", "empty"), ("Esc", "cancel")])
        }
        (None, Page::Audit) if state.audit_front().is_some() => {
            fixed(state.audit_front().map_or(&[][..], audit_front_keys))
        }
        (None, Page::Access) => listed(
            crate::pages::access::actions(state.access.tab),
            crate::pages::access::scope(state.access.tab),
        ),
        (None, Page::Systems | Page::Pending) if bulk_bar::selected(state) > 0 => {
            let (actions, scope) = SELECTED_KEYS;
            let mut keys = listed(actions, scope);
            // The bulk bar: how many first, then what can be done with them.
            keys.insert(0, bulk_bar::selection(state));
            keys
        }
        (None, page) => {
            let (actions, scope) = page_keys(page);
            listed(actions, scope)
        }
    }
}

/// What can be done with a selection.
const SELECTED_KEYS: (&[Action], Scope) = (
    &[
        Action::Actions,
        Action::MarkAll,
        Action::ClearMarks,
        Action::MarkedOnly,
        Action::Help,
    ],
    Scope::List,
);

/// Actions that matter on a page, and where most of them are bound.
fn page_keys(page: Page) -> (&'static [Action], Scope) {
    match page {
        Page::Login | Page::NewSystem | Page::Access => (&[], Scope::Global),
        Page::Dashboard => (
            &[
                Action::GoSystems,
                Action::GoPending,
                Action::GoAudit,
                Action::GoTokens,
                Action::GoGroups,
                Action::GoJobs,
                Action::GoAccess,
                Action::Help,
            ],
            Scope::Global,
        ),
        Page::Systems | Page::Pending => (
            &[
                Action::Open,
                Action::Actions,
                Action::Filter,
                Action::Mark,
                Action::Range,
                Action::MarkAll,
                Action::Sort,
                Action::Help,
                Action::Back,
            ],
            Scope::List,
        ),
        Page::System(_) => (
            &[
                Action::Actions,
                Action::EditTags,
                Action::EditNote,
                Action::Hour,
                Action::Day,
                Action::Week,
                Action::Month,
                Action::Help,
                Action::Back,
            ],
            Scope::Detail,
        ),
        Page::Tokens => (
            &[
                Action::NewToken,
                Action::DisableToken,
                Action::EnableToken,
                Action::DeleteToken,
                Action::Help,
                Action::Back,
            ],
            Scope::Tokens,
        ),
        Page::Groups => (
            &[
                Action::OpenGroup,
                Action::NewGroup,
                Action::RenameGroup,
                Action::SwitchRule,
                Action::DeleteGroup,
                Action::Help,
                Action::Back,
            ],
            Scope::Groups,
        ),
        Page::Jobs => (
            &[
                Action::OpenJob,
                Action::CancelJob,
                Action::RetryJob,
                Action::MarkFailed,
                Action::Help,
                Action::Back,
            ],
            Scope::Jobs,
        ),
        Page::Commands => (
            &[
                Action::OpenCommand,
                Action::CancelCommand,
                Action::Help,
                Action::Back,
            ],
            Scope::Commands,
        ),
        Page::Upgrades => (
            &[
                Action::OpenRollout,
                Action::NewRollout,
                Action::AdvanceRollout,
                Action::HaltRollout,
                Action::ResumeRollout,
                Action::StopUpgrade,
                Action::Help,
                Action::Back,
            ],
            Scope::Upgrades,
        ),
        Page::Command(_) => (
            &[Action::CancelCommand, Action::Help, Action::Back],
            Scope::Commands,
        ),
        Page::Job(_) => (
            &[
                Action::CancelJob,
                Action::RetryJob,
                Action::MarkFailed,
                Action::Help,
                Action::Back,
            ],
            Scope::Jobs,
        ),
        Page::Backups => (
            &[
                Action::MakeBackup,
                Action::CheckBackup,
                Action::DownloadBackup,
                Action::Help,
                Action::Back,
            ],
            Scope::Backups,
        ),
        Page::Settings => (
            &[
                Action::EditSetting,
                Action::ResetSetting,
                Action::RotateSigningKey,
                Action::Help,
                Action::Back,
            ],
            Scope::Settings,
        ),
        Page::Audit => (
            &[
                Action::OpenEntry,
                Action::SearchAudit,
                Action::FollowAudit,
                Action::ExportAudit,
                Action::Help,
                Action::Back,
            ],
            Scope::Audit,
        ),
    }
}

/// Keys and names from the table, those of `scope` first.
fn listed(actions: &[Action], scope: Scope) -> Vec<(String, String)> {
    let line = |action: &Action| {
        crate::keys::BINDINGS
            .iter()
            .find(|line| line.action == *action && line.scope == scope)
            .or_else(|| binding(*action))
    };
    actions
        .iter()
        .filter_map(line)
        .filter_map(|line| {
            line.keys
                .first()
                .map(|key| (key.to_string(), line.name.to_owned()))
        })
        .collect()
}
