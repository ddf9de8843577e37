//! Groups: the list, and what lies over it.

use super::members::DualList;
use super::rule_editor::RuleEditor;
use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::groups::{ChangeGroup, CreateGroup, Group, GroupKind, description_problem, name_problem};
use scm_protocol::ids::GroupId;

/// The page.
#[derive(Debug, Default)]
pub struct GroupsView {
    items: Vec<Group>,
    /// The list was read at least once.
    pub complete: bool,
    /// It is being read.
    pub reading: bool,
    /// Something changed while it was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<GroupId>,
    /// The group under the cursor of the last frame.
    pub drawn: Option<GroupId>,
    top: usize,
    height: usize,
    /// What lies over the list and takes the keys.
    pub front: Option<GroupFront>,
    /// The draft of a rule that was left without saving.
    pub draft: Option<Box<RuleEditor>>,
}

/// What lies over the list.
#[derive(Debug)]
pub enum GroupFront {
    /// The form of a new group, or of a group's texts.
    Form(Box<GroupForm>),
    /// The question before a deletion.
    Question(GroupQuestion),
    /// Who is in a manual group.
    Members(Box<DualList>),
    /// The rule of an automatic group.
    Rule(Box<RuleEditor>),
}

/// The question before a deletion.
#[derive(Debug)]
pub struct GroupQuestion {
    /// Which group: frozen when the key was pressed.
    pub id: GroupId,
    /// Its name, which must be typed.
    pub name: String,
    /// How many systems are in it.
    pub members: i64,
    /// What is typed.
    pub typed: TextField,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupField {
    /// Name.
    Name,
    /// Description.
    Description,
    /// Kind; of a new group only.
    Kind,
}

/// A group being named.
#[derive(Debug)]
pub struct GroupForm {
    /// The group that has the texts; none for a new one.
    pub id: Option<GroupId>,
    /// Its name.
    pub name: TextField,
    /// Its description.
    pub description: TextField,
    /// Its kind, chosen once.
    pub kind: GroupKind,
    /// The field with the cursor.
    pub focus: GroupField,
    /// What is wrong.
    pub fault: Option<String>,
    /// The ticket of the request under way.
    pub waits_for: Option<u64>,
}

impl GroupForm {
    /// The form of a new group.
    pub fn empty() -> Self {
        GroupForm {
            id: None,
            name: TextField::default(),
            description: TextField::default(),
            kind: GroupKind::Manual,
            focus: GroupField::Name,
            fault: None,
            waits_for: None,
        }
    }

    /// The form of a group's texts.
    pub fn of(group: &Group) -> Self {
        GroupForm {
            id: Some(group.id),
            name: TextField::new(&group.name),
            description: TextField::new(&group.description),
            kind: group.kind,
            ..Self::empty()
        }
    }

    /// The fields, in order.
    pub fn fields(&self) -> &'static [GroupField] {
        match self.id {
            None => &[GroupField::Name, GroupField::Description, GroupField::Kind],
            Some(_) => &[GroupField::Name, GroupField::Description],
        }
    }

    /// The text that is being typed.
    pub fn focused(&mut self) -> Option<&mut TextField> {
        match self.focus {
            GroupField::Name => Some(&mut self.name),
            GroupField::Description => Some(&mut self.description),
            GroupField::Kind => None,
        }
    }

    /// Moves the cursor by one field; answers whether there was one.
    pub fn step(&mut self, forward: bool) -> bool {
        let fields = self.fields();
        let at = fields.iter().position(|field| *field == self.focus).unwrap_or(0);
        let next = if forward {
            at.checked_add(1)
        } else {
            at.checked_sub(1)
        };
        match next.and_then(|next| fields.get(next)) {
            Some(field) => {
                self.focus = *field;
                true
            }
            None => false,
        }
    }

    /// What is wrong with what is typed.
    pub fn problem(&self) -> Option<(GroupField, String)> {
        let name = name_problem(self.name.text()).map(|reason| (GroupField::Name, format!("name {reason}")));
        name.or_else(|| {
            description_problem(self.description.text())
                .map(|reason| (GroupField::Description, format!("description {reason}")))
        })
    }

    /// What the server is to be told of a new group.
    pub fn create(&self) -> CreateGroup {
        CreateGroup {
            name: self.name.text().to_owned(),
            description: self.description.text().to_owned(),
            kind: self.kind,
            systems: Vec::new(),
        }
    }

    /// What the server is to be told of a group's texts.
    pub fn change(&self) -> ChangeGroup {
        ChangeGroup {
            name: self.name.text().to_owned(),
            description: self.description.text().to_owned(),
            kind: None,
        }
    }
}

impl GroupsView {
    /// The groups, in the server's order.
    pub fn items(&self) -> &[Group] {
        &self.items
    }

    /// The groups on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &Group> {
        self.items.iter().skip(self.top).take(self.height)
    }

    /// The group under the cursor.
    pub fn cursor(&self) -> Option<GroupId> {
        self.cursor
    }

    /// The group under the cursor.
    pub fn current(&self) -> Option<&Group> {
        self.items.iter().find(|group| Some(group.id) == self.cursor)
    }

    /// The group of that id.
    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.items.iter().find(|group| group.id == id)
    }

    /// The cursor's place in the list.
    pub fn position(&self) -> usize {
        let at = self.items.iter().position(|group| Some(group.id) == self.cursor);
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items.len().saturating_sub(1));
        self.cursor = self.items.get(place).map(|group| group.id);
        self.follow();
    }

    /// Moves the cursor to a group.
    pub fn go_to(&mut self, id: GroupId) {
        self.cursor = Some(id);
        self.follow();
    }

    /// Rows that are on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.follow();
    }

    /// A list that was read. The cursor stays on its group, or goes to the one that took its place.
    pub fn put(&mut self, items: Vec<Group>) {
        let at = self.position();
        self.items = items;
        self.complete = true;
        if self.current().is_none() {
            let place = at.min(self.items.len().saturating_sub(1));
            self.cursor = self.items.get(place).map(|group| group.id);
        }
        self.follow();
    }

    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at);
    }
}
