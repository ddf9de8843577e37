//! Groups of systems and who is in them.
//!
//! Invariants: a group's kind never changes; the members of an automatic group change by its rule alone (room `rules`, by
//! the functions of `membership.rs`); the members of a group are those of its generation, so that a rule that is being
//! applied shows nothing until it is complete; a change and its audit entry are one transaction.

mod many;
mod membership;
mod membership_store;
pub mod routes;
mod service;
mod store;

pub use many::{MemberOrder, Unmoved, manual_group, move_many};
pub use membership::{
    Membership, auto_memberships, choose_for_token, count, count_shared, forget_some, has_others,
    join_manual, joining, members_of, memberships_of, move_auto, names_between, names_by_token, names_of,
    put_in_force, remove_generations_above,
};
pub use service::{auto_group, automatic, change_members_in, names};
