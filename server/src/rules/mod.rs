//! Rules of automatic groups: what they are, whom they match, and how they are put in force.
//!
//! Invariants: the members of an automatic group are those of one version of its rule, never of two; a rule that is being
//! applied is asked by check-ins as well, so that it is true when it comes into force; what was compiled carries the version
//! that every use checks ([`RulesCache`]); a change and its audit entry are one transaction.

mod apply;
mod cache;
mod preview;
mod reconcile;
pub mod routes;
mod service;
mod store;
mod why;

pub use apply::tidy;
pub use cache::RulesCache;
pub use reconcile::{Observed, reconcile, reconcile_one, reconcile_these};
pub use service::{RuleOf, changed, of_group, of_organization};
