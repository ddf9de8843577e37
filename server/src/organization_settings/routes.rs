//! `/api/v1/settings`.

use super::service::{self, Change};
use crate::app::App;
use crate::auth;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::settings::ChangeSetting;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let reading = endpoint(app, "settings.list", list);
    let changing = endpoint(app, "settings.change", change)
        .or(endpoint(app, "settings.reset", reset))
        .unify();
    reading.or(changing).unify().boxed()
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let settings = service::list(&app, authorized.principal.organization_id).await?;
    Ok(json(&settings).into_response())
}

async fn change(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let ChangeSetting { value } = authorized.call.json()?;
    service::change(&app, wanted(&authorized)?, Some(value)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn reset(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    service::change(&app, wanted(&authorized)?, None).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn wanted(authorized: &Authorized) -> Result<Change, Error> {
    Ok(Change {
        definition: authorized.call.setting()?,
        organization_id: authorized.principal.organization_id,
        role: authorized.principal.role,
        actor: authorized.actor(),
        caller: authorized.call.peer,
        local: auth::is_exempt(&authorized.principal, authorized.call.peer),
        action: authorized.call.route,
    })
}
