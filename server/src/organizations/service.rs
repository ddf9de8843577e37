//! Listing and creating organizations.

use super::store;
use crate::app::App;
use crate::audit::{Entry, Outcome};
use crate::auth;
use crate::call::Caller;
use crate::error::Error;
use crate::signing::NewOrganization;
use crate::storage::hold_organization;
use scm_protocol::organizations::{CreateOrganization, CreatedOrganization, OrganizationList};
use serde_json::json;

/// Every organization of the server.
///
/// # Errors
/// When the database fails.
pub(super) async fn list(app: &App) -> Result<OrganizationList, Error> {
    Ok(OrganizationList {
        items: app.storage.readers.run(store::all).await?,
        server_time_ms: app.clock.now(),
    })
}

/// Creates an organization with its key and the setup code of its first owner. Recorded in both audits: in the one that the
/// local administrator works in, and as the first entry of the new one.
///
/// # Errors
/// [`Error::Conflict`] `name_taken`.
pub(super) async fn create(
    app: &App,
    caller: Caller,
    create: CreateOrganization,
) -> Result<CreatedOrganization, Error> {
    let now = app.clock.now();
    let new = NewOrganization::make(&app.master, &create.name, now)?;
    let setup_code = auth::setup_code()?;
    let (code, name, organization_id) = (
        setup_code.clone(),
        create.name.to_string(),
        caller.organization_id(),
    );
    let created = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let id = new.add(conn)?.ok_or_else(|| Error::Conflict {
            code: "name_taken",
            detail: format!("there is an organization named `{name}` already"),
        })?;
        auth::add_setup_code(conn, id, &code, now)?;
        let target = format!("organization:{name}");
        caller.record(conn, now, &target, json!({}))?;
        Entry {
            organization_id: id,
            at: now,
            actor: &caller.actor,
            action: caller.route,
            target: &target,
            outcome: Outcome::Done,
            detail: json!({}),
        }
        .write(conn)
    });
    created.await?;
    app.events.audited(organization_id);
    let name = create.name;
    Ok(CreatedOrganization { name, setup_code })
}
