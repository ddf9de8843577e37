//! Conditions and the rules that are made of them, as JSON carries them.

use super::field::Field;
use super::operator::Operator;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Most conditions of a rule.
pub const MAX_CONDITIONS: usize = 8;

/// A field compared with a value. Whether the operator suits the field and the value parses is checked where it is
/// compiled, so that a draft can be carried as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What is asked about.
    pub field: Field,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub value: ConditionValue,
}

/// The value of a condition: one, or for `in` and `not_in` a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ConditionValue {
    /// One value, as text whatever the field's type; JSON numbers and booleans are taken too.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl ConditionValue {
    /// All values.
    pub fn as_slice(&self) -> &[String] {
        match self {
            ConditionValue::One(value) => std::slice::from_ref(value),
            ConditionValue::Many(values) => values,
        }
    }
}

impl From<&str> for ConditionValue {
    fn from(value: &str) -> Self {
        ConditionValue::One(value.to_owned())
    }
}

impl<'de> Deserialize<'de> for ConditionValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = ConditionValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, a number, true, false or a list of texts")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ConditionValue::One(text.to_owned()))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(ConditionValue::One(value.to_string()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(ConditionValue::One(value.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(ConditionValue::One(value.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(ConditionValue::One(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<ConditionValue>()? {
            match value {
                ConditionValue::One(value) => values.push(value),
                ConditionValue::Many(_) => return Err(A::Error::custom("a list cannot hold a list")),
            }
        }
        Ok(ConditionValue::Many(values))
    }
}

/// 1 to [`MAX_CONDITIONS`] conditions, all of which must hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Vec<Condition>", into = "Vec<Condition>")]
pub struct Rule(Vec<Condition>);

/// A rule has too few or too many conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleSize {
    /// It would match everything by accident.
    #[error("a rule needs at least one condition")]
    Empty,
    /// More than [`MAX_CONDITIONS`].
    #[error("a rule has at most {MAX_CONDITIONS} conditions, not {0}")]
    TooMany(usize),
}

impl Rule {
    /// A rule of these conditions.
    ///
    /// # Errors
    /// [`RuleSize`] when there are none or too many.
    pub fn new(conditions: Vec<Condition>) -> Result<Self, RuleSize> {
        match conditions.len() {
            0 => Err(RuleSize::Empty),
            1..=MAX_CONDITIONS => Ok(Rule(conditions)),
            more => Err(RuleSize::TooMany(more)),
        }
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }
}

impl TryFrom<Vec<Condition>> for Rule {
    type Error = RuleSize;

    fn try_from(conditions: Vec<Condition>) -> Result<Self, Self::Error> {
        Rule::new(conditions)
    }
}

impl From<Rule> for Vec<Condition> {
    fn from(rule: Rule) -> Self {
        rule.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::from_json;

    fn parsed(json: &str) -> Result<Rule, String> {
        from_json(json.as_bytes()).map_err(|error| error.to_string())
    }

    fn sized(count: usize) -> String {
        let condition = r#"{"field":"tag","operator":"equals","value":"a"}"#;
        format!("[{}]", vec![condition; count].join(","))
    }

    #[test]
    fn a_rule_has_one_to_eight_conditions() {
        assert_eq!(
            parsed(&sized(0)).unwrap_err(),
            "`.`: a rule needs at least one condition"
        );
        assert_eq!(parsed(&sized(8)).unwrap().conditions().len(), 8);
        assert_eq!(
            parsed(&sized(9)).unwrap_err(),
            "`.`: a rule has at most 8 conditions, not 9"
        );
    }

    #[test]
    fn the_member_at_fault_is_named() {
        let condition =
            |json: &str| from_json::<Condition>(json.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(
            condition(r#"{"field":"hostnme","operator":"equals","value":"a"}"#).unwrap_err(),
            "`field`: unknown field `hostnme`, did you mean `hostname`?"
        );
        assert_eq!(
            condition(r#"{"field":"hostname","operator":"matches","value":"a"}"#).unwrap_err(),
            "`operator`: unknown operator `matches`"
        );
        let error = condition(r#"{"field":"hostname","operator":"equals","value":{}}"#).unwrap_err();
        assert!(
            error.starts_with("`value`: invalid type: map, expected a text"),
            "{error}"
        );
        let error = condition(r#"{"field":"hostname","operator":"equals","value":"a","x":1}"#).unwrap_err();
        assert!(error.starts_with("`x`: unknown field `x`"), "{error}");
    }

    #[test]
    fn values_of_every_json_type_are_taken() {
        let value = |json: &str| {
            let json = format!(r#"{{"field":"tag","operator":"equals","value":{json}}}"#);
            from_json::<Condition>(json.as_bytes()).unwrap().value
        };
        assert_eq!(value(r#""a""#), "a".into());
        assert_eq!(value("4096"), "4096".into());
        assert_eq!(value("-1.5"), "-1.5".into());
        assert_eq!(value("true"), "true".into());
        let many = ConditionValue::Many(vec!["a".into(), "2".into()]);
        assert_eq!(value(r#"["a", 2]"#), many);
        assert_eq!(serde_json::to_string(&many).unwrap(), r#"["a","2"]"#);
    }
}
