//! Everything that is served, room by room. What may be called by whom stands in `scm_protocol::access`; a route that is
//! not in that table cannot be added here.

use crate::app::App;
use crate::call::{Authorized, Call};
use crate::error::Error;
use crate::pki::Presented;
use crate::{
    annotations, api_tokens, audit, auth, backup, certificates, commands, enrollment, events, groups, health,
    jobs, openapi, organization_settings, organizations, overview, packages, pki_routes, problem, rollouts,
    rules, saved_filters, second_factors, ssh_keys, systems, telemetry, upgrades, users,
};
use bytes::Bytes;
use scm_protocol::access::{self, Audience, ROUTES, Route};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::http::header::CACHE_CONTROL;
use warp::http::{HeaderMap, HeaderValue, Method, StatusCode};
use warp::path::FullPath;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

/// All routes; always answers.
pub fn routes(
    app: &Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + use<> {
    let rooms = [
        health::routes(app),
        openapi::routes(app),
        pki_routes::routes(app),
        certificates::public_routes::routes(app),
        auth::routes::routes(app),
        overview::routes(app),
        events::routes::routes(app),
        systems::routes::routes(app),
        systems::agent_routes::rare_routes(app),
        telemetry::routes(app),
        annotations::routes::routes(app),
        groups::routes::routes(app),
        rules::routes::routes(app),
        saved_filters::routes::routes(app),
        jobs::routes::routes(app),
        commands::routes::routes(app),
        packages::routes::routes(app),
        upgrades::routes::routes(app),
        upgrades::agent_routes::routes(app),
        rollouts::routes::routes(app),
        audit::routes::routes(app),
        enrollment::routes::routes(app),
        enrollment::token_routes::routes(app),
        enrollment::bootstrap_routes::routes(app),
        organization_settings::routes::routes(app),
        crate::signing::routes::routes(app),
        auth::session_routes::routes(app),
        users::routes::routes(app),
        users::account_routes::routes(app),
        api_tokens::routes::routes(app),
        ssh_keys::routes::routes(app),
        second_factors::routes::routes(app),
        organizations::routes::routes(app),
        backup::routes::routes(app),
    ];
    // The agents' check-in comes first, and alone: it is called a thousand times as often as any other, and every filter around
    // it costs each held check-in memory.
    let others = [
        certificates::agent_routes::routes(app),
        commands::agent_routes::routes(app),
    ];
    let served = systems::agent_routes::routes(app)
        .or(any_of(others.into_iter().chain(rooms).collect()))
        .unify();
    served
        .or_else(|rejection: Rejection| async move { Err::<(Response,), _>(rejection) })
        .recover(not_served)
        .unify()
}

/// The first of them that takes a request, as a balanced tree: a line of filters would be as deep as it is long.
fn any_of(mut rooms: Vec<BoxedFilter<(Response,)>>) -> BoxedFilter<(Response,)> {
    while rooms.len() > 1 {
        let mut next = Vec::with_capacity(rooms.len().div_ceil(2));
        let mut pairs = rooms.into_iter();
        while let Some(left) = pairs.next() {
            next.push(match pairs.next() {
                Some(right) => left.or(right).unify().boxed(),
                None => left,
            });
        }
        rooms = next;
    }
    rooms
        .pop()
        .unwrap_or_else(|| warp::any().and_then(nothing_here).boxed())
}

async fn nothing_here() -> Result<Response, Rejection> {
    Err(warp::reject::not_found())
}

async fn not_served(rejection: Rejection) -> Result<Response, Infallible> {
    if !rejection.is_not_found() && rejection.find::<WrongMethod>().is_none() {
        tracing::warn!(rejection = ?rejection, "a request was rejected outside its handler");
        return Ok(problem::reply(&Error::Malformed(
            "the request cannot be read".to_owned(),
        )));
    }
    Ok(problem::not_served(
        rejection.find::<WrongMethod>().map_or(&[], |wrong| &wrong.0),
    ))
}

/// The path is served, with other methods.
#[derive(Debug)]
struct WrongMethod(Vec<&'static str>);
impl warp::reject::Reject for WrongMethod {}

/// A route of the console API: checks the caller against the table, then calls the handler.
pub fn endpoint<H, F>(app: &Arc<App>, name: &'static str, handler: H) -> BoxedFilter<(Response,)>
where
    H: Fn(Arc<App>, Authorized) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send,
{
    let app = Arc::clone(app);
    called(name)
        .then(move |call: Call| {
            let (app, handler) = (Arc::clone(&app), handler.clone());
            async move {
                let result = async {
                    let principal = auth::authorize(&app, &call).await?;
                    handler(app, Authorized { call, principal }).await
                };
                result.await.unwrap_or_else(|error| problem::reply(&error))
            }
        })
        .boxed()
}

/// A route that anyone may call, or whose callers are checked by their signature.
pub fn open_endpoint<H, F>(app: &Arc<App>, name: &'static str, handler: H) -> BoxedFilter<(Response,)>
where
    H: Fn(Arc<App>, Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response, Error>> + Send,
{
    let app = Arc::clone(app);
    called(name)
        .then(move |call: Call| {
            // Boxed at once: the filters around it move it from one to the next.
            let answer = Box::pin(handler(Arc::clone(&app), call));
            async move { answer.await.unwrap_or_else(|error| problem::reply(&error)) }
        })
        .boxed()
}

/// Matches method and path of a route of the table and collects the request.
fn called(name: &'static str) -> impl Filter<Extract = (Call,), Error = Rejection> + Clone + Send + Sync {
    warp::method()
        .and(warp::path::full())
        .and_then(move |method: Method, path: FullPath| {
            let matched = matches(name, &method, path.as_str());
            async move { matched }
        })
        .and(query())
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<crate::listen::Peer>())
        .and(warp::body::bytes())
        .map(
            move |params, query, headers: HeaderMap, peer: Option<crate::listen::Peer>, body: Bytes| {
                let (peer, certificate) = peer
                    .map_or((IpAddr::V4(Ipv4Addr::UNSPECIFIED), Presented::Nothing), |peer| {
                        (peer.address.ip().to_canonical(), peer.certificate)
                    });
                Call {
                    route: name,
                    params,
                    query,
                    headers,
                    body,
                    peer,
                    certificate,
                }
            },
        )
}

fn query() -> impl Filter<Extract = (String,), Error = Infallible> + Copy {
    warp::query::raw().or(warp::any().map(String::new)).unify()
}

/// The path's parameters when the request is for this route.
fn matches(name: &'static str, method: &Method, path: &str) -> Result<Vec<String>, Rejection> {
    let route = access::by_name(name).ok_or_else(warp::reject::not_found)?;
    let params = parameters(route, path).ok_or_else(warp::reject::not_found)?;
    if method.as_str() == route.method {
        return Ok(params);
    }
    let served = ROUTES.iter().filter(|other| parameters(other, path).is_some());
    let methods: Vec<&'static str> = served.map(|route| route.method).collect();
    if methods.contains(&method.as_str()) {
        Err(warp::reject::not_found())
    } else {
        Err(warp::reject::custom(WrongMethod(methods)))
    }
}

/// The values of `{name}` segments when the path has the route's shape.
fn parameters(route: &Route, path: &str) -> Option<Vec<String>> {
    let mut params = Vec::new();
    let mut segments = path.split('/');
    for expected in route.path.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') && !segment.is_empty() {
            params.push(segment.to_owned());
        } else if expected != segment {
            return None;
        }
    }
    segments.next().is_none().then_some(params)
}

/// A reply that holds a secret: no cache keeps it.
pub fn secret_reply<T: serde::Serialize>(body: &T, status: StatusCode) -> Response {
    let mut response = warp::reply::with_status(warp::reply::json(body), status).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether the table lets this role call this route.
pub fn allowed(route: &Route, role: scm_protocol::auth::Role) -> bool {
    matches!(route.audience, Audience::Roles(roles) if roles.contains(&role))
}
