//! Keys in the menu of actions and in the question that follows.

use super::changes::{Aim, begin, run};
use crate::clock::Moment;
use crate::keys::{Key, Press};
use crate::message::Effect;
use crate::model::{Change, Dialog, Focus, Overlay, Phase, State, TextField};

/// A key in the menu.
pub(super) fn menu_key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let Some(Overlay::Menu(menu)) = &mut state.overlay else {
        return Vec::new();
    };
    let chosen = match key {
        Key::Down | Key::Char('j') => {
            menu.cursor = (menu.cursor + 1).min(Change::ALL.len() - 1);
            return Vec::new();
        }
        Key::Up | Key::Char('k') => {
            menu.cursor = menu.cursor.saturating_sub(1);
            return Vec::new();
        }
        Key::Enter => Change::ALL.get(menu.cursor).copied(),
        key => crate::keys::lookup(key, &[crate::keys::Scope::Menu]).and_then(|line| Change::of(line.action)),
    };
    let Some(change) = chosen else { return Vec::new() };
    let aim = Aim {
        ids: std::mem::take(&mut menu.targets),
        whole: menu.whole.take(),
        subject: None,
    };
    state.overlay = None;
    begin(state, change, aim, now)
}

/// A key in the dialog.
pub(super) fn dialog_key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(dialog) = &mut state.dialog else {
        return Vec::new();
    };
    let cancel = matches!(press.key, Key::Esc | Key::Ctrl('c'));
    let armed = dialog.armed(press.at);
    match &mut dialog.phase {
        Phase::Gathering { .. } | Phase::Counting | Phase::Asking { .. } if cancel => state.dialog = None,
        Phase::Gathering { .. } | Phase::Counting => {}
        Phase::Asking { .. } if !armed => {}
        Phase::Asking { focus, typed, .. } => {
            let answer = question_key(press.key, focus, typed);
            if matches!(press.key, Key::PageDown | Key::PageUp) {
                scroll(dialog, press.key);
            }
            match answer {
                Some(true) => return run(state),
                Some(false) => state.dialog = None,
                None => {}
            }
        }
        Phase::Running { .. } if cancel || press.key == Key::Char('q') => dialog.hidden = true,
        Phase::Finished if cancel || matches!(press.key, Key::Enter | Key::Char('q')) => state.dialog = None,
        Phase::Running { .. } | Phase::Finished => scroll(dialog, press.key),
    }
    Vec::new()
}

/// Yes, no, or not yet.
pub(super) fn question_key(
    key: Key,
    focus: &mut Focus,
    typed: &mut Option<(String, TextField)>,
) -> Option<bool> {
    if let Some((phrase, field)) = typed {
        if key == Key::Enter {
            return (field.text() == phrase).then_some(true);
        }
        field.key(key);
        return None;
    }
    match key {
        Key::Tab | Key::BackTab | Key::Left | Key::Right | Key::Char('h' | 'l') => {
            *focus = if *focus == Focus::Cancel {
                Focus::Confirm
            } else {
                Focus::Cancel
            };
            None
        }
        Key::Enter => Some(*focus == Focus::Confirm),
        Key::Char('q' | 'n') => Some(false),
        _ => None,
    }
}

fn scroll(dialog: &mut Dialog, key: Key) {
    let last = (dialog.targets.len() + dialog.skipped.len()).saturating_sub(1);
    dialog.scroll = match key {
        Key::Down | Key::Char('j') => dialog.scroll + 1,
        Key::Up | Key::Char('k') => dialog.scroll.saturating_sub(1),
        Key::PageDown | Key::Char(' ') => dialog.scroll + 8,
        Key::PageUp => dialog.scroll.saturating_sub(8),
        _ => dialog.scroll,
    }
    .min(last);
}
