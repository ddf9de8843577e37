//! The engine from outside: semantics by example and by property.

mod completion;
mod documentation;
mod evaluation;
mod filters;
mod properties;
mod regexes;

use crate::{CompiledCondition, Facts};
use scm_protocol::rules::{Condition, ConditionValue, Field, Operator};

/// A condition on one value; commas make a list where the operator takes one.
fn condition(field: &str, operator: &str, value: &str) -> Condition {
    let operator: Operator = operator.parse().unwrap();
    let value = if operator.takes_list() {
        ConditionValue::Many(value.split(',').map(str::to_owned).collect())
    } else {
        ConditionValue::One(value.to_owned())
    };
    Condition {
        field: field.parse::<Field>().unwrap(),
        operator,
        value,
    }
}

/// Whether it holds.
fn holds(facts: &Facts<'_>, field: &str, operator: &str, value: &str) -> bool {
    CompiledCondition::new(&condition(field, operator, value))
        .unwrap()
        .holds(facts)
}

/// Why it cannot be compiled.
fn fault(field: &str, operator: &str, value: &str) -> String {
    CompiledCondition::new(&condition(field, operator, value))
        .unwrap_err()
        .reason
}
