//! What people do with saved filters.

use super::store::{self, FilterRow, NewFilter};
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::systems;
use scm_protocol::access;
use scm_protocol::groups::name_problem;
use scm_protocol::ids::{FilterId, UnixMillis};
use scm_protocol::saved_filters::{SaveFilter, SavedFilter, SavedFilterList};
use serde_json::json;

/// Most filters of one owner.
const MAX_FILTERS: i64 = 200;
/// Most columns, and most bytes of one's name.
const MAX_COLUMNS: usize = 64;

/// One's own and the shared ones.
pub(super) async fn list(app: &App, caller: Caller) -> Result<SavedFilterList, Error> {
    let read = app
        .storage
        .readers
        .run(move |conn| store::visible(conn, caller.organization_id(), &caller.principal.username));
    let items = read.await?.into_iter().map(view);
    Ok(SavedFilterList {
        items: items.collect(),
    })
}

fn view(row: FilterRow) -> SavedFilter {
    SavedFilter {
        id: FilterId(row.id),
        name: row.name,
        filter: row.filter,
        sort: row.sort,
        columns: row
            .shown_columns
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
        shared: row.owner.is_empty(),
        changed_ms: UnixMillis(row.changed_ms),
    }
}

/// What is shared is changed by whoever may change groups.
fn check_role(caller: &Caller, shared: bool) -> Result<(), Error> {
    if shared && !access::allows(caller.principal.role, "groups.change") {
        return Err(Error::Forbidden(format!(
            "your role {} may keep filters of its own only, shared ones need editor or more",
            caller.principal.role.as_str()
        )));
    }
    Ok(())
}

fn check(save: &SaveFilter) -> Result<(), Error> {
    if let Some(reason) = name_problem(&save.name) {
        return Err(Error::invalid("name", reason));
    }
    systems::parse_filter(&save.filter)?;
    systems::check_order(&save.sort)?;
    let plain = |name: &String| {
        (1..=MAX_COLUMNS).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if save.columns.len() > MAX_COLUMNS || !save.columns.iter().all(plain) {
        return Err(Error::invalid("columns", "must be at most 64 names of columns"));
    }
    Ok(())
}

/// Saves a filter under its name.
pub(super) async fn save(app: &App, caller: Caller, save: SaveFilter) -> Result<SavedFilter, Error> {
    check_role(&caller, save.shared)?;
    check(&save)?;
    let now = app.clock.now();
    let organization_id = caller.organization_id();
    let saved = app.storage.writer.run(move |conn| {
        let owner = if save.shared {
            String::new()
        } else {
            caller.principal.username.clone()
        };
        if store::count(conn, organization_id, &owner)? >= MAX_FILTERS {
            return Err(Error::Conflict {
                code: "too_many",
                detail: format!("there are {MAX_FILTERS} saved filters already; delete some first"),
            });
        }
        let row = store::put(
            conn,
            &NewFilter {
                organization_id,
                owner,
                name: save.name,
                filter: save.filter,
                sort: save.sort,
                shown_columns: save.columns.join(","),
                changed_ms: now.0,
            },
        )?;
        let detail = json!({ "name": row.name, "filter": row.filter, "shared": save.shared });
        caller.record(conn, now, &format!("filter:{}", row.id), detail)?;
        Ok(view(row))
    });
    let saved = saved.await?;
    app.events.audited(organization_id);
    Ok(saved)
}

/// Deletes a filter.
pub(super) async fn delete(app: &App, caller: Caller, id: FilterId) -> Result<(), Error> {
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let deleted = app.storage.writer.run(move |conn| {
        let found = store::find(conn, caller.organization_id(), &caller.principal.username, id)?;
        let row = found.ok_or_else(|| Error::NotFound(format!("there is no saved filter {id}")))?;
        let shared = row.owner.is_empty();
        check_role(&caller, shared)?;
        store::delete(conn, id)?;
        let detail = json!({ "name": row.name, "filter": row.filter, "shared": shared });
        caller.record(conn, now, &format!("filter:{id}"), detail)
    });
    deleted.await?;
    app.events.audited(organization_id);
    Ok(())
}
