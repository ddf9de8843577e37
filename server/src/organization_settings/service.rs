//! Reading and changing settings.

use super::guard::{self, Proposal};
use super::store::{self, Row};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::auth::Role;
use scm_protocol::ids::UnixMillis;
use scm_protocol::settings::{CATALOGUE, Definition, Setting, SettingList, SettingValue};
use serde_json::{Value, json};
use std::net::IpAddr;

/// Which setting is to be changed, and by whom.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub definition: &'static Definition,
    pub organization_id: i64,
    pub role: Role,
    pub actor: Actor,
    pub caller: IpAddr,
    /// The local administrator on the server itself.
    pub local: bool,
    /// The audit's action.
    pub action: &'static str,
}

/// Every setting with what holds.
pub(super) async fn list(app: &App, organization_id: i64) -> Result<SettingList, Error> {
    let rows = app
        .storage
        .readers
        .run(move |conn| store::of(conn, organization_id))
        .await?;
    let row = |definition: &Definition| rows.iter().find(|row| row.name == definition.name());
    let items = CATALOGUE
        .iter()
        .map(|definition| view(definition, row(definition)));
    Ok(SettingList {
        items: items.collect(),
    })
}

fn view(definition: &Definition, row: Option<&Row>) -> Setting {
    let stored = row.and_then(|row| Some((row, definition.check(&row.value()).ok()?)));
    let (row, value) = match stored {
        Some((row, value)) => (Some(row), value),
        None => (None, definition.default_value()),
    };
    Setting {
        name: definition.name().to_owned(),
        about: definition.about().to_owned(),
        kind: definition.kind(),
        value,
        default: definition.default_value(),
        changeable_by: definition.roles().to_vec(),
        changed_ms: row.map(|row| UnixMillis(row.changed_ms)),
        changed_by: row.map(|row| row.changed_by.clone()),
    }
}

/// Changes a setting, or puts it back to its default; what holds already is left without an entry.
///
/// # Errors
/// [`Error::Forbidden`] when this role may not change this setting, [`Error::Invalid`] naming the bounds.
pub(super) async fn change(app: &App, change: Change, value: Option<Value>) -> Result<(), Error> {
    let definition = change.definition;
    if !definition.roles().contains(&change.role) {
        let roles: Vec<&str> = definition.roles().iter().map(|role| role.as_str()).collect();
        return Err(Error::Forbidden(format!(
            "`{}` is changed by: {}",
            definition.name(),
            roles.join(", ")
        )));
    }
    let wanted = match &value {
        Some(value) => definition
            .check(value)
            .map_err(|reason| Error::invalid("value", reason))?,
        None => definition.default_value(),
    };
    let proposal = Proposal {
        name: definition.name(),
        value: &wanted,
        caller: change.caller,
        local: change.local,
    };
    guard::check(&proposal)?;
    let (now, organization_id, store_it) = (app.clock.now(), change.organization_id, value.is_some());
    let changed = app
        .storage
        .writer
        .run(move |conn| write(conn, &change, &wanted, store_it, now))
        .await?;
    if changed {
        app.organization_settings.refresh(&app.storage).await?;
        app.events.settings(organization_id);
    }
    Ok(())
}

fn write(
    conn: &mut Conn,
    change: &Change,
    wanted: &SettingValue,
    store_it: bool,
    now: UnixMillis,
) -> Result<bool, Error> {
    let (definition, organization_id) = (change.definition, change.organization_id);
    let rows = store::of(conn, organization_id)?;
    let row = rows.iter().find(|row| row.name == definition.name());
    let before = view(definition, row).value;
    if before == *wanted && row.is_some() == store_it {
        return Ok(false);
    }
    if store_it {
        let row = Row {
            organization_id,
            name: definition.name().to_owned(),
            value: json!(wanted).to_string(),
            changed_ms: now.0,
            changed_by: change.actor.name.clone(),
        };
        store::put(conn, &row)?;
    } else {
        store::remove(conn, organization_id, definition.name())?;
    }
    Entry {
        organization_id,
        at: now,
        actor: &change.actor,
        action: change.action,
        target: &format!("setting:{}", definition.name()),
        outcome: Outcome::Done,
        detail: json!({ "before": before, "after": wanted }),
    }
    .write(conn)?;
    Ok(true)
}
