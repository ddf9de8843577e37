//! One tag put on many systems, or taken off them, in a transaction of a bulk job.

use super::store;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::rules::{self, RulesCache};
use crate::storage::Conn;
use crate::systems;
use scm_protocol::annotations::MAX_TAGS;
use scm_protocol::ids::{JobId, SystemId, UnixMillis};
use serde_json::json;
use std::collections::HashMap;

/// What is done to each system, and who wanted it.
#[derive(Clone, Copy, Debug)]
pub struct TagOrder<'a> {
    /// Whose systems.
    pub organization_id: i64,
    /// The tag.
    pub tag: &'a str,
    /// Put on; else taken off.
    pub on: bool,
    /// The audit's action.
    pub action: &'static str,
    /// Who ordered it.
    pub actor: &'a Actor,
    /// The bulk job that it belongs to.
    pub job: JobId,
    /// When it is carried out.
    pub now: UnixMillis,
    /// Rules of automatic groups: tags are a field of theirs.
    pub rules: &'a RulesCache,
}

/// Why a tag was not put on a system, or not taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untagged {
    /// There is no such system.
    Gone,
    /// It has the tag, or has it not, as it should be.
    Already,
    /// It has as many tags as a system can have.
    Full,
}

/// What came of each system, in their order, and whether members of automatic groups changed with it.
pub type TaggedMany = (Vec<Result<(), Untagged>>, bool);

/// Whether the order changes a system with these tags.
fn judge(order: &TagOrder<'_>, tags: &[String]) -> Result<(), Untagged> {
    let has = tags.iter().any(|tag| tag == order.tag);
    if has == order.on {
        Err(Untagged::Already)
    } else if order.on && tags.len() >= MAX_TAGS {
        Err(Untagged::Full)
    } else {
        Ok(())
    }
}

/// The tags afterwards, sorted.
fn after(order: &TagOrder<'_>, before: &[String]) -> Vec<String> {
    let mut tags = before.to_vec();
    if order.on {
        tags.push(order.tag.to_owned());
        tags.sort_unstable();
    } else {
        tags.retain(|tag| tag != order.tag);
    }
    tags
}

/// Carries the order out, with an audit entry for each system that it changed.
///
/// # Errors
/// When the database fails.
pub fn tag_many(conn: &mut Conn, order: TagOrder<'_>, ids: &[SystemId]) -> Result<TaggedMany, Error> {
    let names = systems::held_names(conn, order.organization_id, ids)?;
    let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let before = store::tags_of(conn, &numbers)?;
    let tags_of = |id: &SystemId| before.get(&id.0).map_or(&[][..], Vec::as_slice);
    let judged = ids.iter().map(|id| match names.contains_key(id) {
        true => judge(&order, tags_of(id)),
        false => Err(Untagged::Gone),
    });
    let outcomes: Vec<Result<(), Untagged>> = judged.collect();
    let changed = ids.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
    let changed: Vec<SystemId> = changed.map(|(id, _)| *id).collect();
    store::tag(conn, &changed, order.tag, order.on)?;
    record(conn, order, &changed, (&names, &before))?;
    let changed: Vec<i64> = changed.iter().map(|id| id.0).collect();
    let moved = rules::reconcile_these(conn, order.rules, order.organization_id, &changed, order.now)?;
    Ok((outcomes, moved))
}

fn record(
    conn: &mut Conn,
    order: TagOrder<'_>,
    changed: &[SystemId],
    (names, before): (&HashMap<SystemId, String>, &HashMap<i64, Vec<String>>),
) -> Result<(), Error> {
    let targets: Vec<String> = changed.iter().map(|id| format!("system:{id}")).collect();
    let entries = changed.iter().zip(&targets).map(|(id, target)| {
        let before = before.get(&id.0).map_or(&[][..], Vec::as_slice);
        Entry {
            organization_id: order.organization_id,
            at: order.now,
            actor: order.actor,
            action: order.action,
            target,
            outcome: Outcome::Done,
            detail: json!({
                "hostname": names.get(id),
                "before": before,
                "after": after(&order, before),
                "job": order.job,
            }),
        }
    });
    let entries: Vec<Entry<'_>> = entries.collect();
    audit::record_all(conn, &entries)
}

/// Refuses a tag that no system of the organization has.
///
/// # Errors
/// [`Error::Invalid`] for `tag`.
pub fn tag_in_use(conn: &mut Conn, organization_id: i64, tag: &str) -> Result<(), Error> {
    if store::is_used(conn, organization_id, tag)? {
        return Ok(());
    }
    Err(Error::invalid("tag", format!("is `{tag}`, and no system has it")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_already_as_it_should_be_is_left() {
        let (actor, rules) = (Actor::server(), RulesCache::default());
        let order = |on| TagOrder {
            organization_id: 1,
            tag: "prod",
            on,
            action: "annotations.tags.change",
            actor: &actor,
            job: JobId(1),
            now: UnixMillis(1),
            rules: &rules,
        };
        let tags = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        assert_eq!(judge(&order(true), &tags(&["web"])), Ok(()));
        assert_eq!(after(&order(true), &tags(&["web"])), tags(&["prod", "web"]));
        assert_eq!(judge(&order(true), &tags(&["prod"])), Err(Untagged::Already));
        assert_eq!(judge(&order(false), &tags(&["web"])), Err(Untagged::Already));
        assert_eq!(after(&order(false), &tags(&["prod", "web"])), tags(&["web"]));
        let full: Vec<String> = (0..MAX_TAGS).map(|number| format!("t{number}")).collect();
        assert_eq!(judge(&order(true), &full), Err(Untagged::Full));
        assert_eq!(judge(&order(false), &full), Err(Untagged::Already));
    }
}
