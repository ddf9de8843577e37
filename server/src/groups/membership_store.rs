//! Rows of `group_members`. A system is in a group when its row has the group's generation.

use super::membership::Membership;
use crate::error::Error;
use crate::storage::schema::{enrollment_token_groups as chosen, group_members as members, groups, systems};
use crate::storage::{Conn, one_of};
use crate::{of_organization, per_backend};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use scm_protocol::ids::{GroupId, SystemId, UnixMillis};
use std::collections::HashMap;

/// Rows of one insert: SQLite takes some 32,000 values in a statement.
const ROWS: usize = 2_000;

/// How many systems are in each group of an organization.
pub(super) fn counts(conn: &mut Conn, organization_id: i64) -> Result<HashMap<i64, i64>, Error> {
    let rows: Vec<(i64, i64)> = per_backend!(conn, c => members::table
        .inner_join(groups::table)
        .filter(groups::organization_id.eq(organization_id))
        .filter(members::generation.eq(groups::generation))
        .group_by(members::group_id)
        .select((members::group_id, diesel::dsl::count_star()))
        .load(c)?);
    Ok(rows.into_iter().collect())
}

/// How many systems a generation of a group has.
pub(super) fn count(conn: &mut Conn, group: GroupId, generation: i64) -> Result<i64, Error> {
    Ok(members::table
        .filter(members::group_id.eq(group.0))
        .filter(members::generation.eq(generation))
        .count()
        .get_result(conn)?)
}

