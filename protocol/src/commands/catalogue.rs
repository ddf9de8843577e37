//! The actions that a system offers, as its agent reports them: never a path, never an argument.
//!
//! Agent, server and console check a parameter's value by the same function, [`Parameter::check`]; the agent's word counts.
//! Patterns are regular expressions of a linear engine over bytes: `\d`, `\w` and `\s` are ASCII. They match a whole value
//! or not at all.

use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use utoipa::ToSchema;

/// Most actions of a system.
pub const MAX_ACTIONS: usize = 64;
/// Most parameters of an action.
pub const MAX_PARAMETERS: usize = 16;
/// Longest name of an action or parameter, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// Longest description, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 200;
/// Longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 256;
/// Longest value of a parameter, in bytes.
pub const MAX_VALUE_BYTES: u32 = 1024;
/// Longest that an action may be given, in seconds: a day.
pub const MAX_TIMEOUT_SECS: u32 = 86_400;
/// Longest reason why an action is not offered, in bytes.
pub const MAX_REASON_BYTES: usize = 200;
/// Largest catalogue, as JSON, in bytes: it travels in one message.
pub const MAX_CATALOGUE_BYTES: usize = 40 * 1024;
/// What a compiled pattern may take, in bytes.
const MAX_COMPILED_BYTES: usize = 256 * 1024;

/// A parameter of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What a value must match as a whole; none: only its length is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Longest value, in bytes.
    pub max_length: u32,
}

/// An action that a system offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferedAction {
    /// Its name.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is to be given with it; all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// After how many seconds it is stopped.
    pub timeout_secs: u32,
    /// Whether who runs it must confirm.
    #[serde(default)]
    pub requires_confirmation: bool,
    /// Whether its output stays on the system.
    #[serde(default)]
    pub redacted: bool,
}

/// An action that stands in the agent's configuration and is not offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedAction {
    /// Its name.
    pub name: String,
    /// Why the agent refuses it.
    pub reason: String,
}

/// All that a system offers, and what it would not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Catalogue {
    /// Offered, by name.
    #[serde(default)]
    pub actions: Vec<OfferedAction>,
    /// Refused when the agent loaded its configuration, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedAction>,
}

/// A parameter whose value cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// The parameter.
    pub parameter: String,
    /// What is wrong.
    pub reason: String,
}

/// Whether a text can name an action or a parameter: letters, digits, `_`, `-` and `.`, not beginning with a sign.
pub fn is_name(text: &str) -> bool {
    let inner = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let first = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    first && inner && text.len() <= MAX_NAME_BYTES
}

/// Compiles a pattern, so that it matches a whole value or not at all.
///
/// # Errors
/// Why it is none, for a person.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
        return Err(format!("must be 1 to {MAX_PATTERN_BYTES} bytes long"));
    }
    // Checked by itself first: `a)(b` would be one between our brackets.
    let build = |text: &str| {
        RegexBuilder::new(text)
            .unicode(false)
            .size_limit(MAX_COMPILED_BYTES)
            .nest_limit(32)
            .build()
    };
    let whole = build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z")));
    whole.map_err(|error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim();
        format!("is no usable regular expression: {last}")
    })
}

/// What no value may have, whatever the pattern: it would mean something else to a program or on a screen.
fn never(value: &str) -> Option<&'static str> {
    if value.chars().any(char::is_control) {
        Some("must not contain control characters")
    } else if value.starts_with('-') {
        Some("must not begin with `-`: a program may take it for an option")
    } else if value.split(['/', '\\']).any(|part| part == "..") {
        Some("must not contain `..` as a part of a path")
    } else {
        None
    }
}

impl Parameter {
    /// Whether a value will do.
    ///
    /// # Errors
    /// Why not, for a person.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if value.len() > self.max_length as usize {
            return Err(format!("must be at most {} bytes long", self.max_length));
        }
        if let Some(reason) = never(value) {
            return Err(reason.to_owned());
        }
        match &self.pattern {
            None if value.is_empty() => Err("must not be empty".to_owned()),
            None => Ok(()),
            Some(pattern) => {
                let regex =
                    compile(pattern).map_err(|reason| format!("cannot be checked: its pattern {reason}"))?;
                if regex.is_match(value.as_bytes()) {
                    Ok(())
                } else {
                    Err(format!("must match {pattern}"))
                }
            }
        }
    }

    /// The first member that cannot be, and why.
    fn problem(&self) -> Option<(&'static str, String)> {
        if !is_name(&self.name) {
            return Some(("name", name_rule()));
        }
        if let Some(reason) = text_problem(&self.description, MAX_DESCRIPTION_BYTES) {
            return Some(("description", reason));
        }
        if !(1..=MAX_VALUE_BYTES).contains(&self.max_length) {
            return Some(("max_length", format!("must be 1 to {MAX_VALUE_BYTES}")));
        }
        let pattern = self.pattern.as_deref()?;
        compile(pattern).err().map(|reason| ("pattern", reason))
    }
}

