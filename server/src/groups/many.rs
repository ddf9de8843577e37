//! Many systems put into a manual group, or taken out of it, in a transaction of a bulk job.

use super::membership::Membership;
use super::membership_store;
use super::store::{self, GroupRow};
use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use crate::systems;
use scm_protocol::groups::GroupKind;
use scm_protocol::ids::{GroupId, JobId, SystemId, UnixMillis};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// What is done to each system, and who wanted it.
#[derive(Clone, Copy, Debug)]
pub struct MemberOrder<'a> {
    /// Whose systems.
    pub organization_id: i64,
    /// The group.
    pub group: GroupId,
    /// Joins; else leaves.
    pub joins: bool,
    /// The audit's action.
    pub action: &'static str,
    /// Who ordered it.
    pub actor: &'a Actor,
    /// The bulk job that it belongs to.
    pub job: JobId,
    /// When it is carried out.
    pub now: UnixMillis,
}

/// Why a system was not put into a group, or not taken out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmoved {
    /// There is no such system.
    Gone,
    /// The group was deleted.
    NoGroup,
    /// It is in the group, or is not, as it should be.
    Already,
}

/// The name of a group whose members people choose.
///
/// # Errors
/// [`Error::Invalid`] for `group` when there is none, [`Error::Conflict`] `automatic_group`.
pub fn manual_group(conn: &mut Conn, organization_id: i64, id: GroupId) -> Result<String, Error> {
    let row = store::find(conn, organization_id, id)?;
    let row = row.ok_or_else(|| Error::invalid("group", format!("is {id}, and there is no group {id}")))?;
    check_manual(&row)?;
    Ok(row.name)
}

/// Refuses a group whose rule decides on its members.
pub(super) fn check_manual(row: &GroupRow) -> Result<(), Error> {
    if row.kind()? == GroupKind::Manual {
        return Ok(());
    }
    Err(Error::Conflict {
        code: "automatic_group",
        detail: format!(
            "`{}` is an automatic group: its rule alone decides on its members",
            row.name
        ),
    })
}

/// Carries the order out, with an audit entry for each system that it moved: what came of them, in their order.
///
/// # Errors
/// When the database fails.
pub fn move_many(
    conn: &mut Conn,
    order: MemberOrder<'_>,
    ids: &[SystemId],
) -> Result<Vec<Result<(), Unmoved>>, Error> {
    let Some(group) = store::held(conn, order.organization_id, order.group)? else {
        return Ok(vec![Err(Unmoved::NoGroup); ids.len()]);
    };
    check_manual(&group)?;
    let names = systems::held_names(conn, order.organization_id, ids)?;
    let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let members = membership_store::among(conn, order.group, group.generation, &numbers)?;
    let members: HashSet<i64> = members.into_iter().collect();
    let judged = ids.iter().map(|id| match names.contains_key(id) {
        false => Err(Unmoved::Gone),
        true if members.contains(&id.0) == order.joins => Err(Unmoved::Already),
        true => Ok(()),
    });
    let outcomes: Vec<Result<(), Unmoved>> = judged.collect();
    let moved = ids.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
    let moved: Vec<SystemId> = moved.map(|(id, _)| *id).collect();
    write(conn, order, group.generation, &moved)?;
    record(conn, order, &group.name, &moved, &names)?;
    Ok(outcomes)
}

fn write(conn: &mut Conn, order: MemberOrder<'_>, generation: i64, moved: &[SystemId]) -> Result<(), Error> {
    if order.joins {
        let joining = moved.iter().map(|system| Membership {
            group: order.group,
            generation,
            system: *system,
        });
        let joining: Vec<Membership> = joining.collect();
        membership_store::add(conn, &joining, &order.actor.name, order.now)?;
    } else {
        let leaving: Vec<i64> = moved.iter().map(|system| system.0).collect();
        membership_store::remove(conn, order.group, generation, &leaving)?;
    }
    Ok(())
}

fn record(
    conn: &mut Conn,
    order: MemberOrder<'_>,
    group: &str,
    moved: &[SystemId],
    names: &HashMap<SystemId, String>,
) -> Result<(), Error> {
    let targets: Vec<String> = moved.iter().map(|id| format!("system:{id}")).collect();
    let change = if order.joins { "joined" } else { "left" };
    let entries = moved.iter().zip(&targets).map(|(id, target)| Entry {
        organization_id: order.organization_id,
        at: order.now,
        actor: order.actor,
        action: order.action,
        target,
        outcome: Outcome::Done,
        detail: json!({
            "hostname": names.get(id),
            "group": order.group,
            change: group,
            "job": order.job,
        }),
    });
    let entries: Vec<Entry<'_>> = entries.collect();
    audit::record_all(conn, &entries)
}
