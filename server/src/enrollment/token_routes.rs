//! `/api/v1/enrollment/tokens`.

use super::token_service::{self, Caller, Change};
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::header::CACHE_CONTROL;
use warp::http::{HeaderValue, StatusCode};
use warp::reply::{Reply, Response, json, with_status};

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Tokens of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let changes = [
        ("enrollment.tokens.disable", Change::Disable),
        ("enrollment.tokens.enable", Change::Enable),
        ("enrollment.tokens.delete", Change::Delete),
    ];
    let tokens = endpoint(app, "enrollment.tokens.list", list)
        .or(endpoint(app, "enrollment.tokens.create", create))
        .unify()
        .boxed();
    changes.into_iter().fold(tokens, |all, (name, kind)| {
        let route = endpoint(app, name, move |app, authorized| change(app, authorized, kind));
        all.or(route).unify().boxed()
    })
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

fn caller(authorized: &Authorized) -> Caller {
    Caller {
        organization_id: authorized.principal.organization_id,
        actor: authorized.actor(),
        route: authorized.call.route,
    }
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ListQuery = authorized.call.query()?;
    let organization_id = authorized.principal.organization_id;
    let page = token_service::page(&app, organization_id, query.cursor.as_deref(), query.limit).await?;
    Ok(json(&page).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let key = authorized.call.idempotency_key()?;
    let wanted = authorized.call.json()?;
    let created = token_service::create(&app, caller(&authorized), wanted, key).await?;
    let mut response = with_status(json(&created), StatusCode::CREATED).into_response();
    // The secret is in it.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn change(app: Arc<App>, authorized: Authorized, change: Change) -> Result<Response, Error> {
    let id = authorized.call.token_id()?;
    token_service::change(&app, caller(&authorized), id, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
