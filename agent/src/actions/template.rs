//! An argument with places for values: `--unit={unit}`.
//!
//! Filled once, from left to right: what a value holds is never read again as a place.

use std::collections::BTreeMap;

/// An argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(String),
}

impl Template {
    /// Reads an argument; `known` says which names are parameters.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn parse(text: &str, known: impl Fn(&str) -> bool) -> Result<Self, String> {
        if text.contains('\0') {
            return Err("contains a zero byte".to_owned());
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            let doubled = from.starts_with("{{") || from.starts_with("}}");
            if doubled {
                plain.push_str(&from[..1]);
                rest = &from[2..];
                continue;
            }
            let name = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let Some((name, after)) = name else {
                return Err("has a single bracket: write {{ or }} where one is meant".to_owned());
            };
            if !known(name) {
                return Err(format!("names {{{name}}}, which is no parameter of this action"));
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Value(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template(parts))
    }

    /// The parameters that stand in it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Value(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The whole text, where nothing is to be filled in.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What stands before the first value.
    pub fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// The argument with its values. Values were checked before.
    pub fn fill(&self, values: &BTreeMap<String, String>) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Value(name) => values.get(name).map_or("", String::as_str),
        });
        parts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Template, String> {
        Template::parse(text, |name| matches!(name, "a" | "b"))
    }

    fn filled(text: &str, a: &str, b: &str) -> String {
        let values = [("a", a), ("b", b)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        parse(text).unwrap().fill(&values.into())
    }

    #[test]
    fn values_are_filled_in_once() {
        assert_eq!(filled("--x={a}/{b}!", "{b}", "2"), "--x={b}/2!");
        assert_eq!(filled("{{a}}{a}", "1", ""), "{a}1");
        assert_eq!(filled("", "1", "2"), "");
        assert_eq!(parse("{{}}").unwrap().literal(), Some("{}"));
        assert_eq!(parse("x{a}").unwrap().literal(), None);
        assert_eq!(parse("x{a}y{b}").unwrap().names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for bad in ["{", "}", "{a", "a}", "{c}", "{}", "{ a }", "a\0"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_value_arrives_as_it_is(value in "(?s).{0,30}", before in "[a-z=/]{0,5}") {
            prop_assert_eq!(filled(&format!("{before}{{a}}"), &value, "x"), format!("{before}{value}"));
        }
    }
}
