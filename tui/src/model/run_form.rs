//! Running an action on a system: which, with which values, and whether it is meant.

use super::dialog::Focus;
use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::commands::catalogue::{OfferedAction, RefusedAction};
use scm_protocol::ids::SystemId;
use std::collections::BTreeMap;

/// The form.
#[derive(Debug)]
pub struct RunForm {
    /// Which system: frozen when the form was opened.
    pub system: SystemId,
    /// Its host name.
    pub hostname: String,
    /// What it offers and what it refuses; none while that is read.
    pub offer: Option<(Vec<OfferedAction>, Vec<RefusedAction>)>,
    /// Why nothing is offered, or why the server would not.
    pub fault: Option<String>,
    /// The line in the list of actions.
    pub cursor: usize,
    /// The action that was chosen.
    pub filling: Option<Filling>,
}

/// An action that was chosen, with what is typed.
#[derive(Debug)]
pub struct Filling {
    /// The action.
    pub action: OfferedAction,
    /// A field for each parameter.
    pub fields: Vec<TextField>,
    /// Which of them has the cursor.
    pub focus: usize,
    /// The question that comes last.
    pub confirm: Option<Confirm>,
    /// The request that is under way.
    pub waits_for: Option<u64>,
}

/// Whether it is meant.
#[derive(Debug)]
pub struct Confirm {
    /// The button.
    pub focus: Focus,
    /// What must be typed, and what was: where the action asks for it.
    pub typed: Option<(String, TextField)>,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

impl RunForm {
    /// Nothing is known yet.
    pub fn new(system: SystemId, hostname: String) -> Self {
        RunForm {
            system,
            hostname,
            offer: None,
            fault: None,
            cursor: 0,
            filling: None,
        }
    }

    /// The actions on offer.
    pub fn actions(&self) -> &[OfferedAction] {
        self.offer.as_ref().map_or(&[], |(actions, _)| actions)
    }
}

impl Filling {
    /// Nothing is typed yet.
    pub fn new(action: OfferedAction) -> Self {
        let fields = action.parameters.iter().map(|_| TextField::default()).collect();
        Filling {
            action,
            fields,
            focus: 0,
            confirm: None,
            waits_for: None,
        }
    }

    /// What is wrong with what is typed in a field.
    pub fn fault(&self, index: usize) -> Option<String> {
        let (parameter, field) = (self.action.parameters.get(index)?, self.fields.get(index)?);
        parameter.check(field.text()).err()
    }

    /// What is typed.
    pub fn values(&self) -> BTreeMap<String, String> {
        let pairs = self.action.parameters.iter().zip(&self.fields);
        pairs
            .map(|(parameter, field)| (parameter.name.clone(), field.text().to_owned()))
            .collect()
    }
}
