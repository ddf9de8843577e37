//! What one observed value is tested for.

use crate::cidr::Cidr;
use crate::fault::Fault;
use crate::fold::{self, fold};
use crate::value::{self, MAX_LIST, MAX_VALUE_CHARS};
use regex::{Regex, RegexBuilder};
use scm_protocol::rules::{Condition, ConditionValue, FieldInfo, Kind, Operator};
use semver::Version;
use std::cmp::Ordering;
use std::net::IpAddr;

/// Most bytes that a compiled expression may take, and its lazily built automaton besides.
const REGEX_BYTES: usize = 256 * 1024;
/// Deepest nesting of groups in an expression.
const REGEX_NESTING: u32 = 32;

/// A test of one observed value; the negation of an operator is not part of it.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    Text(String),
    /// Folded, as are those below.
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    /// Of a linear engine within bounds: no expression takes long on any text.
    Regex(Regex),
    Address(IpAddr),
    Network(Cidr),
    OneOf(Vec<String>),
    Number(Order, f64),
    Version(Order, Version),
    Boolean(bool),
}

/// How an observed value lies to the one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn of(operator: Operator) -> Self {
        match operator {
            Operator::Lt => Order::Less,
            Operator::Le => Order::LessOrEqual,
            Operator::Gt => Order::Greater,
            Operator::Ge => Order::GreaterOrEqual,
            _ => Order::Equal,
        }
    }

    fn holds(self, observed: Ordering) -> bool {
        match self {
            Order::Equal => observed.is_eq(),
            Order::Less => observed.is_lt(),
            Order::LessOrEqual => observed.is_le(),
            Order::Greater => observed.is_gt(),
            Order::GreaterOrEqual => observed.is_ge(),
        }
    }
}

impl Test {
    /// The test of a condition whose operator suits its field.
    pub(crate) fn new(condition: &Condition) -> Result<Self, Fault> {
        let info = condition.field.info();
        if condition.operator.takes_list() {
            return list(&condition.value, info);
        }
        let ConditionValue::One(text) = &condition.value else {
            let reason = format!("{} takes one value, not a list", condition.operator);
            return Err(Fault::value(reason));
        };
        check_length(text)?;
        let test = match info.kind {
            Kind::Number => {
                value::number(text, info).map(|number| Test::Number(Order::of(condition.operator), number))
            }
            Kind::Boolean => value::boolean(text).map(Test::Boolean),
            _ => of_text(condition.operator, text, info),
        };
        test.map_err(Fault::value)
    }

    /// Whether a text satisfies it.
    pub(crate) fn text(&self, observed: &str) -> bool {
        match self {
            Test::Text(value) => observed == value,
            Test::Contains(value) => fold::contains(observed, value),
            Test::StartsWith(value) => fold::starts_with(observed, value),
            Test::EndsWith(value) => fold::ends_with(observed, value),
            Test::Regex(regex) => regex.is_match(observed),
            Test::Address(address) => value::address(observed) == Some(*address),
            Test::Network(network) => value::address(observed).is_some_and(|address| network.has(address)),
            Test::OneOf(values) => values.iter().any(|value| value == observed),
            Test::Version(order, version) => {
                value::version(observed).is_some_and(|observed| order.holds(observed.cmp_precedence(version)))
            }
            Test::Number(..) | Test::Boolean(_) => false,
        }
    }

    /// Whether a number satisfies it.
    pub(crate) fn number(&self, observed: f64) -> bool {
        let Test::Number(order, number) = self else {
            return false;
        };
        observed
            .partial_cmp(number)
            .is_some_and(|observed| order.holds(observed))
    }

    /// Whether a boolean satisfies it.
    pub(crate) fn boolean(&self, observed: bool) -> bool {
        matches!(self, Test::Boolean(value) if *value == observed)
    }
}

fn check_length(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::value("must not be empty"));
    }
    if text.chars().count() > MAX_VALUE_CHARS {
        return Err(Fault::value(format!(
            "must have at most {MAX_VALUE_CHARS} characters"
        )));
    }
    if text.chars().any(char::is_control) {
        return Err(Fault::value("must not have control characters"));
    }
    Ok(())
}

fn list(value: &ConditionValue, info: &FieldInfo) -> Result<Test, Fault> {
    let ConditionValue::Many(values) = value else {
        return Err(Fault::value("must be a list of values"));
    };
    if values.is_empty() || values.len() > MAX_LIST {
        return Err(Fault::value(format!("must have 1 to {MAX_LIST} values")));
    }
    let names: Result<Vec<String>, String> = values.iter().map(|text| value::name(text, info)).collect();
    names.map(Test::OneOf).map_err(Fault::value)
}

fn of_text(operator: Operator, text: &str, info: &FieldInfo) -> Result<Test, String> {
    match operator {
        Operator::Contains | Operator::NotContains => Ok(Test::Contains(fold(text))),
        Operator::StartsWith => Ok(Test::StartsWith(fold(text))),
        Operator::EndsWith => Ok(Test::EndsWith(fold(text))),
        Operator::Regex => regex(text).map(Test::Regex),
        Operator::InCidr => Cidr::parse(text).map(Test::Network),
        Operator::Lt | Operator::Le | Operator::Gt | Operator::Ge => value::version(text)
            .map(|version| Test::Version(Order::of(operator), version))
            .ok_or_else(|| format!("`{text}` is not a version; for example {}", info.example)),
        _ => equal(text, info),
    }
}

fn equal(text: &str, info: &FieldInfo) -> Result<Test, String> {
    match info.kind {
        Kind::Enum => value::name(text, info).map(Test::Text),
        Kind::Ip => value::address(text)
            .map(Test::Address)
            .ok_or_else(|| format!("`{text}` is not an IP address; for example {}", info.example)),
        _ => Ok(Test::Text(text.to_owned())),
    }
}

fn regex(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(REGEX_BYTES)
        .dfa_size_limit(REGEX_BYTES)
        .nest_limit(REGEX_NESTING)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "the regular expression is too large: write fewer or smaller repetitions".to_owned()
            }
            other => format!("not a regular expression: {}", last_line(&other.to_string())),
        })
}

/// The engine draws the place of a fault over several lines; what is wrong stands in the last one.
fn last_line(text: &str) -> &str {
    let line = text.lines().last().unwrap_or(text);
    line.strip_prefix("error: ").unwrap_or(line)
}