impl OfferedAction {
    /// Whether these parameters will do: all that there are, each with a value that fits, and no others.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, given: &BTreeMap<String, String>) -> Result<(), BadValue> {
        let bad = |parameter: &str, reason: String| BadValue {
            parameter: parameter.to_owned(),
            reason,
        };
        for parameter in &self.parameters {
            let value = given
                .get(&parameter.name)
                .ok_or_else(|| bad(&parameter.name, "is missing".to_owned()))?;
            parameter
                .check(value)
                .map_err(|reason| bad(&parameter.name, reason))?;
        }
        let known = |name: &str| self.parameters.iter().any(|parameter| parameter.name == name);
        match given.keys().find(|name| !known(name)) {
            Some(name) => Err(bad(
                &name
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(MAX_NAME_BYTES)
                    .collect::<String>(),
                format!("is no parameter of `{}`", self.name),
            )),
            None => Ok(()),
        }
    }

    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(String, String)> {
        if !is_name(&self.name) {
            return Some(("name".to_owned(), name_rule()));
        }
        if let Some(reason) = text_problem(&self.description, MAX_DESCRIPTION_BYTES) {
            return Some(("description".to_owned(), reason));
        }
        if !(1..=MAX_TIMEOUT_SECS).contains(&self.timeout_secs) {
            return Some((
                "timeout_secs".to_owned(),
                format!("must be 1 to {MAX_TIMEOUT_SECS}"),
            ));
        }
        if self.parameters.len() > MAX_PARAMETERS {
            let reason = format!(
                "has {} entries, at most {MAX_PARAMETERS} are allowed",
                self.parameters.len()
            );
            return Some(("parameters".to_owned(), reason));
        }
        self.parameters.iter().enumerate().find_map(|(index, parameter)| {
            let twice = self.parameters[..index]
                .iter()
                .any(|other| other.name == parameter.name);
            let twice = twice.then(|| ("name", "is the name of another parameter".to_owned()));
            let (field, reason) = parameter.problem().or(twice)?;
            Some((format!("parameters[{index}].{field}"), reason))
        })
    }
}

impl Catalogue {
    /// The action of that name.
    pub fn action(&self, name: &str) -> Option<&OfferedAction> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty() && self.refused.is_empty()
    }

    /// Tells two catalogues apart; empty for an empty one.
    pub fn digest(&self) -> String {
        if self.is_empty() {
            return String::new();
        }
        let digest = Sha256::digest(serde_json::to_vec(self).unwrap_or_default());
        digest.iter().take(16).fold(String::new(), |mut text, byte| {
            // Writing to a text never fails.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(String, String)> {
        let count = self.actions.len() + self.refused.len();
        if count > MAX_ACTIONS {
            let reason = format!("has {count} entries, at most {MAX_ACTIONS} are allowed");
            return Some(("actions".to_owned(), reason));
        }
        let size = serde_json::to_vec(self).map_or(0, |json| json.len());
        if size > MAX_CATALOGUE_BYTES {
            let reason = format!("takes {size} bytes, at most {MAX_CATALOGUE_BYTES} are allowed");
            return Some(("actions".to_owned(), reason));
        }
        let offered = self.actions.iter().enumerate().find_map(|(index, action)| {
            let twice = self.actions[..index]
                .iter()
                .any(|other| other.name == action.name);
            let twice = twice.then(|| ("name".to_owned(), "is the name of another action".to_owned()));
            let (field, reason) = action.problem().or(twice)?;
            Some((format!("actions[{index}].{field}"), reason))
        });
        offered.or_else(|| {
            self.refused.iter().enumerate().find_map(|(index, action)| {
                let name = text_problem(&action.name, MAX_NAME_BYTES).map(|reason| ("name", reason));
                let reason =
                    || text_problem(&action.reason, MAX_REASON_BYTES).map(|reason| ("reason", reason));
                let (field, reason) = name.or_else(reason)?;
                Some((format!("refused[{index}].{field}"), reason))
            })
        })
    }
}

fn name_rule() -> String {
    format!(
        "must be 1 to {MAX_NAME_BYTES} letters, digits, `_`, `-` and `.`, beginning with a letter or digit"
    )
}

fn text_problem(text: &str, max: usize) -> Option<String> {
    if text.len() > max {
        Some(format!("is {} bytes long, at most {max} are allowed", text.len()))
    } else if text.chars().any(char::is_control) {
        Some("contains control characters".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
