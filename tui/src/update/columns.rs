//! Which columns the lists have.

use super::views;
use crate::keys::Key;
use crate::message::Effect;
use crate::model::{Column, Overlay, State};

/// A key in the chooser. What is chosen is seen behind it at once.
pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let State { overlay, views, .. } = state;
    let Some(Overlay::Columns(at)) = overlay else {
        return Vec::new();
    };
    let last = Column::ALL.len() - 1;
    match key {
        Key::Down | Key::Char('j') => *at = (*at + 1).min(last),
        Key::Up | Key::Char('k') => *at = at.saturating_sub(1),
        Key::Home | Key::Char('g') => *at = 0,
        Key::End | Key::Char('G') => *at = last,
        Key::Char(' ') => {
            if let Some(column) = Column::ALL.get(*at) {
                match views.columns.iter().position(|chosen| chosen == column) {
                    Some(place) => drop(views.columns.remove(place)),
                    None => views.columns.push(*column),
                }
            }
        }
        Key::Char('d') => views.columns = Column::USUAL.to_vec(),
        Key::Enter => {
            state.overlay = None;
            return views::remember(state);
        }
        _ => {}
    }
    Vec::new()
}
