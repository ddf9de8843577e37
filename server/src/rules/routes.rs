//! `/api/v1/rules`, `/api/v1/groups/{id}/rule` and `/api/v1/systems/{id}/groups`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::ids::GroupId;
use scm_protocol::rules::FieldCatalogue;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, json};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let reading = endpoint(app, "rules.fields", fields)
        .or(endpoint(app, "rules.preview", preview))
        .unify()
        .or(endpoint(app, "rules.explain", explain))
        .unify()
        .or(endpoint(app, "systems.groups", groups_of))
        .unify()
        .boxed();
    let changing = endpoint(app, "rules.save", save)
        .or(endpoint(app, "rules.disable", |app, authorized| {
            switch(app, authorized, false)
        }))
        .unify()
        .or(endpoint(app, "rules.enable", |app, authorized| {
            switch(app, authorized, true)
        }))
        .unify()
        .boxed();
    reading.or(changing).unify().boxed()
}

async fn fields(_app: Arc<App>, _authorized: Authorized) -> Result<Response, Error> {
    Ok(json(&FieldCatalogue::of_this_version()).into_response())
}

async fn preview(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let draft = authorized.call.json()?;
    let preview = service::preview(&app, authorized.principal.organization_id, draft).await?;
    Ok(json(&preview).into_response())
}

async fn explain(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let draft = authorized.call.json()?;
    let explained = service::explain(&app, authorized.principal.organization_id, draft).await?;
    Ok(json(&explained).into_response())
}

async fn groups_of(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.system_id()?;
    let groups = service::groups_of(&app, authorized.principal.organization_id, id).await?;
    Ok(json(&groups).into_response())
}

async fn save(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let (id, rule) = (GroupId(authorized.call.id("group")?), authorized.call.json()?);
    let saved = service::save(&app, authorized.caller(), id, rule).await?;
    Ok(json(&saved).into_response())
}

async fn switch(app: Arc<App>, authorized: Authorized, enabled: bool) -> Result<Response, Error> {
    let id = GroupId(authorized.call.id("group")?);
    let saved = service::switch(&app, authorized.caller(), id, enabled).await?;
    Ok(json(&saved).into_response())
}
