//! Filters of the systems list under a name: one's own, or shared by all of an organization.
//!
//! Invariants: a stored filter could be parsed when it was saved; nobody sees or changes what is another's own; what is
//! shared is changed by whoever may change groups; a change and its audit entry are one transaction.

pub mod routes;
mod service;
mod store;
