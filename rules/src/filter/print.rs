//! From a [`Filter`] to text that parses to the same filter.

use super::Filter;
use scm_protocol::rules::{Condition, ConditionValue, Operator};
use std::fmt;

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::All(filters) => join(f, filters, " and ", |inner| {
                matches!(inner, Filter::Any(_) | Filter::All(_))
            }),
            Filter::Any(filters) => join(f, filters, " or ", |inner| matches!(inner, Filter::Any(_))),
            Filter::Not(inner) => {
                f.write_str("not ")?;
                group(f, inner, matches!(**inner, Filter::All(_) | Filter::Any(_)))
            }
            Filter::Condition(condition) => write_condition(f, condition),
            Filter::Text(text) => write_text(f, text),
        }
    }
}

fn join(
    f: &mut fmt::Formatter<'_>,
    filters: &[Filter],
    separator: &str,
    grouped: fn(&Filter) -> bool,
) -> fmt::Result {
    for (index, filter) in filters.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        group(f, filter, grouped(filter))?;
    }
    Ok(())
}

fn group(f: &mut fmt::Formatter<'_>, filter: &Filter, grouped: bool) -> fmt::Result {
    if grouped {
        write!(f, "({filter})")
    } else {
        write!(f, "{filter}")
    }
}

fn write_condition(f: &mut fmt::Formatter<'_>, condition: &Condition) -> fmt::Result {
    write!(f, "{} {} ", condition.field, condition.operator.symbol())?;
    match &condition.value {
        ConditionValue::One(value) => write_value(f, value),
        ConditionValue::Many(values) => {
            f.write_str("(")?;
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    f.write_str(", ")?;
                }
                write_value(f, value)?;
            }
            f.write_str(")")
        }
    }
}

/// Bare where a value cannot be anything else.
fn write_value(f: &mut fmt::Formatter<'_>, value: &str) -> fmt::Result {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '@' | '+' | '%');
    if !value.is_empty() && value.chars().all(plain) {
        f.write_str(value)
    } else {
        write_quoted(f, value)
    }
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let keyword = ["and", "or", "not"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    let operator = text.to_lowercase().parse::<Operator>().is_ok();
    if keyword || operator || text.parse::<scm_protocol::rules::Field>().is_ok() {
        write_quoted(f, text)
    } else {
        write_value(f, text)
    }
}

/// A backslash is doubled only where it would stand for something else.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('"', _) => f.write_str("\\\"")?,
            ('\\', None | Some('"' | '\\')) => f.write_str("\\\\")?,
            _ => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
