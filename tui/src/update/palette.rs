//! The palette: pages, actions, servers and systems by name.

use super::changes::{self, Aim};
use super::{keys, lists, navigate, session};
use crate::clock::Moment;
use crate::keys::{Action, BINDINGS, Key, Scope};
use crate::message::Effect;
use crate::model::{
    Change, Entry, Goal, List, Overlay, Page, Palette, Sort, SortBy, State, ToastKind, clean,
};

/// Most systems that are offered.
const MAX_SYSTEMS: usize = 50;

pub(super) fn open(state: &mut State) {
    let list = state.list().filter(|list| !list.disarmed);
    let whole = list.and_then(List::whole).cloned();
    let targets = match state.page {
        Page::System(id) => vec![id],
        _ => list.map(List::targets).unwrap_or_default(),
    };
    state.overlay = Some(Overlay::Palette(Palette {
        targets,
        whole,
        ..Palette::default()
    }));
    refresh(state);
}

/// Finds what matches the text.
pub(super) fn refresh(state: &mut State) {
    let Some(Overlay::Palette(palette)) = &state.overlay else {
        return;
    };
    let matches = matches(state, palette.field.text());
    if let Some(Overlay::Palette(palette)) = &mut state.overlay {
        palette.cursor = 0;
        palette.matches = matches;
    }
}

/// Finds what matches anew, and leaves the cursor on what it was on.
pub(super) fn refresh_kept(state: &mut State) {
    let chosen = match &state.overlay {
        Some(Overlay::Palette(palette)) => palette.matches.get(palette.cursor).map(|entry| entry.goal),
        _ => return,
    };
    refresh(state);
    if let Some(Overlay::Palette(palette)) = &mut state.overlay {
        let place = palette
            .matches
            .iter()
            .position(|entry| Some(entry.goal) == chosen);
        palette.cursor = place.unwrap_or(0);
    }
}

/// Entries whose name or text has every word, best first: those whose name begins with the text.
fn matches(state: &State, text: &str) -> Vec<Entry> {
    let text = text.trim().to_lowercase();
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let fits = |entry: &Entry| {
        let line = format!("{} {}", entry.name, entry.text).to_lowercase();
        words.iter().all(|word| line.contains(word.as_str()))
    };
    let mut entries: Vec<Entry> = commands(state)
        .chain(filters(state))
        .chain(contexts(state))
        .filter(fits)
        .collect();
    entries.sort_by_key(|entry| !entry.name.starts_with(&text));
    if !words.is_empty() {
        entries.extend(orders(state).filter(fits));
        entries.extend(systems(state, &words));
    }
    entries
}

fn commands(state: &State) -> impl Iterator<Item = Entry> + '_ {
    let list = state.list().is_some();
    let detail = matches!(state.page, Page::System(_));
    let useless = [
        Action::Palette,
        Action::Back,
        Action::Cancel,
        Action::Down,
        Action::Up,
    ];
    BINDINGS
        .iter()
        .filter(move |line| match line.scope {
            Scope::Global => !useless.contains(&line.action),
            Scope::List => list && !useless.contains(&line.action),
            Scope::Menu => list || detail,
            Scope::Detail => detail,
            Scope::Tokens => state.page == Page::Tokens,
            Scope::Groups => state.page == Page::Groups,
            scope @ (Scope::Users
            | Scope::Sessions
            | Scope::ApiTokens
            | Scope::SshKeys
            | Scope::Organizations) => {
                state.page == Page::Access && crate::pages::access::scope(state.access.tab) == scope
            }
            Scope::Access => false,
            Scope::Jobs => matches!(state.page, Page::Jobs | Page::Job(_)),
            Scope::Backups => state.page == Page::Backups,
            Scope::Commands => matches!(state.page, Page::Commands | Page::Command(_)),
            Scope::Upgrades => state.page == Page::Upgrades,
            Scope::Settings => state.page == Page::Settings,
            Scope::Audit => state.page == Page::Audit,
            Scope::Scroll => false,
        })
        .map(|line| Entry {
            name: line.name.to_owned(),
            text: line.text.to_owned(),
            goal: Goal::Action(line.action),
            obstacle: state.action_obstacle(line.action),
        })
}

