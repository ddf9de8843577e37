//! Why a system is in an automatic group, or is not: condition by condition with what was observed.

use crate::facts::Facts;
use crate::fault::RuleFault;
use crate::rule::CompiledRule;
use scm_protocol::rules::{Condition, Rule};

/// A condition and how a system stands to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The condition.
    pub condition: Condition,
    /// The values that it was compared with; none when nothing is known.
    pub observed: Option<String>,
    /// Whether it holds.
    pub holds: bool,
}

/// How a system stands to each condition of a rule.
///
/// # Errors
/// [`RuleFault`] when the rule cannot be compiled.
pub fn explain(rule: &Rule, facts: &Facts<'_>) -> Result<Vec<Explained>, RuleFault> {
    let compiled = CompiledRule::new(rule)?;
    let pairs = rule.conditions().iter().zip(compiled.conditions());
    let explained = pairs.map(|(condition, compiled)| Explained {
        condition: condition.clone(),
        observed: facts.observed(condition.field),
        holds: compiled.holds(facts),
    });
    Ok(explained.collect())
}
