//! `GET /api/v1/audit`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, json};

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Entries of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The route.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "audit.list", list)
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ListQuery = authorized.call.query()?;
    let organization_id = authorized.principal.organization_id;
    let page = service::page(&app, organization_id, query.cursor.as_deref(), query.limit).await?;
    Ok(json(&page).into_response())
}
