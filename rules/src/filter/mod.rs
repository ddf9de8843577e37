//! Filters: conditions joined by `and`, `or`, `not` and parentheses, and words that are looked for.
//!
//! ```text
//! filter = any
//! any    = all ("or" all)*
//! all    = one ("and"? one)*
//! one    = "not" one | "(" any ")" | word operator value | word
//! ```

mod complete;
mod convert;
mod error;
mod parser;
mod print;
mod scanner;

pub use complete::{Candidate, Completion, complete};
pub use convert::NotARule;
pub use error::FilterError;

use crate::condition::CompiledCondition;
use crate::facts::{Facts, MENTIONED, Needs};
use crate::fault::Fault;
use crate::fold::fold;
use scm_protocol::rules::{Condition, Field};

/// Most bytes of a filter's text.
pub const MAX_FILTER_BYTES: usize = 4096;
/// Most conditions and words of a filter.
pub const MAX_FILTER_TERMS: usize = 64;
/// Deepest nesting of parentheses and `not`.
pub const MAX_FILTER_DEPTH: usize = 16;

/// What a list is narrowed to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Filter {
    /// All hold; an empty one matches everything.
    All(Vec<Filter>),
    /// At least one holds.
    Any(Vec<Filter>),
    /// Does not hold.
    Not(Box<Filter>),
    /// A condition.
    Condition(Condition),
    /// A text that the host name, the address or the name of the operating system contains, in any case.
    Text(String),
}

impl Filter {
    /// Matches everything.
    pub const EVERYTHING: Filter = Filter::All(Vec::new());

    /// Parses a filter's text; an empty one matches everything.
    ///
    /// # Errors
    /// [`FilterError`] with the column of the fault.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        parser::parse(text)
    }

    /// All of them; one of one is itself, and lists within the list become part of it.
    pub fn all(filters: Vec<Filter>) -> Filter {
        let mut flat = Vec::with_capacity(filters.len());
        for filter in filters {
            match filter {
                Filter::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match (flat.pop(), flat.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                flat.extend(last);
                Filter::All(flat)
            }
        }
    }

    /// At least one of them; one of one is itself, and lists within the list become part of it.
    pub fn any(filters: Vec<Filter>) -> Filter {
        let mut flat = Vec::with_capacity(filters.len());
        for filter in filters {
            match filter {
                Filter::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match (flat.pop(), flat.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                flat.extend(last);
                Filter::Any(flat)
            }
        }
    }
}

/// A filter that can be asked about systems.
#[derive(Clone, Debug)]
pub struct CompiledFilter {
    node: Node,
    needs: Needs,
    everything: bool,
}

#[derive(Clone, Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Condition(CompiledCondition),
    /// Folded.
    Text(String),
}

impl CompiledFilter {
    /// Checks and compiles.
    ///
    /// # Errors
    /// [`Fault`] of the first condition at fault; a filter that was parsed has none.
    pub fn new(filter: &Filter) -> Result<Self, Fault> {
        let mut fields = Vec::new();
        Ok(CompiledFilter {
            node: Node::new(filter, &mut fields)?,
            needs: Needs::of(fields),
            everything: *filter == Filter::EVERYTHING,
        })
    }

    /// Parses and compiles.
    ///
    /// # Errors
    /// [`FilterError`] with the column of the fault.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let filter = Filter::parse(text)?;
        Self::new(&filter).map_err(|fault| FilterError::new(1, fault.reason))
    }

    /// What has to be read of a system to ask about it.
    pub fn needs(&self) -> Needs {
        self.needs
    }

    /// Whether it matches every system.
    pub fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether it matches.
    pub fn matches(&self, facts: &Facts<'_>) -> bool {
        self.node.matches(facts)
    }
}

impl Node {
    fn new(filter: &Filter, fields: &mut Vec<Field>) -> Result<Self, Fault> {
        Ok(match filter {
            Filter::All(inner) => Node::All(Self::each(inner, fields)?),
            Filter::Any(inner) => Node::Any(Self::each(inner, fields)?),
            Filter::Not(inner) => Node::Not(Box::new(Self::new(inner, fields)?)),
            Filter::Condition(condition) => {
                fields.push(condition.field);
                Node::Condition(CompiledCondition::new(condition)?)
            }
            Filter::Text(text) => {
                fields.extend(MENTIONED);
                Node::Text(fold(text))
            }
        })
    }

    fn each(filters: &[Filter], fields: &mut Vec<Field>) -> Result<Vec<Self>, Fault> {
        filters.iter().map(|filter| Self::new(filter, fields)).collect()
    }

    fn matches(&self, facts: &Facts<'_>) -> bool {
        match self {
            Node::All(nodes) => nodes.iter().all(|node| node.matches(facts)),
            Node::Any(nodes) => nodes.iter().any(|node| node.matches(facts)),
            Node::Not(node) => !node.matches(facts),
            Node::Condition(condition) => condition.holds(facts),
            Node::Text(text) => facts.mentions(text),
        }
    }
}
