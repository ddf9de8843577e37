//! Tags and notes: what may be put on a system, and what follows from it.

use super::store;
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::rules::RulesCache;
use crate::storage::Conn;
use crate::{rules, systems};
use scm_protocol::annotations::{
    ChangeNote, ChangeTags, MAX_TAGS, SystemTags, TagCount, TagList, note_problem, tag_problem,
};
use scm_protocol::ids::{SystemId, UnixMillis};
use serde_json::json;
use std::collections::HashMap;

/// Tags by system, sorted, of systems with ids from the first to the last.
///
/// # Errors
/// When the database fails.
pub fn tags_between(conn: &mut Conn, range: (i64, i64)) -> Result<HashMap<i64, Vec<String>>, Error> {
    store::tags_between(conn, range)
}

/// Tags by system, sorted, of these systems.
///
/// # Errors
/// When the database fails.
pub fn tags_of(conn: &mut Conn, systems: &[i64]) -> Result<HashMap<i64, Vec<String>>, Error> {
    store::tags_of(conn, systems)
}

/// Notes by system, of systems with ids from the first to the last.
///
/// # Errors
/// When the database fails.
pub fn notes_between(conn: &mut Conn, range: (i64, i64)) -> Result<HashMap<i64, String>, Error> {
    store::notes_between(conn, range)
}

/// Notes by system, of these systems.
///
/// # Errors
/// When the database fails.
pub fn notes_of(conn: &mut Conn, systems: &[i64]) -> Result<HashMap<i64, String>, Error> {
    store::notes_of(conn, systems)
}

/// Puts tags on a system and takes others off, with its audit entry; rules are asked again at once. Answers the tags
/// afterwards.
///
/// # Errors
/// [`Error::Invalid`] naming the tag, [`Error::NotFound`] for the system.
pub fn change_tags_in(
    conn: &mut Conn,
    caller: &Caller,
    cache: &RulesCache,
    system: SystemId,
    change: &ChangeTags,
    now: UnixMillis,
) -> Result<Vec<String>, Error> {
    check(change)?;
    systems::exists(conn, caller.organization_id(), system)?;
    let tags_of = |conn: &mut Conn| {
        let tags = store::tags_between(conn, (system.0, system.0))?.remove(&system.0);
        Ok::<_, Error>(tags.unwrap_or_default())
    };
    let before = tags_of(conn)?;
    store::remove(conn, system, &change.remove)?;
    store::add(conn, system, &change.add)?;
    let after = tags_of(conn)?;
    if after.len() > MAX_TAGS {
        return Err(Error::invalid(
            "add",
            format!("would make {} tags, at most {MAX_TAGS} are allowed", after.len()),
        ));
    }
    if after != before {
        let detail = json!({ "before": before, "after": after });
        caller.record(conn, now, &format!("system:{system}"), detail)?;
        rules::reconcile_one(conn, cache, caller.organization_id(), system, now)?;
    }
    Ok(after)
}

fn check(change: &ChangeTags) -> Result<(), Error> {
    for (member, tags) in [("add", &change.add), ("remove", &change.remove)] {
        if tags.len() > MAX_TAGS {
            return Err(Error::invalid(
                member,
                format!("must have at most {MAX_TAGS} tags"),
            ));
        }
        for (index, tag) in tags.iter().enumerate() {
            if let Some(reason) = tag_problem(tag) {
                return Err(Error::invalid(format!("{member}[{index}]"), reason));
            }
        }
    }
    match change.add.iter().find(|tag| change.remove.contains(tag)) {
        Some(both) => Err(Error::invalid(
            "remove",
            format!("has `{both}`, which `add` has too"),
        )),
        None => Ok(()),
    }
}

/// [`change_tags_in`] as a request.
pub(super) async fn change_tags(
    app: &App,
    caller: Caller,
    system: SystemId,
    change: ChangeTags,
) -> Result<SystemTags, Error> {
    let (now, cache, organization_id) = (app.clock.now(), app.rules.clone(), caller.organization_id());
    let changed = app
        .storage
        .writer
        .run(move |conn| change_tags_in(conn, &caller, &cache, system, &change, now));
    let tags = changed.await?;
    app.events.listed(organization_id, system);
    app.events.groups(organization_id);
    Ok(SystemTags { tags })
}

/// Writes the note on a system.
pub(super) async fn change_note(
    app: &App,
    caller: Caller,
    system: SystemId,
    change: ChangeNote,
) -> Result<(), Error> {
    if let Some(reason) = note_problem(&change.note) {
        return Err(Error::invalid("note", reason));
    }
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let note = change.note.trim_end().to_owned();
    let changed = app.storage.writer.run(move |conn| {
        systems::exists(conn, caller.organization_id(), system)?;
        let before = store::notes_between(conn, (system.0, system.0))?.remove(&system.0);
        if before.as_deref().unwrap_or_default() == note {
            return Ok(());
        }
        store::set_note(conn, system, &note, &caller.actor.name, now)?;
        let detail = json!({ "before": before, "after": note });
        caller.record(conn, now, &format!("system:{system}"), detail)
    });
    changed.await?;
    app.events.listed(organization_id, system);
    Ok(())
}

/// Every tag in use.
pub(super) async fn tags(app: &App, organization_id: i64) -> Result<TagList, Error> {
    let read = app
        .storage
        .readers
        .run(move |conn| store::counts(conn, organization_id));
    let items = read
        .await?
        .into_iter()
        .map(|(tag, systems)| TagCount { tag, systems });
    Ok(TagList {
        items: items.collect(),
    })
}
