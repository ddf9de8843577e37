//! A rule, compiled once per version.

use crate::condition::CompiledCondition;
use crate::facts::{Facts, Needs};
use crate::fault::{Fault, RuleFault};
use scm_protocol::rules::{Condition, Field, Rule};
use scm_protocol::systems::SystemStatus;

/// A rule that can be asked about systems.
#[derive(Clone, Debug)]
pub struct CompiledRule {
    conditions: Vec<CompiledCondition>,
    /// No condition asks for the status: then the rule takes active systems only.
    active_only: bool,
}

impl CompiledRule {
    /// Checks and compiles.
    ///
    /// # Errors
    /// [`RuleFault`] naming the condition and the part at fault.
    pub fn new(rule: &Rule) -> Result<Self, RuleFault> {
        let compile = |(index, condition)| {
            Self::condition(condition).map_err(|fault| RuleFault {
                condition: index,
                fault,
            })
        };
        let conditions: Result<Vec<_>, _> = rule.conditions().iter().enumerate().map(compile).collect();
        let conditions = conditions?;
        Ok(CompiledRule {
            active_only: conditions
                .iter()
                .all(|condition| condition.field() != Field::Status),
            conditions,
        })
    }

    /// Checks and compiles one condition of a rule.
    ///
    /// # Errors
    /// [`Fault`] naming the part at fault, also for a field that only filters have.
    pub fn condition(condition: &Condition) -> Result<CompiledCondition, Fault> {
        let info = condition.field.info();
        if !info.in_rules {
            return Err(Fault::field(format!(
                "`{}` can be used in filters only, not in a rule",
                info.name
            )));
        }
        CompiledCondition::new(condition)
    }

    /// The conditions.
    pub fn conditions(&self) -> &[CompiledCondition] {
        &self.conditions
    }

    /// What has to be read of a system to ask about it.
    pub fn needs(&self) -> Needs {
        Needs::of(self.conditions.iter().map(CompiledCondition::field))
    }

    /// Whether a system of this status can match at all.
    pub fn admits(&self, status: Option<SystemStatus>) -> bool {
        !self.active_only || status == Some(SystemStatus::Active)
    }

    /// Whether all conditions hold.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.admits(facts.status) && self.conditions.iter().all(|condition| condition.holds(facts))
    }
}
