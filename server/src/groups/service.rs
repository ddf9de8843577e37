//! What people do with groups. A change and its audit entry are one transaction.

use super::many::check_manual;
use super::membership::Membership;
use super::membership_store;
use super::store::{self, GroupRow};
use crate::app::App;
use crate::auth::SecretHash;
use crate::call::Caller;
use crate::error::Error;
use crate::rules::{self, RuleOf};
use crate::storage::Conn;
use crate::systems::{self, Instants};
use crate::{idempotency, paging};
use scm_protocol::access;
use scm_protocol::groups::{
    ChangeGroup, ChangeMembers, CreateGroup, Group, GroupKind, GroupList, MAX_MEMBER_CHANGES, MemberPage,
    MembersChanged, description_problem, name_problem,
};
use scm_protocol::ids::{GroupId, SystemId, UnixMillis};
use serde_json::json;

/// All groups, manual ones first.
pub(super) async fn list(app: &App, organization_id: i64) -> Result<GroupList, Error> {
    let read = app.storage.readers.run(move |conn| {
        let counts = membership_store::counts(conn, organization_id)?;
        let mut rules = rules::of_organization(conn, organization_id)?;
        let rows = store::all(conn, organization_id)?.into_iter();
        rows.map(|row| {
            let members = counts.get(&row.id).copied().unwrap_or(0);
            let rule = rules.remove(&(row.id, row.generation));
            view(row, members, rule)
        })
        .collect()
    });
    Ok(GroupList { items: read.await? })
}

/// One group.
pub(super) async fn show(app: &App, organization_id: i64, id: GroupId) -> Result<Group, Error> {
    let read = move |conn: &mut Conn| read_group(conn, organization_id, id);
    app.storage.readers.run(read).await
}

fn read_group(conn: &mut Conn, organization_id: i64, id: GroupId) -> Result<Group, Error> {
    let row = find(conn, organization_id, id)?;
    let members = membership_store::count(conn, id, row.generation)?;
    let rule = rules::of_group(conn, id, row.generation)?;
    view(row, members, rule)
}

fn view(row: GroupRow, members: i64, rule: Option<RuleOf>) -> Result<Group, Error> {
    Ok(Group {
        id: GroupId(row.id),
        kind: row.kind()?,
        name: row.name,
        description: row.description,
        members,
        rule: rule.map(RuleOf::view).transpose()?,
        created_ms: UnixMillis(row.created_ms),
        created_by: row.created_by,
    })
}

fn find(conn: &mut Conn, organization_id: i64, id: GroupId) -> Result<GroupRow, Error> {
    let row = store::find(conn, organization_id, id)?;
    row.ok_or_else(|| Error::NotFound(format!("there is no group {id}")))
}

/// Refuses whoever may change manual groups only.
fn check_role(caller: &Caller, kind: GroupKind) -> Result<(), Error> {
    if kind == GroupKind::Auto && !access::allows(caller.principal.role, "rules.save") {
        return Err(Error::Forbidden(format!(
            "your role {} may change manual groups only, automatic ones need owner or admin",
            caller.principal.role.as_str()
        )));
    }
    Ok(())
}

fn taken(name: &str) -> Error {
    Error::Conflict {
        code: "name_taken",
        detail: format!("there is a group named `{name}` already"),
    }
}

fn check_texts(name: &str, description: &str) -> Result<(), Error> {
    let name = name_problem(name).map(|reason| ("name", reason));
    let problem = name.or_else(|| description_problem(description).map(|reason| ("description", reason)));
    problem.map_or(Ok(()), |(field, reason)| Err(Error::invalid(field, reason)))
}

/// Creates a group, with its first members when it is a manual one.
pub(super) async fn create(
    app: &App,
    caller: Caller,
    create: CreateGroup,
    idempotency_key: Option<&str>,
) -> Result<Group, Error> {
    check_role(&caller, create.kind)?;
    check_texts(&create.name, &create.description)?;
    if create.kind == GroupKind::Auto && !create.systems.is_empty() {
        return Err(Error::invalid(
            "systems",
            "must be empty: an automatic group has the members that its rule gives it",
        ));
    }
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let key = idempotency_key.map(|key| idempotency::Key {
        organization_id,
        principal: caller.actor.name.clone(),
        route: caller.route,
        hash: SecretHash::of(key),
    });
    let created = app.storage.writer.run(move |conn| {
        let add = |conn: &mut Conn| add(conn, &caller, &create, now);
        match &key {
            Some(key) => idempotency::once(conn, key, now, add),
            None => Ok(add(conn)?.1),
        }
    });
    let group = created.await?;
    app.events.groups(organization_id);
    Ok(group)
}

