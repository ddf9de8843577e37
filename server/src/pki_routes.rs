//! `GET /api/v1/pki/ca.pem`: the private CA's certificate, which is no secret.

use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, with_header};

/// The route.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "pki.ca", ca)
}

async fn ca(app: Arc<App>, _call: Call) -> Result<Response, Error> {
    let pem = app.pki.ca_pem().to_owned();
    Ok(with_header(pem, "content-type", "application/pem-certificate-chain").into_response())
}
