//! From text to a [`Filter`]; a condition is checked as soon as it is read, so that a fault has its column.

use super::error::FilterError;
use super::scanner::{Scanner, Word};
use super::{Filter, MAX_FILTER_BYTES, MAX_FILTER_DEPTH, MAX_FILTER_TERMS};
use crate::condition::CompiledCondition;
use crate::fault::Part;
use scm_protocol::rules::{Condition, ConditionValue, Field, Kind, Operator, nearest};

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    if text.len() > MAX_FILTER_BYTES {
        let reason = format!("a filter has at most {MAX_FILTER_BYTES} bytes");
        return Err(FilterError::new(1, reason));
    }
    let mut parser = Parser {
        scanner: Scanner::new(text),
        terms: 0,
        depth: 0,
    };
    if parser.scanner.peek().is_none() {
        return Ok(Filter::EVERYTHING);
    }
    let filter = parser.any()?;
    match parser.scanner.peek() {
        None => Ok(filter),
        Some(found) => Err(parser.unexpected(found)),
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    terms: usize,
    depth: usize,
}

/// An operator as it was written.
struct Written {
    operator: Operator,
    /// `!~`, or `not` before an operator without a negated partner.
    inverted: bool,
    column: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Filter, FilterError> {
        let mut filters = vec![self.all()?];
        while self.scanner.take_keyword("or") {
            filters.push(self.all()?);
        }
        Ok(Filter::any(filters))
    }

    fn all(&mut self) -> Result<Filter, FilterError> {
        let mut filters = vec![self.one()?];
        loop {
            let joined = self.scanner.take_keyword("and");
            if !joined && self.ends_here() {
                return Ok(Filter::all(filters));
            }
            filters.push(self.one()?);
        }
    }

    /// Nothing that could be one more term follows.
    fn ends_here(&mut self) -> bool {
        let mut ahead = self.scanner;
        matches!(ahead.peek(), None | Some(')' | ',' | '=' | '!' | '~' | '<' | '>'))
            || ahead.take_keyword("or")
    }

