//! Who is in which group, for other rooms: the rules fill automatic groups, lists and filters show names.

use super::{membership_store as store, store as group_store};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::groups::GroupKind;
use scm_protocol::ids::{GroupId, SystemId, UnixMillis};
use std::collections::HashMap;

/// A system in a generation of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// Shown only when it is that of the group.
    pub generation: i64,
    /// The system.
    pub system: SystemId,
}

/// Names of the groups that systems with ids from the first to the last are in, by system.
///
/// # Errors
/// When the database fails.
pub fn names_between(conn: &mut Conn, range: (i64, i64)) -> Result<HashMap<i64, Vec<String>>, Error> {
    store::names_between(conn, range)
}

/// As [`names_between`], of these systems.
///
/// # Errors
/// When the database fails.
pub fn names_of(conn: &mut Conn, systems: &[i64]) -> Result<HashMap<i64, Vec<String>>, Error> {
    store::names_of(conn, systems)
}

/// The memberships of these systems in automatic groups, of every generation.
///
/// # Errors
/// When the database fails.
pub fn auto_memberships(conn: &mut Conn, systems: &[i64]) -> Result<Vec<Membership>, Error> {
    store::auto(conn, systems)
}

/// The groups that a system is in, with who added it and when, by id.
///
/// # Errors
/// When the database fails.
pub fn memberships_of(
    conn: &mut Conn,
    system: SystemId,
) -> Result<HashMap<i64, (String, UnixMillis)>, Error> {
    store::of_system(conn, system)
}

/// How many systems a generation of a group has.
///
/// # Errors
/// When the database fails.
pub fn count(conn: &mut Conn, group: GroupId, generation: i64) -> Result<i64, Error> {
    store::count(conn, group, generation)
}

/// All systems of a generation of a group, by id.
///
/// # Errors
/// When the database fails.
pub fn members_of(conn: &mut Conn, group: GroupId, generation: i64) -> Result<Vec<i64>, Error> {
    store::page(conn, group, generation, 0, i64::MAX)
}

/// Lets systems join and leave automatic groups.
///
/// # Errors
/// When the database fails.
pub fn move_auto(
    conn: &mut Conn,
    joining: &[Membership],
    leaving: &[Membership],
    now: UnixMillis,
) -> Result<(), Error> {
    store::add(conn, joining, "rule", now)?;
    let mut by_generation: HashMap<(GroupId, i64), Vec<i64>> = HashMap::new();
    for one in leaving {
        let systems = by_generation.entry((one.group, one.generation)).or_default();
        systems.push(one.system.0);
    }
    for ((group, generation), systems) in by_generation {
        store::remove(conn, group, generation, &systems)?;
    }
    Ok(())
}

/// How many systems are in both of two generations of a group.
///
/// # Errors
/// When the database fails.
pub fn count_shared(conn: &mut Conn, group: GroupId, one: i64, other: i64) -> Result<i64, Error> {
    store::count_shared(conn, group, one, other)
}

/// The first `limit` systems that join when a group goes from one generation to another; the other way round, that leave.
///
/// # Errors
/// When the database fails.
pub fn joining(
    conn: &mut Conn,
    group: GroupId,
    (from, to): (i64, i64),
    limit: i64,
) -> Result<Vec<SystemId>, Error> {
    let ids = store::joining(conn, group, (from, to), limit)?;
    Ok(ids.into_iter().map(SystemId).collect())
}

/// Makes the members of a generation those of the group.
///
/// # Errors
/// When the database fails.
pub fn put_in_force(conn: &mut Conn, group: GroupId, generation: i64) -> Result<(), Error> {
    store::put_in_force(conn, group, generation)
}

/// Forgets up to `limit` members of a generation that is none of these; false when there are none left.
///
/// # Errors
/// When the database fails.
pub fn forget_some(conn: &mut Conn, group: GroupId, kept: &[i64], limit: i64) -> Result<bool, Error> {
    store::forget_some(conn, group, kept, limit)
}

/// Whether there are members of a generation that is none of these.
///
/// # Errors
/// When the database fails.
pub fn has_others(conn: &mut Conn, group: GroupId, kept: &[i64]) -> Result<bool, Error> {
    Ok(store::other_generation(conn, group, kept)?.is_some())
}

/// Forgets the members of generations that were never put in force.
///
/// # Errors
/// When the database fails.
pub fn remove_generations_above(conn: &mut Conn, group: GroupId, generation: i64) -> Result<(), Error> {
    store::remove_above(conn, group, generation)
}

/// Chooses the manual groups that an enrollment token's systems join; answers their names.
///
/// # Errors
/// [`Error::Invalid`] for `groups`, naming one that cannot be.
pub fn choose_for_token(
    conn: &mut Conn,
    organization_id: i64,
    token: i64,
    ids: &[GroupId],
) -> Result<Vec<String>, Error> {
    let mut names = Vec::with_capacity(ids.len());
    let mut chosen: Vec<GroupId> = ids.to_vec();
    chosen.sort_unstable();
    chosen.dedup();
    for id in &chosen {
        let group = group_store::find(conn, organization_id, *id)?;
        let group =
            group.ok_or_else(|| Error::invalid("groups", format!("has {id}, and there is no group {id}")))?;
        if group.kind()? == GroupKind::Auto {
            let reason = format!(
                "has `{}`, an automatic group: its rule alone decides on its members",
                group.name
            );
            return Err(Error::invalid("groups", reason));
        }
        names.push(group.name);
    }
    store::choose_for_token(conn, token, &chosen)?;
    Ok(names)
}

/// Names of the groups that each enrollment token's systems join, by token.
///
/// # Errors
/// When the database fails.
pub fn names_by_token(conn: &mut Conn, organization_id: i64) -> Result<HashMap<i64, Vec<String>>, Error> {
    store::names_by_token(conn, organization_id)
}

/// Lets systems that an enrollment token approved join the token's groups; those that are gone are left out. Answers the
/// names of the groups.
///
/// # Errors
/// When the database fails.
pub fn join_manual(
    conn: &mut Conn,
    (organization_id, token): (i64, i64),
    systems: &[SystemId],
    by: &str,
    now: UnixMillis,
) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for id in store::of_token(conn, token)? {
        let Some(group) = group_store::find(conn, organization_id, GroupId(id))? else {
            continue;
        };
        if group.kind()? == GroupKind::Manual {
            let joining: Vec<Membership> = systems
                .iter()
                .map(|system| Membership {
                    group: GroupId(id),
                    generation: group.generation,
                    system: *system,
                })
                .collect();
            store::add(conn, &joining, by, now)?;
            names.push(group.name);
        }
    }
    Ok(names)
}
