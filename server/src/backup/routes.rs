//! `/api/v1/backups`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use bytes::BytesMut;
use futures_util::stream;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use warp::http::{HeaderValue, StatusCode};
use warp::reply::{Reply, Response, json, with_status};

/// Bytes sent at a time.
const PIECE: usize = 64 * 1024;

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "backups.list", list)
        .or(endpoint(app, "backups.create", create))
        .unify()
        .or(endpoint(app, "backups.download", download))
        .unify()
        .or(endpoint(app, "backups.check", check))
        .unify()
        .boxed()
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    service::may(&app, &authorized.caller()).await?;
    Ok(json(&service::list(&app).await?).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    service::may(&app, &authorized.caller()).await?;
    let made = service::create(&app, authorized.actor(), authorized.call.route, None).await?;
    Ok(with_status(json(&made), StatusCode::CREATED).into_response())
}

async fn check(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    service::may(&app, &authorized.caller()).await?;
    let name = authorized.call.params.first().map_or("", String::as_str);
    let checked = service::check(&app, authorized.actor(), name).await?;
    Ok(json(&checked).into_response())
}

async fn download(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    service::may(&app, &authorized.caller()).await?;
    let name = authorized.call.params.first().map_or("", String::as_str);
    let (file, size) = service::open(&app, authorized.actor(), name).await?;
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok::<_, std::io::Error>((read > 0).then(|| (piece.freeze(), file)))
    });
    let mut response = warp::reply::stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
    // The name is one of ours by now.
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}
