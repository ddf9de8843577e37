//! What a change is about besides its systems: a tag, a group or what is run; and the form that asks for it.

use super::change::Change;
use super::groups::GroupsView;
use super::text_field::TextField;
use scm_protocol::annotations::tag_problem;
use scm_protocol::groups::{Group, GroupKind};
use scm_protocol::ids::{GroupId, SystemId};
use scm_protocol::jobs::RunOnMany;

/// What is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// A tag.
    Tag,
    /// A manual group.
    Group,
    /// What is run.
    Run,
}

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The tag.
    Tag(String),
    /// The group, and its name.
    Group(GroupId, String),
    /// What is run, and how many systems offer it.
    Run(Box<RunOnMany>, usize),
}

impl Subject {
    /// As the question names it behind the systems.
    pub fn phrase(&self, change: Change) -> String {
        let preposition = match change {
            Change::Untag | Change::Leave => "out of",
            Change::Join => "into",
            _ => "with",
        };
        match self {
            Subject::Tag(tag) if change == Change::Untag => format!("by taking off `{tag}`"),
            Subject::Tag(tag) => format!("{preposition} `{tag}`"),
            Subject::Group(_, name) => format!("{preposition} `{name}`"),
            Subject::Run(run, _) => format!("by running `{}`", run.action),
        }
    }
}

/// Everything that matches a filter, as the server will find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The filter; an empty one is everything.
    pub filter: String,
}

impl Whole {
    /// `all matching os = linux`, or that there is no filter.
    pub fn describe(&self) -> String {
        if self.filter.is_empty() {
            "all of them".to_owned()
        } else {
            format!("all matching {}", self.filter)
        }
    }
}

/// The form: systems that are frozen, and what is to be told.
#[derive(Debug)]
pub struct SubjectForm {
    /// What is done then.
    pub change: Change,
    /// To whom.
    pub targets: Vec<SystemId>,
    /// To everything that matches instead.
    pub whole: Option<Whole>,
    /// The tag, or what narrows the groups.
    pub field: TextField,
    /// The group under the cursor.
    pub cursor: usize,
    /// Why it cannot be.
    pub fault: Option<String>,
}

impl SubjectForm {
    /// The form of a change.
    pub fn new(change: Change, targets: Vec<SystemId>, whole: Option<Whole>) -> Self {
        SubjectForm {
            change,
            targets,
            whole,
            field: TextField::default(),
            cursor: 0,
            fault: None,
        }
    }

    /// The manual groups whose names have what was typed, by name. Automatic ones are not here: their rules decide.
    pub fn groups<'a>(&self, groups: &'a GroupsView) -> Vec<&'a Group> {
        let text = self.field.text().trim().to_lowercase();
        let items = groups.items().iter();
        items
            .filter(|group| group.kind == GroupKind::Manual && group.name.to_lowercase().contains(&text))
            .collect()
    }

    /// What was told.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn subject(&self, groups: &GroupsView) -> Result<Subject, String> {
        if self.change.asks_for() == Some(SubjectKind::Group) {
            let found = self.groups(groups);
            let chosen = found.get(self.cursor).or(found.last());
            return chosen
                .map(|group| Subject::Group(group.id, group.name.clone()))
                .ok_or_else(|| "there is no such manual group".to_owned());
        }
        let tag = self.field.text().trim();
        match tag_problem(tag) {
            None => Ok(Subject::Tag(tag.to_owned())),
            Some(reason) => Err(format!("the tag {reason}")),
        }
    }
}
