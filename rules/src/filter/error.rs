//! What is wrong with a filter's text, and where.

use std::fmt;

/// A fault in a filter's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
    /// `did you mean …?`, or what is expected; empty where nothing can be offered.
    pub suggestion: String,
}

impl FilterError {
    pub(crate) fn new(column: usize, reason: impl Into<String>) -> Self {
        FilterError {
            column,
            reason: reason.into(),
            suggestion: String::new(),
        }
    }

    pub(crate) fn suggesting(self, suggestion: impl Into<String>) -> Self {
        FilterError {
            suggestion: suggestion.into(),
            ..self
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at column {}", self.reason, self.column)?;
        if self.suggestion.is_empty() {
            Ok(())
        } else {
            write!(f, ", {}", self.suggestion)
        }
    }
}

impl std::error::Error for FilterError {}