/// The systems of a generation above `after`, by id, at most `limit`.
pub(super) fn page(
    conn: &mut Conn,
    group: GroupId,
    generation: i64,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, Error> {
    Ok(members::table
        .filter(members::group_id.eq(group.0))
        .filter(members::generation.eq(generation))
        .filter(members::system_id.gt(after))
        .order(members::system_id)
        .limit(limit)
        .select(members::system_id)
        .load(conn)?)
}

/// Which of these systems are in a generation of a group.
pub(super) fn among(
    conn: &mut Conn,
    group: GroupId,
    generation: i64,
    systems: &[i64],
) -> Result<Vec<i64>, Error> {
    Ok(members::table
        .filter(members::group_id.eq(group.0))
        .filter(members::generation.eq(generation))
        .filter(members::system_id.eq_any(systems))
        .select(members::system_id)
        .load(conn)?)
}

/// Names of the groups that systems with ids from the first to the last are in, by system.
pub(super) fn names_between(
    conn: &mut Conn,
    (first, last): (i64, i64),
) -> Result<HashMap<i64, Vec<String>>, Error> {
    let rows: Vec<(i64, String)> = per_backend!(conn, c => members::table
        .inner_join(groups::table)
        .filter(members::system_id.between(first, last))
        .filter(members::generation.eq(groups::generation))
        .order((members::system_id, groups::name))
        .select((members::system_id, groups::name))
        .load(c)?);
    Ok(by_key(rows))
}

/// Names of the groups that these systems are in, by system.
pub(super) fn names_of(conn: &mut Conn, systems: &[i64]) -> Result<HashMap<i64, Vec<String>>, Error> {
    let rows: Vec<(i64, String)> = per_backend!(conn, c => members::table
        .inner_join(groups::table)
        .filter(members::system_id.eq_any(systems))
        .filter(members::generation.eq(groups::generation))
        .order((members::system_id, groups::name))
        .select((members::system_id, groups::name))
        .load(c)?);
    Ok(by_key(rows))
}

/// The groups that a system is in, with who added it and when.
pub(super) fn of_system(
    conn: &mut Conn,
    system: SystemId,
) -> Result<HashMap<i64, (String, UnixMillis)>, Error> {
    let rows: Vec<(i64, String, i64)> = per_backend!(conn, c => members::table
        .inner_join(groups::table)
        .filter(members::system_id.eq(system.0))
        .filter(members::generation.eq(groups::generation))
        .select((members::group_id, members::added_by, members::added_ms))
        .load(c)?);
    let rows = rows.into_iter();
    Ok(rows
        .map(|(group, by, at)| (group, (by, UnixMillis(at))))
        .collect())
}

/// The memberships of these systems in automatic groups, of every generation.
pub(super) fn auto(conn: &mut Conn, systems: &[i64]) -> Result<Vec<Membership>, Error> {
    let automatic = members::table.filter(members::generation.gt(0)).select((
        members::group_id,
        members::generation,
        members::system_id,
    ));
    let rows: Vec<(i64, i64, i64)> = match conn {
        Conn::Sqlite(c) => automatic.filter(one_of(members::system_id, systems)).load(c)?,
        Conn::Postgres(c) => automatic.filter(members::system_id.eq_any(systems)).load(c)?,
    };
    let rows = rows.into_iter();
    Ok(rows
        .map(|(group, generation, system)| Membership {
            group: GroupId(group),
            generation,
            system: SystemId(system),
        })
        .collect())
}

/// Adds rows; answers how many were not there.
pub(super) fn add(
    conn: &mut Conn,
    joining: &[Membership],
    by: &str,
    now: UnixMillis,
) -> Result<usize, Error> {
    let mut added = 0;
    for part in joining.chunks(ROWS) {
        let rows: Vec<_> = part
            .iter()
            .map(|one| {
                (
                    members::group_id.eq(one.group.0),
                    members::generation.eq(one.generation),
                    members::system_id.eq(one.system.0),
                    members::added_ms.eq(now.0),
                    members::added_by.eq(by),
                )
            })
            .collect();
        added += per_backend!(conn, c => diesel::insert_into(members::table)
            .values(&rows)
            .on_conflict_do_nothing()
            .execute(c))?;
    }
    Ok(added)
}

/// Removes systems from a generation of a group; answers how many were in it.
pub(super) fn remove(
    conn: &mut Conn,
    group: GroupId,
    generation: i64,
    systems: &[i64],
) -> Result<usize, Error> {
    let mut removed = 0;
    for part in systems.chunks(ROWS) {
        let rows = members::table
            .filter(members::group_id.eq(group.0))
            .filter(members::generation.eq(generation))
            .filter(members::system_id.eq_any(part));
        removed += diesel::delete(rows).execute(conn)?;
    }
    Ok(removed)
}

/// How many systems are in both of two generations.
pub(super) fn count_shared(conn: &mut Conn, group: GroupId, one: i64, other: i64) -> Result<i64, Error> {
    let others = diesel::alias!(members as others);
    let there = others
        .filter(others.field(members::group_id).eq(group.0))
        .filter(others.field(members::generation).eq(other))
        .filter(others.field(members::system_id).eq(members::system_id));
    Ok(per_backend!(conn, c => members::table
        .filter(members::group_id.eq(group.0))
        .filter(members::generation.eq(one))
        .filter(exists(there))
        .count()
        .get_result(c)?))
}

/// The first systems by id that `to` has and `from` has not.
pub(super) fn joining(
    conn: &mut Conn,
    group: GroupId,
    (from, to): (i64, i64),
    limit: i64,
) -> Result<Vec<i64>, Error> {
    let before = diesel::alias!(members as before);
    let there = before
        .filter(before.field(members::group_id).eq(group.0))
        .filter(before.field(members::generation).eq(from))
        .filter(before.field(members::system_id).eq(members::system_id));
    Ok(per_backend!(conn, c => members::table
        .filter(members::group_id.eq(group.0))
        .filter(members::generation.eq(to))
        .filter(not(exists(there)))
        .order(members::system_id)
        .limit(limit)
        .select(members::system_id)
        .load(c)?))
}

/// Makes the members of a generation those of the group.
pub(super) fn put_in_force(conn: &mut Conn, group: GroupId, generation: i64) -> Result<(), Error> {
    diesel::update(groups::table.find(group.0))
        .set(groups::generation.eq(generation))
        .execute(conn)?;
    Ok(())
}

/// Forgets up to `limit` members of a generation of a group that is none of these; false when there is no such generation.
pub(super) fn forget_some(conn: &mut Conn, group: GroupId, kept: &[i64], limit: i64) -> Result<bool, Error> {
    let Some(generation) = other_generation(conn, group, kept)? else {
        return Ok(false);
    };
    let of_generation = members::table
        .filter(members::group_id.eq(group.0))
        .filter(members::generation.eq(generation));
    let last: Option<i64> = of_generation
        .order(members::system_id)
        .offset(limit - 1)
        .limit(1)
        .select(members::system_id)
        .first(conn)
        .optional()?;
    diesel::delete(of_generation.filter(members::system_id.le(last.unwrap_or(i64::MAX)))).execute(conn)?;
    Ok(true)
}

/// The lowest generation with members that is none of these. Each look is one step in the index.
pub(super) fn other_generation(conn: &mut Conn, group: GroupId, kept: &[i64]) -> Result<Option<i64>, Error> {
    let mut above = 0;
    loop {
        let next: Option<i64> = members::table
            .filter(members::group_id.eq(group.0))
            .filter(members::generation.gt(above))
            .order(members::generation)
            .select(members::generation)
            .first(conn)
            .optional()?;
        match next {
            Some(generation) if kept.contains(&generation) => above = generation,
            other => return Ok(other),
        }
    }
}

/// Forgets the generations of a group above one.
pub(super) fn remove_above(conn: &mut Conn, group: GroupId, generation: i64) -> Result<(), Error> {
    let rows = members::table
        .filter(members::group_id.eq(group.0))
        .filter(members::generation.gt(generation));
    diesel::delete(rows).execute(conn)?;
    Ok(())
}

/// Which of these systems an organization has.
pub(super) fn known(conn: &mut Conn, organization_id: i64, ids: &[i64]) -> Result<Vec<i64>, Error> {
    let mut known = Vec::with_capacity(ids.len());
    for part in ids.chunks(ROWS) {
        let rows: Vec<i64> = systems::table
            .filter(of_organization!(organization_id))
            .filter(systems::id.eq_any(part))
            .select(systems::id)
            .load(conn)?;
        known.extend(rows);
    }
    Ok(known)
}

/// The groups of an enrollment token.
pub(super) fn of_token(conn: &mut Conn, token: i64) -> Result<Vec<i64>, Error> {
    Ok(chosen::table
        .filter(chosen::token_id.eq(token))
        .order(chosen::group_id)
        .select(chosen::group_id)
        .load(conn)?)
}

/// Remembers the groups of an enrollment token.
pub(super) fn choose_for_token(conn: &mut Conn, token: i64, ids: &[GroupId]) -> Result<(), Error> {
    let rows: Vec<_> = ids
        .iter()
        .map(|id| (chosen::token_id.eq(token), chosen::group_id.eq(id.0)))
        .collect();
    per_backend!(conn, c => diesel::insert_into(chosen::table).values(&rows).execute(c))?;
    Ok(())
}

/// Names of the groups of every enrollment token of an organization.
pub(super) fn names_by_token(
    conn: &mut Conn,
    organization_id: i64,
) -> Result<HashMap<i64, Vec<String>>, Error> {
    let rows: Vec<(i64, String)> = per_backend!(conn, c => chosen::table
        .inner_join(groups::table)
        .filter(groups::organization_id.eq(organization_id))
        .order((chosen::token_id, groups::name))
        .select((chosen::token_id, groups::name))
        .load(c)?);
    Ok(by_key(rows))
}

fn by_key(rows: Vec<(i64, String)>) -> HashMap<i64, Vec<String>> {
    let mut all: HashMap<i64, Vec<String>> = HashMap::new();
    for (key, name) in rows {
        all.entry(key).or_default().push(name);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;

    #[test]
    fn what_is_kept_is_never_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        drop(Storage::open(&url).unwrap());
        let mut conn = url.connect().unwrap();
        let Conn::Sqlite(sqlite) = &mut conn else {
            panic!("not SQLite");
        };
        sqlite.batch_execute("PRAGMA foreign_keys = OFF").unwrap();
        for generation in 1..=4 {
            for system in 1..=5 {
                let row = format!("INSERT INTO group_members VALUES (1, {generation}, {system}, 0, 'rule')");
                sqlite.batch_execute(&row).unwrap();
            }
        }
        let group = GroupId(1);
        let members =
            |conn: &mut Conn| [1, 2, 3, 4].map(|generation| count(conn, group, generation).unwrap());
        // The second is in force, the fourth is being applied.
        assert!(forget_some(&mut conn, group, &[2, 4], 2).unwrap());
        assert_eq!(members(&mut conn), [3, 5, 5, 5]);
        while forget_some(&mut conn, group, &[2, 4], 2).unwrap() {}
        assert_eq!(members(&mut conn), [0, 5, 0, 5]);
        assert!(!forget_some(&mut conn, GroupId(2), &[], 2).unwrap());
    }
}
