//! What is wrong with a condition, and where.

use std::fmt;

/// A part of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its field.
    Field,
    /// Its operator.
    Operator,
    /// Its value.
    Value,
}

impl Part {
    /// The member's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Field => "field",
            Part::Operator => "operator",
            Part::Value => "value",
        }
    }
}

/// Why a condition cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    /// The part at fault.
    pub part: Part,
    /// What is wrong and what is expected.
    pub reason: String,
}

impl Fault {
    pub(crate) fn field(reason: impl Into<String>) -> Self {
        Fault {
            part: Part::Field,
            reason: reason.into(),
        }
    }

    pub(crate) fn operator(reason: impl Into<String>) -> Self {
        Fault {
            part: Part::Operator,
            reason: reason.into(),
        }
    }

    pub(crate) fn value(reason: impl Into<String>) -> Self {
        Fault {
            part: Part::Value,
            reason: reason.into(),
        }
    }
}

/// Why a rule cannot be: the condition at fault and its fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RuleFault {
    /// Index of the condition, from 0.
    pub condition: usize,
    /// Its fault.
    pub fault: Fault,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "condition {}: {}", self.condition + 1, self.fault.reason)
    }
}