    fn one(&mut self) -> Result<Filter, FilterError> {
        let column = self.scanner.column();
        self.depth += 1;
        if self.depth > MAX_FILTER_DEPTH {
            let reason = format!("more than {MAX_FILTER_DEPTH} levels of parentheses and `not`");
            return Err(FilterError::new(column, reason));
        }
        let filter = if self.scanner.take_keyword("not") {
            Filter::Not(Box::new(self.one()?))
        } else if self.scanner.take("(") {
            let inner = self.any()?;
            if !self.scanner.take(")") {
                let error = FilterError::new(self.scanner.column(), "expected `)`");
                return Err(error.suggesting(format!("the parenthesis at column {column} is not closed")));
            }
            inner
        } else {
            self.term()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter, FilterError> {
        let Some(name) = self.scanner.name()? else {
            return Err(match self.scanner.peek() {
                Some(found) => self.unexpected(found),
                None => FilterError::new(self.scanner.column(), "expected a condition or a word"),
            });
        };
        let reserved = ["and", "or"]
            .iter()
            .any(|word| name.text.eq_ignore_ascii_case(word));
        if reserved && !name.quoted {
            let error = FilterError::new(
                name.column,
                format!("expected a condition before `{}`", name.text),
            );
            return Err(error.suggesting("put quotes around it to look for it"));
        }
        self.terms += 1;
        if self.terms > MAX_FILTER_TERMS {
            let reason = format!("a filter has at most {MAX_FILTER_TERMS} conditions");
            return Err(FilterError::new(name.column, reason));
        }
        let written = if name.quoted { None } else { self.operator(&name)? };
        match written {
            Some(written) => self.condition(&name, &written),
            None => text(name),
        }
    }

    /// The operator behind a name, when there is one.
    fn operator(&mut self, name: &Word) -> Result<Option<Written>, FilterError> {
        let column = self.scanner.column();
        let number = name
            .text
            .parse::<Field>()
            .is_ok_and(|field| field.kind() == Kind::Number);
        if let Some((operator, inverted)) = self.symbol(number) {
            return Ok(Some(Written {
                operator,
                inverted,
                column,
            }));
        }
        let mut ahead = self.scanner;
        let negated = ahead.take_keyword("not");
        let word = ahead.name()?.filter(|word| !word.quoted);
        let Some(operator) = word.and_then(|word| word.text.to_lowercase().parse::<Operator>().ok()) else {
            return self.no_operator(name, column);
        };
        self.scanner = ahead;
        let partner = operator.negation().filter(|_| negated);
        Ok(Some(Written {
            operator: partner.unwrap_or(operator),
            inverted: negated && partner.is_none(),
            column,
        }))
    }

    fn symbol(&mut self, number: bool) -> Option<(Operator, bool)> {
        let equal = if number { Operator::Eq } else { Operator::Equals };
        let unequal = if number { Operator::Ne } else { Operator::NotEquals };
        let symbols = [
            ("!=", unequal, false),
            ("!~", Operator::Regex, true),
            ("<=", Operator::Le, false),
            (">=", Operator::Ge, false),
            ("==", equal, false),
            ("=", equal, false),
            ("~", Operator::Regex, false),
            ("<", Operator::Lt, false),
            (">", Operator::Gt, false),
        ];
        let found = symbols.into_iter().find(|(symbol, ..)| self.scanner.take(symbol));
        found.map(|(_, operator, inverted)| (operator, inverted))
    }

    /// A name without an operator is a word to look for, unless it is a field and what follows was meant as one.
    fn no_operator(&mut self, name: &Word, column: usize) -> Result<Option<Written>, FilterError> {
        let Ok(field) = name.text.parse::<Field>() else {
            return Ok(None);
        };
        let mut ahead = self.scanner;
        ahead.take_keyword("not");
        let next = ahead.name().ok().flatten().filter(|word| !word.quoted);
        let joins = |word: &Word| {
            ["and", "or"]
                .iter()
                .any(|join| word.text.eq_ignore_ascii_case(join))
        };
        let Some(word) = next.filter(|word| !joins(word)) else {
            return Ok(None);
        };
        let operators = field.kind().operators();
        let error = FilterError::new(column, format!("unknown operator `{}`", word.text));
        let known = operators.iter().map(|operator| operator.as_str());
        Err(match nearest(&word.text, known) {
            Some(meant) => error.suggesting(format!("did you mean `{meant}`?")),
            None => error.suggesting(format!("{field} has {}", written(operators))),
        })
    }

    fn condition(&mut self, name: &Word, written: &Written) -> Result<Filter, FilterError> {
        let field = name.text.parse::<Field>().map_err(|unknown| {
            let error = FilterError::new(name.column, format!("unknown field `{}`", unknown.name));
            error.suggesting(unknown.suggestion.trim_start_matches(", "))
        })?;
        let value_column = self.scanner.column();
        let condition = Condition {
            field,
            operator: written.operator,
            value: self.values(written.operator)?,
        };
        CompiledCondition::new(&condition).map_err(|fault| {
            let column = match fault.part {
                Part::Field => name.column,
                Part::Operator => written.column,
                Part::Value => value_column,
            };
            if fault.part == Part::Operator {
                let symbol = written.operator.symbol();
                let operators = self::written(field.kind().operators());
                FilterError::new(column, format!("`{symbol}` is not allowed for {field}"))
                    .suggesting(format!("it has {operators}"))
            } else {
                split_suggestion(column, &fault.reason)
            }
        })?;
        let filter = Filter::Condition(condition);
        Ok(if written.inverted {
            Filter::Not(Box::new(filter))
        } else {
            filter
        })
    }

    fn values(&mut self, operator: Operator) -> Result<ConditionValue, FilterError> {
        if !operator.takes_list() {
            return self.value().map(ConditionValue::One);
        }
        if !self.scanner.take("(") {
            let error = FilterError::new(self.scanner.column(), "expected `(`");
            return Err(error.suggesting(format!("as in `{operator} (a, b)`")));
        }
        let mut values = vec![self.value()?];
        while self.scanner.take(",") {
            values.push(self.value()?);
        }
        if self.scanner.take(")") {
            Ok(ConditionValue::Many(values))
        } else {
            Err(FilterError::new(self.scanner.column(), "expected `,` or `)`"))
        }
    }

    fn value(&mut self) -> Result<String, FilterError> {
        let column = self.scanner.column();
        let value = self.scanner.value()?;
        value.map(|word| word.text).ok_or_else(|| {
            FilterError::new(column, "expected a value")
                .suggesting("with quotes around it where it has spaces")
        })
    }

    fn unexpected(&mut self, found: char) -> FilterError {
        FilterError::new(self.scanner.column(), format!("unexpected `{found}`"))
    }
}

fn text(word: Word) -> Result<Filter, FilterError> {
    if word.text.trim().is_empty() || word.text.chars().any(char::is_control) {
        let reason = "a text to look for must have visible characters only";
        return Err(FilterError::new(word.column, reason));
    }
    Ok(Filter::Text(word.text))
}

/// The column goes behind what is wrong and before what was meant.
fn split_suggestion(column: usize, reason: &str) -> FilterError {
    match reason.split_once(", did you mean ") {
        Some((reason, meant)) => FilterError::new(column, reason).suggesting(format!("did you mean {meant}")),
        None => FilterError::new(column, reason),
    }
}

/// Operators as a filter writes them.
fn written(operators: &[Operator]) -> String {
    let symbols: Vec<&str> = operators.iter().map(|operator| operator.symbol()).collect();
    symbols.join(", ")
}
