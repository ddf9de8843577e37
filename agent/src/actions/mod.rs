//! What a server may have run on this machine: the local configuration's `[[action]]`s, as far as the host's own state does
//! not speak against them.
//!
//! Invariants: nothing runs that is not listed here; what the guardrails refuse is told with its reason and never run, and
//! the others stay; paths, arguments and users never leave the machine, not in a reason either; an argument is made from the local file and from values
//! that passed their parameter's pattern, and from nothing else.

mod guard;
mod template;

pub use guard::{Protected, Refused};
pub use template::Template;

use crate::platform::{self, Account};
use scm_protocol::commands::catalogue::{
    BadValue, Catalogue, MAX_CATALOGUE_BYTES, MAX_REASON_BYTES, OfferedAction, RefusedAction,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// An action as the configuration lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What the server and the console see of it.
    pub offered: OfferedAction,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<Template>,
    /// The user it runs as; none: the agent's own.
    pub user: Option<String>,
}

/// A program that may be run now, with everything filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Absolute path.
    pub path: PathBuf,
    /// Arguments, each one as it is: no shell ever reads them.
    pub arguments: Vec<String>,
    /// Whom to run it as; none: as the agent itself.
    pub account: Option<Account>,
    /// After how long it is stopped.
    pub timeout: Duration,
    /// Whether its output stays here.
    pub redacted: bool,
}

/// Why an action is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nothing of that name is offered.
    Unknown,
    /// A parameter's value will not do.
    BadValue(BadValue),
    /// It would touch what is protected.
    Protected(Refused),
    /// It was offered, and would not be any more: the host has changed.
    Withdrawn(Refused),
}

/// The actions of this machine.
#[derive(Debug, Default)]
pub struct Offer {
    actions: Vec<Action>,
    protected: Protected,
    catalogue: Catalogue,
    /// Names and reasons in this machine's own words.
    refused: Vec<(String, Refused)>,
}

impl Offer {
    /// Decides on each action. What is refused is logged here, and stands in the catalogue with its reason.
    pub fn new(actions: Vec<Action>, protected: Protected) -> Self {
        let mut offer = Offer {
            actions: Vec::with_capacity(actions.len()),
            protected,
            catalogue: Catalogue::default(),
            refused: Vec::new(),
        };
        for action in actions {
            offer.add(action);
        }
        offer.catalogue.actions.sort_by(|a, b| a.name.cmp(&b.name));
        offer.catalogue.refused.sort_by(|a, b| a.name.cmp(&b.name));
        offer
    }

    fn add(&mut self, action: Action) {
        let name = action.offered.name.clone();
        let reason = guard::refusal(&action, &self.protected).or_else(|| {
            self.catalogue.actions.push(action.offered.clone());
            // Room is left for the names and reasons of those that are refused.
            let fits =
                serde_json::to_vec(&self.catalogue).is_ok_and(|json| json.len() <= MAX_CATALOGUE_BYTES / 2);
            if fits {
                return None;
            }
            self.catalogue.actions.pop();
            Some(Refused {
                told: "the catalogue would be too large",
                meant: "shorten descriptions, or list fewer actions".to_owned(),
            })
        });
        match reason {
            None => self.actions.push(action),
            Some(refused) => {
                tracing::error!(
                    target: "security", event = "action_refused", action.name = %name, "the action is not offered: {refused}"
                );
                self.catalogue.refused.push(RefusedAction {
                    name: name.clone(),
                    reason: refused.told.to_owned(),
                });
                self.refused.push((name, refused));
            }
        }
    }

    /// What is refused, in words that name what of this machine is meant.
    pub fn refused(&self) -> &[(String, Refused)] {
        &self.refused
    }

    /// What the server is told.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The program of an action with these values, if it may be run now.
    ///
    /// # Errors
    /// [`Denied`]; nothing was run.
    pub fn program(&self, name: &str, values: &BTreeMap<String, String>) -> Result<Program, Denied> {
        let action = self.actions.iter().find(|action| action.offered.name == name);
        let action = action.ok_or(Denied::Unknown)?;
        action.offered.check(values).map_err(Denied::BadValue)?;
        // Again: files may have been changed since the start.
        if let Some(refused) = guard::refusal(action, &self.protected) {
            return Err(Denied::Withdrawn(refused));
        }
        let arguments: Vec<String> = action
            .arguments
            .iter()
            .map(|template| template.fill(values))
            .collect();
        if let Some(refused) = self.protected.touched(&arguments) {
            return Err(Denied::Protected(refused));
        }
        let account = match &action.user {
            Some(user) => guard::account(user).map(Some).map_err(Denied::Withdrawn)?,
            None => None,
        };
        Ok(Program {
            path: action.program.clone(),
            arguments,
            account,
            timeout: Duration::from_secs(u64::from(action.offered.timeout_secs)),
            redacted: action.offered.redacted,
        })
    }
}

/// As much of a reason as travels, without what a screen would obey.
pub fn bounded(reason: &str) -> String {
    let mut text: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut end = text.len().min(MAX_REASON_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// What belongs to an agent with this configuration file and state folder.
pub fn protected(config: &std::path::Path, state_folder: &std::path::Path) -> Protected {
    let own = std::env::current_exe()
        .ok()
        .into_iter()
        .chain(crate::upgrade::installed_program());
    let paths = platform::protected_paths()
        .into_iter()
        .chain([config.to_owned(), state_folder.to_owned()])
        .chain(own);
    Protected::new(paths, platform::PROTECTED_UNITS)
}

#[cfg(test)]
mod tests;
