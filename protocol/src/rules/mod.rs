//! The condition language as data: fields, operators, conditions and rules.
//!
//! One language is used three times: rules of automatic groups, filters of the systems list, and the selection of bulk
//! actions. What crosses a wire is here, without any engine, so that the agent does not carry one; the crate `scm-rules`
//! parses filter text, checks values and evaluates. `docs/rules.md` is the same catalogue for people.

mod condition;
mod field;
mod fields;
mod operator;
mod suggestion;
mod wire;

pub use condition::{Condition, ConditionValue, MAX_CONDITIONS, Rule, RuleSize};
pub use field::{Field, FieldInfo, UnknownField};
pub use operator::{Kind, Operator, UnknownOperator};
pub use suggestion::nearest;
pub use wire::{
    ConditionOutcome, ExplainRule, FieldCatalogue, FieldDescription, MAX_SAMPLE, PreviewRule, RuleExplained,
    RulePreview, RuleSaved, SampleSystem, SaveRule,
};
