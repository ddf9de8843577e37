//! The condition language at work: text of filters, checks of values, evaluation, and the reasons for an outcome.
//!
//! The language as data is `scm_protocol::rules`; this crate is its engine, used by the server and the console and kept
//! out of the agent. Everything here is pure: no clock, no database. A rule or filter is compiled once and then asked
//! about any number of systems.
//!
//! Semantics, the same everywhere: `contains`, `starts_with` and `ends_with` ignore case (Unicode), `equals` and `regex`
//! do not. A field has any number of values: a positive operator holds when one of them satisfies it, a negated one when
//! none does; so a missing value satisfies no positive operator and every negated one.

mod cidr;
mod condition;
mod explain;
mod facts;
mod fault;
pub mod filter;
mod fold;
mod rule;
mod test;
#[cfg(test)]
mod tests;
mod value;
mod version;

pub use condition::CompiledCondition;
pub use explain::{Explained, explain};
pub use facts::{Facts, Needs};
pub use fault::{Fault, Part, RuleFault};
pub use filter::{CompiledFilter, Filter, FilterError};
pub use rule::CompiledRule;
pub use version::compare_versions;
