//! A condition, checked and ready to be asked.

use crate::facts::Facts;
use crate::fault::Fault;
use crate::test::Test;
use scm_protocol::rules::{Condition, Field};

/// A condition whose operator suits its field and whose value was parsed.
#[derive(Clone, Debug)]
pub struct CompiledCondition {
    field: Field,
    negated: bool,
    test: Test,
}

impl CompiledCondition {
    /// Checks and compiles.
    ///
    /// # Errors
    /// [`Fault`] naming the part at fault.
    pub fn new(condition: &Condition) -> Result<Self, Fault> {
        let info = condition.field.info();
        if !info.kind.allows(condition.operator) {
            let allowed: Vec<&str> = info
                .operators()
                .iter()
                .map(|operator| operator.as_str())
                .collect();
            return Err(Fault::operator(format!(
                "`{}` is not allowed for {}, a field of type {}; it has {}",
                condition.operator,
                info.name,
                info.kind.as_str(),
                allowed.join(", ")
            )));
        }
        Ok(CompiledCondition {
            field: condition.field,
            negated: condition.operator.is_negated(),
            test: Test::new(condition)?,
        })
    }

    /// What it asks about.
    pub fn field(&self) -> Field {
        self.field
    }

    /// Whether it holds.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        facts.any(self.field, &self.test) != self.negated
    }
}