fn add(
    conn: &mut Conn,
    caller: &Caller,
    create: &CreateGroup,
    now: UnixMillis,
) -> Result<(i64, Group), Error> {
    let by = &caller.actor.name;
    let row = store::add(conn, caller.organization_id(), create, by, now)?;
    let row = row.ok_or_else(|| taken(&create.name))?;
    let id = GroupId(row.id);
    let systems = known(conn, caller.organization_id(), "systems", &create.systems)?;
    let joining: Vec<Membership> = systems.iter().map(|system| member(id, *system)).collect();
    let members = membership_store::add(conn, &joining, by, now)?;
    let detail = json!({ "name": create.name, "kind": create.kind, "members": members });
    caller.record(conn, now, &format!("group:{id}"), detail)?;
    Ok((row.id, read_group(conn, caller.organization_id(), id)?))
}

/// A manual group has one generation.
fn member(group: GroupId, system: SystemId) -> Membership {
    Membership {
        group,
        generation: 0,
        system,
    }
}

/// The systems, each once, when the organization has all of them.
fn known(
    conn: &mut Conn,
    organization_id: i64,
    field: &str,
    systems: &[SystemId],
) -> Result<Vec<SystemId>, Error> {
    if systems.len() > MAX_MEMBER_CHANGES {
        return Err(Error::invalid(
            field,
            format!("must have at most {MAX_MEMBER_CHANGES} systems"),
        ));
    }
    let mut ids: Vec<i64> = systems.iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let known = membership_store::known(conn, organization_id, &ids)?;
    match ids.iter().find(|id| !known.contains(id)) {
        Some(unknown) => Err(Error::invalid(
            field,
            format!("has {unknown}, and there is no system {unknown}"),
        )),
        None => Ok(ids.into_iter().map(SystemId).collect()),
    }
}

/// Sets name and description.
pub(super) async fn change(
    app: &App,
    caller: Caller,
    id: GroupId,
    change: ChangeGroup,
) -> Result<Group, Error> {
    check_texts(&change.name, &change.description)?;
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let changed = app.storage.writer.run(move |conn| {
        let row = find(conn, organization_id, id)?;
        let kind = row.kind()?;
        check_role(&caller, kind)?;
        if change.kind.is_some_and(|asked| asked != kind) {
            let reason = format!(
                "is {} and cannot be changed; create another group instead",
                kind.as_str()
            );
            return Err(Error::invalid("kind", reason));
        }
        let other = store::by_name(conn, organization_id, &change.name)?;
        if other.is_some_and(|other| other != id.0) {
            return Err(taken(&change.name));
        }
        if (&row.name, &row.description) != (&change.name, &change.description) {
            store::rename(conn, id, &change.name, &change.description)?;
            rules::changed(conn, organization_id)?;
            let detail = json!({
                "before": { "name": row.name, "description": row.description },
                "after": { "name": change.name, "description": change.description },
            });
            caller.record(conn, now, &format!("group:{id}"), detail)?;
        }
        read_group(conn, organization_id, id)
    });
    let group = changed.await?;
    app.events.groups(organization_id);
    Ok(group)
}

/// Deletes a group with its rule; its systems stay.
pub(super) async fn delete(app: &App, caller: Caller, id: GroupId) -> Result<(), Error> {
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let deleted = app.storage.writer.run(move |conn| {
        let row = find(conn, organization_id, id)?;
        check_role(&caller, row.kind()?)?;
        let members = membership_store::count(conn, id, row.generation)?;
        store::delete(conn, id)?;
        rules::changed(conn, organization_id)?;
        let detail = json!({ "name": row.name, "kind": row.kind, "members": members });
        caller.record(conn, now, &format!("group:{id}"), detail)
    });
    deleted.await?;
    app.events.groups(organization_id);
    Ok(())
}

