//! `GET /api/v1/pki/crl.pem` and `crl.der`: the list of revoked client certificates, for proxies. It is no secret.

use super::revocation_service::current;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, with_header};

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "pki.crl", pem)
        .or(open_endpoint(app, "pki.crl_der", der))
        .unify()
        .boxed()
}

async fn pem(app: Arc<App>, _call: Call) -> Result<Response, Error> {
    Ok(with_header(current(&app).await?.pem, "content-type", "application/x-pem-file").into_response())
}

async fn der(app: Arc<App>, _call: Call) -> Result<Response, Error> {
    Ok(with_header(current(&app).await?.der, "content-type", "application/pkix-crl").into_response())
}
