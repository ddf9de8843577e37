//! `/healthz`: the process answers. `/readyz`: it can do its work.

use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response};

/// The two probes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "health.live", live)
        .or(open_endpoint(app, "health.ready", ready))
        .unify()
        .boxed()
}

async fn live(_app: Arc<App>, _call: Call) -> Result<Response, Error> {
    Ok("ok\n".into_response())
}

/// Ready when the database reads and writes and the server is not stopping.
async fn ready(app: Arc<App>, _call: Call) -> Result<Response, Error> {
    if *app.stopping.borrow() {
        return Err(Error::shutting_down());
    }
    app.storage.probe().await?;
    Ok("ready\n".into_response())
}