/// Lets systems join and leave a manual group, with its audit entry.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] `automatic_group`, [`Error::Invalid`] naming a system that is not there.
pub fn change_members_in(
    conn: &mut Conn,
    caller: &Caller,
    id: GroupId,
    change: &ChangeMembers,
    now: UnixMillis,
) -> Result<MembersChanged, Error> {
    let row = find(conn, caller.organization_id(), id)?;
    check_manual(&row)?;
    let add = known(conn, caller.organization_id(), "add", &change.add)?;
    let remove: Vec<i64> = change.remove.iter().map(|system| system.0).collect();
    if let Some(both) = add.iter().find(|system| change.remove.contains(system)) {
        return Err(Error::invalid(
            "remove",
            format!("has {both}, which `add` has too"),
        ));
    }
    let joining: Vec<Membership> = add.iter().map(|system| member(id, *system)).collect();
    let removed = membership_store::remove(conn, id, 0, &remove)?;
    let added = membership_store::add(conn, &joining, &caller.actor.name, now)?;
    let members = membership_store::count(conn, id, 0)?;
    if added + removed > 0 {
        let detail = json!({
            "name": row.name,
            "added": added,
            "removed": removed,
            "members": members,
            "add": shown(&add),
            "remove": shown(&change.remove),
        });
        caller.record(conn, now, &format!("group:{id}"), detail)?;
    }
    Ok(MembersChanged {
        added: i64::try_from(added).unwrap_or(i64::MAX),
        removed: i64::try_from(removed).unwrap_or(i64::MAX),
        members,
    })
}

/// As many as an audit entry names.
fn shown(systems: &[SystemId]) -> &[SystemId] {
    &systems[..systems.len().min(100)]
}

/// [`change_members_in`] as a request.
pub(super) async fn change_members(
    app: &App,
    caller: Caller,
    id: GroupId,
    change: ChangeMembers,
) -> Result<MembersChanged, Error> {
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let changed = app
        .storage
        .writer
        .run(move |conn| change_members_in(conn, &caller, id, &change, now));
    let changed = changed.await?;
    app.events.groups(organization_id);
    Ok(changed)
}

/// A page of the members, by id.
pub(super) async fn members(
    app: &App,
    organization_id: i64,
    id: GroupId,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<MemberPage, Error> {
    let limit = paging::limit(limit)?;
    let after = paging::id_cursor(cursor)?.unwrap_or(0);
    let instants = Instants::of(app);
    let read = app.storage.readers.run(move |conn| {
        let row = find(conn, organization_id, id)?;
        let ids = membership_store::page(conn, id, row.generation, after, i64::from(limit))?;
        let full = ids.len() == limit as usize;
        Ok(MemberPage {
            next_cursor: ids.last().filter(|_| full).map(ToString::to_string),
            items: systems::summaries(conn, organization_id, &ids, instants)?,
            total: membership_store::count(conn, id, row.generation)?,
        })
    });
    read.await
}

/// The automatic group of that id: its name and the generation in force.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] `manual_group`.
pub fn auto_group(conn: &mut Conn, organization_id: i64, id: GroupId) -> Result<(String, i64), Error> {
    let row = find(conn, organization_id, id)?;
    if row.kind()? == GroupKind::Manual {
        return Err(Error::Conflict {
            code: "manual_group",
            detail: format!("`{}` is a manual group and has no rule", row.name),
        });
    }
    Ok((row.name, row.generation))
}

/// Every automatic group, between its organization and its generation in force.
///
/// # Errors
/// When the database fails.
pub fn automatic(conn: &mut Conn) -> Result<Vec<(i64, GroupId, i64)>, Error> {
    let groups = store::automatic(conn)?.into_iter();
    Ok(groups
        .map(|(organization_id, id, in_force)| (organization_id, GroupId(id), in_force))
        .collect())
}

/// Every group of an organization as id, name and kind, manual ones first.
///
/// # Errors
/// When the database fails.
pub fn names(conn: &mut Conn, organization_id: i64) -> Result<Vec<(GroupId, String, GroupKind)>, Error> {
    let rows = store::all(conn, organization_id)?.into_iter();
    rows.map(|row| Ok((GroupId(row.id), row.name.clone(), row.kind()?)))
        .collect()
}
