//! `/api/v1/organization/…`: the caller's own organization's signing key.

use super::rotation;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::rotation::{RotateSigningKey, SigningKeyShown};
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, json};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "organizations.show_signing_key", show)
        .or(endpoint(app, "organizations.rotate_signing_key", rotate))
        .unify()
        .boxed()
}

async fn show(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let key = app.organizations.key_of(authorized.principal.organization_id);
    let public_key = key.ok_or_else(|| Error::internal("an organization without a key"))?;
    Ok(json(&SigningKeyShown {
        public_key,
        fingerprint: public_key.fingerprint(),
    })
    .into_response())
}

async fn rotate(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let RotateSigningKey { fingerprint } = authorized.call.json()?;
    let who = (authorized.call.route, authorized.actor());
    let organization_id = authorized.principal.organization_id;
    Ok(json(&rotation::rotate(&app, organization_id, fingerprint, who).await?).into_response())
}
