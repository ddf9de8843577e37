//! Between filters and rules.

use super::Filter;
use crate::fault::RuleFault;
use crate::rule::CompiledRule;
use scm_protocol::rules::{Condition, Rule, RuleSize};

/// Why a filter cannot be a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARule {
    /// Its conditions are alternatives.
    #[error("a rule has no `or`: all of its conditions must hold")]
    Alternatives,
    /// It negates what has no negated operator.
    #[error("a rule cannot express `not {0}`")]
    Negation(String),
    /// It looks for a word.
    #[error("a rule cannot look for `{0}`: name a field")]
    Text(String),
    /// It has no conditions or too many.
    #[error(transparent)]
    Size(#[from] RuleSize),
    /// A condition cannot be in a rule.
    #[error(transparent)]
    Condition(#[from] RuleFault),
}

impl From<&Rule> for Filter {
    fn from(rule: &Rule) -> Filter {
        Filter::all(rule.conditions().iter().cloned().map(Filter::Condition).collect())
    }
}

impl Filter {
    /// The rule that matches the same systems.
    ///
    /// # Errors
    /// [`NotARule`] when a rule cannot express it.
    pub fn to_rule(&self) -> Result<Rule, NotARule> {
        let conditions: Result<Vec<Condition>, NotARule> = match self {
            Filter::All(filters) => filters.iter().map(condition).collect(),
            one => condition(one).map(|condition| vec![condition]),
        };
        let rule = Rule::new(conditions?)?;
        CompiledRule::new(&rule)?;
        Ok(rule)
    }
}

fn condition(filter: &Filter) -> Result<Condition, NotARule> {
    match filter {
        Filter::Condition(condition) => Ok(condition.clone()),
        Filter::Text(text) => Err(NotARule::Text(text.clone())),
        Filter::Any(_) | Filter::All(_) => Err(NotARule::Alternatives),
        Filter::Not(inner) => negated(inner),
    }
}

fn negated(inner: &Filter) -> Result<Condition, NotARule> {
    let refused = || NotARule::Negation(inner.to_string());
    match inner {
        // What is negated twice is itself.
        Filter::Not(inner) => condition(inner),
        Filter::Condition(condition) => condition
            .operator
            .negation()
            .map(|operator| Condition {
                operator,
                ..condition.clone()
            })
            .ok_or_else(refused),
        _ => Err(refused()),
    }
}
