//! Running an action on many systems: one of those that they offer, with its values, how many at once and until when.

use super::run_form::Filling;
use super::subject::{Subject, Whole};
use super::text_field::TextField;
use scm_protocol::commands::Offered;
use scm_protocol::commands::catalogue::OfferedAction;
use scm_protocol::ids::SystemId;
use scm_protocol::jobs::{MAX_BATCH, RunOnMany};

/// So many at once, unless something else is typed.
const BATCH: u32 = 10;

/// The form: systems that are frozen, and what they are to run.
#[derive(Debug)]
pub struct RunManyForm {
    /// These systems.
    pub targets: Vec<SystemId>,
    /// Everything that matches instead.
    pub whole: Option<Whole>,
    /// Tells the answer of this form from that of an earlier one.
    pub ticket: u64,
    /// What they offer; none while that is read.
    pub offered: Option<Offered>,
    /// Why nothing is offered, or what cannot be.
    pub fault: Option<String>,
    /// What narrows the actions.
    pub narrow: TextField,
    /// The action under the cursor.
    pub cursor: usize,
    /// The action that was chosen.
    pub filling: Option<ManyFilling>,
}

/// An action that some of the systems offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// As most of them define it.
    pub action: OfferedAction,
    /// How many offer it, however they define it.
    pub systems: i64,
    /// One of them wants it confirmed.
    pub confirms: bool,
}

/// An action that was chosen, with what is typed. Behind its values stand two more fields.
#[derive(Debug)]
pub struct ManyFilling {
    /// The values; its focus counts the two fields behind them as well.
    pub values: Filling,
    /// How many systems offer it.
    pub systems: i64,
    /// One of them wants it confirmed.
    pub confirms: bool,
    /// How many at once.
    pub batch: TextField,
    /// How many may fail.
    pub failures: TextField,
}

impl RunManyForm {
    /// Nothing is known yet.
    pub fn new(targets: Vec<SystemId>, whole: Option<Whole>, ticket: u64) -> Self {
        RunManyForm {
            targets,
            whole,
            ticket,
            offered: None,
            fault: None,
            narrow: TextField::default(),
            cursor: 0,
            filling: None,
        }
    }

    /// The actions whose names have what was typed, by name.
    pub fn choices(&self) -> Vec<Choice> {
        let text = self.narrow.text().trim().to_lowercase();
        let mut choices: Vec<Choice> = Vec::new();
        for by in self.offered.iter().flat_map(|offered| &offered.actions) {
            if !by.action.name.to_lowercase().contains(&text) {
                continue;
            }
            let confirms = by.action.requires_confirmation;
            match choices
                .iter_mut()
                .find(|choice| choice.action.name == by.action.name)
            {
                Some(known) => {
                    known.systems += by.systems;
                    known.confirms |= confirms;
                }
                None => choices.push(Choice {
                    action: by.action.clone(),
                    systems: by.systems,
                    confirms,
                }),
            }
        }
        choices
    }

    /// Chooses the action under the cursor.
    pub fn choose(&mut self) {
        let choices = self.choices();
        let chosen = choices.get(self.cursor).or(choices.last()).cloned();
        self.filling = chosen.map(ManyFilling::new);
        self.fault = None;
    }

    /// The field that text goes to.
    pub fn focused(&mut self) -> Option<&mut TextField> {
        match &mut self.filling {
            None => Some(&mut self.narrow),
            Some(filling) => filling.focused(),
        }
    }
}

impl ManyFilling {
    fn new(choice: Choice) -> Self {
        ManyFilling {
            values: Filling::new(choice.action),
            systems: choice.systems,
            confirms: choice.confirms,
            batch: TextField::new(&BATCH.to_string()),
            failures: TextField::new("0"),
        }
    }

    /// How many fields there are: the values and the two behind them.
    pub fn count(&self) -> usize {
        self.values.fields.len() + 2
    }

    fn focused(&mut self) -> Option<&mut TextField> {
        let values = self.values.fields.len();
        match self.values.focus {
            at if at == values => Some(&mut self.batch),
            at if at > values => Some(&mut self.failures),
            at => self.values.fields.get_mut(at),
        }
    }

    /// What is wrong with what is typed in a field.
    pub fn fault(&self, index: usize) -> Option<String> {
        let values = self.values.fields.len();
        match index {
            at if at < values => self.values.fault(at),
            at if at == values => self.batch().err(),
            _ => self.failures().err(),
        }
    }

    fn batch(&self) -> Result<u32, String> {
        let number = self.batch.text().trim().parse().ok();
        number
            .filter(|number| (1..=MAX_BATCH).contains(number))
            .ok_or_else(|| format!("must be a number from 1 to {MAX_BATCH}"))
    }

    fn failures(&self) -> Result<u32, String> {
        let number = self.failures.text().trim().parse();
        number.map_err(|_| "must be a number; 0 stops after the first failure".to_owned())
    }

    /// What was told.
    ///
    /// # Errors
    /// The field that cannot be.
    pub fn subject(&self) -> Result<Subject, usize> {
        if let Some(wrong) = (0..self.count()).find(|index| self.fault(*index).is_some()) {
            return Err(wrong);
        }
        let last = self.values.fields.len();
        let run = RunOnMany {
            action: self.values.action.name.clone(),
            parameters: self.values.values(),
            confirmed: self.confirms,
            batch_size: self.batch().map_err(|_| last)?,
            max_failures: self.failures().map_err(|_| last + 1)?,
            wait_secs: None,
        };
        let offering = usize::try_from(self.systems).unwrap_or(0);
        Ok(Subject::Run(Box::new(run), offering))
    }
}
