//! `GET /api/v1/audit` and what is below it.

use super::export::{self, Format};
use super::filter::{Asked, Filter};
use super::{forward, service, watch};
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use utoipa::openapi::path::Parameter;
use warp::Filter as _;
use warp::filters::BoxedFilter;
use warp::http::HeaderValue;
use warp::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use warp::reply::{Reply, Response, json};

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Entries of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Not before this: an RFC 3339 time, a day (its beginning in UTC), or unix milliseconds.
    from: Option<String>,
    /// Before this, in the same forms.
    to: Option<String>,
    /// Who, for example `user:jdoe`; with `*` at the end, how it begins.
    actor: Option<String>,
    /// What, for example `systems.approve` or `systems.*`; with `!` in front, anything but that.
    action: Option<String>,
    /// On what, for example `system:42`; with `*` at the end, how it begins.
    target: Option<String>,
    /// `ok` or `refused`.
    outcome: Option<String>,
    /// Text anywhere in actor, address, action, target or detail, in any case.
    text: Option<String>,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `jsonl` (unless given), which can be verified by itself, or `csv`.
    format: Option<String>,
    /// Not before this: an RFC 3339 time, a day (its beginning in UTC), or unix milliseconds.
    from: Option<String>,
    /// Before this, in the same forms.
    to: Option<String>,
    /// Who; with `*` at the end, how it begins.
    actor: Option<String>,
    /// What; with `*` at the end, how it begins.
    action: Option<String>,
    /// On what; with `*` at the end, how it begins.
    target: Option<String>,
    /// `ok` or `refused`.
    outcome: Option<String>,
    /// Text anywhere in actor, address, action, target or detail, in any case.
    text: Option<String>,
}

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "audit.list", list)
        .or(endpoint(app, "audit.chain", chain))
        .unify()
        .or(endpoint(app, "audit.export", exported))
        .unify()
        .or(endpoint(app, "audit.forwarding", forwarding))
        .unify()
        .boxed()
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<Parameter> {
    ListQuery::into_params(|| None)
}

/// Parameters of the export, for the API's description.
pub fn export_parameters() -> Vec<Parameter> {
    ExportQuery::into_params(|| None)
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ListQuery = authorized.call.query()?;
    let filter = Filter::new(&Asked {
        from: query.from,
        to: query.to,
        actor: query.actor,
        action: query.action,
        target: query.target,
        outcome: query.outcome,
        text: query.text,
    })?;
    let organization_id = authorized.principal.organization_id;
    let page = service::page(
        &app,
        organization_id,
        filter,
        query.cursor.as_deref(),
        query.limit,
    )
    .await?;
    Ok(json(&page).into_response())
}

async fn chain(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let state = watch::chain(&app, authorized.principal.organization_id).await?;
    Ok(json(&state).into_response())
}

async fn forwarding(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let state = forward::state(&app, authorized.principal.organization_id).await?;
    Ok(json(&state).into_response())
}

async fn exported(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ExportQuery = authorized.call.query()?;
    let format = Format::parse(query.format.as_deref())?;
    let filter = Filter::new(&Asked {
        from: query.from,
        to: query.to,
        actor: query.actor,
        action: query.action,
        target: query.target,
        outcome: query.outcome,
        text: query.text,
    })?;
    let organization_id = authorized.principal.organization_id;
    let export = export::begin(app, organization_id, (filter, format), authorized.actor()).await?;
    let pieces = stream::try_unfold(export, |mut export| async move {
        let piece = export.next().await.inspect_err(|error| {
            tracing::warn!(error = %error, "an export of the audit was broken off");
        })?;
        Ok::<_, Error>(piece.map(|piece| (Bytes::from(piece), export)))
    });
    let mut response = warp::reply::stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    let disposition = format!("attachment; filename=\"audit.{}\"", format.extension());
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}
