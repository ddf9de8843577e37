//! The two lists of a manual group: systems that are not in it, and those that are.

use super::fleet::Fleet;
use super::text_field::TextField;
use scm_protocol::groups::{ChangeMembers, Group};
use scm_protocol::ids::{GroupId, SystemId};
use std::collections::HashSet;

/// One of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Systems outside the group.
    Others,
    /// Its members.
    Members,
}

/// Both lists.
#[derive(Debug)]
pub struct DualList {
    /// Which group.
    pub group: GroupId,
    /// Its name.
    pub name: String,
    /// Its members at the server; none before they are read.
    saved: Option<HashSet<SystemId>>,
    /// As it is to be.
    wanted: HashSet<SystemId>,
    /// The list with the cursor.
    pub side: Side,
    cursors: [Option<SystemId>; 2],
    /// What narrows the others.
    pub filter: TextField,
    /// The filter is being typed.
    pub filtering: bool,
    /// What the server said.
    pub fault: Option<String>,
    /// Being saved.
    pub saving: bool,
    /// Esc was pressed once with changes.
    pub leaving: bool,
}

impl DualList {
    /// The lists of a group, before its members are read.
    pub fn of(group: &Group) -> Self {
        DualList {
            group: group.id,
            name: group.name.clone(),
            saved: None,
            wanted: HashSet::new(),
            side: Side::Others,
            cursors: [None, None],
            filter: TextField::default(),
            filtering: false,
            fault: None,
            saving: false,
            leaving: false,
        }
    }

    /// The members were read.
    pub fn read(&mut self, members: Vec<SystemId>) {
        self.wanted = members.iter().copied().collect();
        self.saved = Some(members.into_iter().collect());
    }

    /// Whether the members are known.
    pub fn is_read(&self) -> bool {
        self.saved.is_some()
    }

    /// The systems of a list, by name.
    pub fn systems(&self, side: Side, fleet: &Fleet) -> Vec<SystemId> {
        let words: Vec<String> = self
            .filter
            .text()
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let wanted = |id: &SystemId| self.wanted.contains(id) == (side == Side::Members);
        let mut rows: Vec<_> = fleet
            .rows()
            .filter(|row| wanted(&row.id))
            .filter(|row| side == Side::Members || row.matches(&words))
            .collect();
        rows.sort_unstable_by(|a, b| (&a.hostname, a.id).cmp(&(&b.hostname, b.id)));
        rows.into_iter().map(|row| row.id).collect()
    }

    fn index(side: Side) -> usize {
        usize::from(side == Side::Members)
    }

    /// The cursor's place in a list.
    pub fn position(&self, side: Side, systems: &[SystemId]) -> usize {
        let cursor = self.cursors[Self::index(side)];
        systems.iter().position(|id| Some(*id) == cursor).unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize, systems: &[SystemId]) {
        let place = place.min(systems.len().saturating_sub(1));
        self.cursors[Self::index(self.side)] = systems.get(place).copied();
    }

    /// Moves the system under the cursor to the other list; the cursor goes to the next one.
    pub fn transfer(&mut self, fleet: &Fleet) {
        let systems = self.systems(self.side, fleet);
        let at = self.position(self.side, &systems);
        let Some(id) = systems.get(at).copied() else {
            return;
        };
        match self.side {
            Side::Others => drop(self.wanted.insert(id)),
            Side::Members => drop(self.wanted.remove(&id)),
        }
        self.leaving = false;
        let left: Vec<SystemId> = systems.into_iter().filter(|other| *other != id).collect();
        self.go(at, &left);
    }

    /// What is to be told to the server.
    pub fn change(&self) -> ChangeMembers {
        let Some(saved) = &self.saved else {
            return ChangeMembers::default();
        };
        let sorted = |ids: std::collections::hash_set::Difference<'_, SystemId, _>| {
            let mut ids: Vec<SystemId> = ids.copied().collect();
            ids.sort_unstable();
            ids
        };
        ChangeMembers {
            add: sorted(self.wanted.difference(saved)),
            remove: sorted(saved.difference(&self.wanted)),
        }
    }

    /// How many systems changed sides.
    pub fn changes(&self) -> usize {
        let change = self.change();
        change.add.len() + change.remove.len()
    }
}
