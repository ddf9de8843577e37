//! The checks of `[[action]]`: what is written down must make sense. Whether the host lets it run is another question,
//! which [`crate::actions`] answers when the agent starts.

use super::Source;
use super::file::{ActionSettings, ParameterSettings};
use crate::actions::{Action, Template};
use scm_protocol::commands::catalogue::{MAX_ACTIONS, MAX_VALUE_BYTES, OfferedAction, Parameter};
use scm_settings::Error;

/// Most arguments of a program.
const MAX_ARGUMENTS: usize = 64;
/// Seconds that an action has unless the file says.
pub(super) const DEFAULT_TIMEOUT_SECS: u32 = 60;

/// The actions that the file lists.
pub(super) fn actions(source: &dyn Source, settings: Vec<ActionSettings>) -> Result<Vec<Action>, Error> {
    if settings.len() > MAX_ACTIONS {
        let reason = format!(
            "lists {} actions, at most {MAX_ACTIONS} are allowed",
            settings.len()
        );
        return Err(source.refuse("action", reason));
    }
    let mut actions: Vec<Action> = Vec::with_capacity(settings.len());
    for (index, settings) in settings.into_iter().enumerate() {
        let refuse = |key: &str, reason: String| source.refuse(&format!("action.{index}.{key}"), reason);
        let action = action(settings).map_err(|(key, reason)| refuse(&key, reason))?;
        if actions
            .iter()
            .any(|other| other.offered.name == action.offered.name)
        {
            return Err(refuse("name", "is the name of an action above".to_owned()));
        }
        actions.push(action);
    }
    Ok(actions)
}

fn action(settings: ActionSettings) -> Result<Action, (String, String)> {
    let named = |name: &str| settings.parameter.iter().any(|parameter| parameter.name == name);
    if settings.arguments.len() > MAX_ARGUMENTS {
        let reason = format!(
            "has {} entries, at most {MAX_ARGUMENTS} are allowed",
            settings.arguments.len()
        );
        return Err(("arguments".to_owned(), reason));
    }
    let mut arguments = Vec::with_capacity(settings.arguments.len());
    for (index, text) in settings.arguments.iter().enumerate() {
        let template =
            Template::parse(text, named).map_err(|reason| (format!("arguments.{index}"), reason))?;
        arguments.push(template);
    }
    let unused = settings.parameter.iter().position(|parameter| {
        let used = |template: &Template| template.names().any(|name| name == parameter.name);
        !arguments.iter().any(used)
    });
    if let Some(index) = unused {
        let reason = "stands in no argument: write it there as {name}, or remove it".to_owned();
        return Err((format!("parameter.{index}.name"), reason));
    }
    if settings.user.as_deref() == Some("") {
        return Err(("user".to_owned(), "must name a user".to_owned()));
    }
    let offered = OfferedAction {
        name: settings.name,
        description: settings.description,
        parameters: settings.parameter.into_iter().map(parameter).collect(),
        timeout_secs: settings.timeout_secs,
        requires_confirmation: settings.requires_confirmation,
        redacted: settings.redact,
    };
    if let Some((field, reason)) = offered.problem() {
        return Err((file_key(&field), reason));
    }
    Ok(Action {
        offered,
        program: settings.program,
        arguments,
        user: settings.user,
    })
}

fn parameter(settings: ParameterSettings) -> Parameter {
    Parameter {
        name: settings.name,
        description: settings.description,
        max_length: settings.max_length.unwrap_or(MAX_VALUE_BYTES),
        pattern: settings.pattern,
    }
}

/// `parameters[1].pattern` stands in the file as `parameter.1.pattern`.
fn file_key(field: &str) -> String {
    field.replace("parameters[", "parameter.").replace(']', "")
}