fn contexts(state: &State) -> impl Iterator<Item = Entry> + '_ {
    state
        .contexts
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != state.context)
        .map(|(index, context)| Entry {
            name: context.name.clone(),
            text: format!("server {}", context.url),
            goal: Goal::Context(index),
            obstacle: None,
        })
}

fn filters(state: &State) -> impl Iterator<Item = Entry> + '_ {
    state.views.saved.iter().map(|filter| Entry {
        name: format!("filter {}", clean(&filter.name)),
        text: if filter.filter.is_empty() {
            "all systems".to_owned()
        } else {
            clean(&filter.filter)
        },
        goal: Goal::Filter(filter.id),
        obstacle: None,
    })
}

fn orders(state: &State) -> impl Iterator<Item = Entry> + '_ {
    let list = state.list().is_some();
    let choices = SortBy::choices(&state.views.fields).into_iter();
    choices.filter(move |_| list).map(|by| Entry {
        name: format!("sort by {}", by.name()),
        text: by.hint().to_owned(),
        goal: Goal::Sort(Sort::first(by)),
        obstacle: None,
    })
}

fn systems<'a>(state: &'a State, words: &'a [String]) -> impl Iterator<Item = Entry> + 'a {
    let mut found: Vec<_> = state.fleet.rows().filter(|row| row.matches(words)).collect();
    found.sort_unstable_by(|a, b| a.hostname.cmp(&b.hostname).then(a.id.cmp(&b.id)));
    found.into_iter().take(MAX_SYSTEMS).map(|row| Entry {
        name: row.hostname.to_string(),
        text: format!("system {} {} {}", row.id, row.word().word(), row.address),
        goal: Goal::System(row.id),
        obstacle: None,
    })
}

pub(super) fn key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let Some(Overlay::Palette(palette)) = &mut state.overlay else {
        return Vec::new();
    };
    match key {
        Key::Down | Key::Tab => {
            palette.cursor = (palette.cursor + 1).min(palette.matches.len().saturating_sub(1));
        }
        Key::Up | Key::BackTab => palette.cursor = palette.cursor.saturating_sub(1),
        Key::Enter => {
            let chosen = palette.matches.get(palette.cursor).cloned();
            let aim = Aim {
                ids: std::mem::take(&mut palette.targets),
                whole: palette.whole.take(),
                subject: None,
            };
            return chosen
                .map(|entry| choose(state, &entry, aim, now))
                .unwrap_or_default();
        }
        key => {
            if palette.field.key(key) {
                refresh(state);
            }
        }
    }
    Vec::new()
}

fn choose(state: &mut State, entry: &Entry, aim: Aim, now: Moment) -> Vec<Effect> {
    if let Some(obstacle) = &entry.obstacle {
        state.toast(ToastKind::Error, format!("{}: {obstacle}", entry.name), now);
        return Vec::new();
    }
    state.overlay = None;
    match entry.goal {
        Goal::System(id) => navigate::open_system(state, id, now),
        Goal::Context(index) => session::switch(state, index),
        Goal::Filter(id) => super::saved_filters::apply(state, id, now),
        Goal::Sort(sort) => super::sorting::sort_by(state, sort, now),
        Goal::Action(action) => match Change::of(action) {
            Some(change) => changes::begin(state, change, aim, now),
            // The palette hid the row: what acts on it needs a frame without the palette first.
            None if lists::acts(action) && state.list().is_some() => {
                if let Some(list) = state.list_mut() {
                    list.drawn = if list.disarmed { None } else { list.cursor() };
                }
                keys::act(state, action, now)
            }
            None => keys::act(state, action, now),
        },
    }
}
