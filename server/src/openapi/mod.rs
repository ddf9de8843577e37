//! `GET /api/v1/openapi.json`: generated from the table of routes and the types that cross the wire.
//!
//! Each route of the table is described by `shape`; one that is missing there fails the test below and the build of the
//! document alike.

mod access_shapes;
mod command_shapes;
mod group_shapes;
mod upgrade_shapes;

use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use crate::{audit, enrollment, jobs, systems, telemetry};
use scm_protocol::access::{Audience, ROUTES, Route};
use scm_protocol::agent::{CheckIn, CheckInReply, RegisterReply, RegisterRequest};
use scm_protocol::audit::{AuditChain, AuditForwarding, AuditPage};
use scm_protocol::auth::{LoginReply, LoginRequest, Session, SetupRequest, SetupState};
use scm_protocol::bootstrap::{BootstrapReply, BootstrapRequest};
use scm_protocol::certificates::{CertificateReply, CertificateRequest};
use scm_protocol::enrollment::{CreateToken, CreatedToken, TokenPage};
use scm_protocol::events::{Change, Hello, Overview};
use scm_protocol::jobs::{CreateJob, Job, JobPage, JobTargetPage};
use scm_protocol::problem::{PROBLEM_JSON, Problem};
use scm_protocol::refusal::Refusal;
use scm_protocol::rotation::{
    RotateReply, RotateRequest, RotateSigningKey, SigningKeyRotated, SigningKeyShown,
};
use scm_protocol::settings::{ChangeSetting, SettingList};
use scm_protocol::systems::{ConflictDecision, StatusChange, SystemDetail, SystemPage};
use scm_protocol::telemetry::TelemetryHistory;
use std::sync::{Arc, OnceLock};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, PathItem,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, License, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required,
    ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, json};

/// The route.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "openapi", openapi)
}

async fn openapi(_app: Arc<App>, _call: Call) -> Result<Response, Error> {
    static DOCUMENT: OnceLock<OpenApi> = OnceLock::new();
    Ok(json(DOCUMENT.get_or_init(document)).into_response())
}

/// What a route takes and gives: name of the request's type, status, media type and type of the reply.
struct Shape {
    summary: &'static str,
    request: Option<&'static str>,
    status: &'static str,
    reply: Option<(&'static str, Option<&'static str>)>,
    parameters: Vec<Parameter>,
}

const JSON: &str = "application/json";

fn get(summary: &'static str, reply: &'static str) -> Shape {
    Shape {
        summary,
        request: None,
        status: "200",
        reply: Some((JSON, Some(reply))),
        parameters: Vec::new(),
    }
}

fn post(summary: &'static str, request: &'static str, reply: &'static str) -> Shape {
    Shape {
        request: Some(request),
        ..get(summary, reply)
    }
}

fn made(summary: &'static str, request: &'static str, reply: &'static str) -> Shape {
    Shape {
        status: "201",
        ..post(summary, request, reply)
    }
}

fn done(summary: &'static str) -> Shape {
    Shape {
        status: "204",
        reply: None,
        ..get(summary, "")
    }
}

/// Takes a body and replies without one.
fn change(summary: &'static str, request: &'static str) -> Shape {
    Shape {
        request: Some(request),
        ..done(summary)
    }
}

fn shape(route: &str) -> Option<Shape> {
    let text = |summary, media| Shape {
        reply: Some((media, None)),
        ..get(summary, "")
    };
    let settle = |summary| change(summary, "ConflictDecision");
    let decide = |summary| change(summary, "StatusChange");
    Some(match route {
        "health.live" => text("The process answers", "text/plain"),
        "health.ready" => text("The server can do its work", "text/plain"),
        "openapi" => text("This document", JSON),
        "pki.ca" => text(
            "The private CA's certificate",
            "application/pem-certificate-chain",
        ),
        "pki.crl" => text("Revoked client certificates (PEM)", "application/x-pem-file"),
        "pki.crl_der" => text("Revoked client certificates (DER)", "application/pkix-crl"),
        "auth.setup_state" => get("Whether the first owner is still to be created", "SetupState"),
        "auth.setup" => made(
            "Create the first owner with the setup code, and log in",
            "SetupRequest",
            "LoginReply",
        ),
        "auth.login" => made("Log in with a password", "LoginRequest", "LoginReply"),
        "auth.session" => get("Who is logged in", "Session"),
        "auth.logout" => done("End this session"),
        "auth.challenge" => post(
            "A text to sign with an SSH key: `ssh-keygen -Y sign -n openscm-login@openscm.org`",
            "ChallengeRequest",
            "LoginChallenge",
        ),
        "auth.login_ssh" => made("Log in with a signed challenge", "SshLoginRequest", "LoginReply"),
        "auth.login_second_factor" => made(
            "Give the second factor that a login answered with 202 (SecondFactorRequired) asks for",
            "SecondFactorLogin",
            "LoginReply",
        ),
        "overview" => get("The dashboard", "Overview"),
        "events" => text(
            "Live changes as server-sent events: `hello` (Hello), `change` (Change)",
            "text/event-stream",
        ),
        "systems.list" => Shape {
            parameters: systems::routes::list_parameters(),
            ..get("A page of systems, Pending first", "SystemPage")
        },
        "systems.show" => get("Everything about one system", "SystemDetail"),
        "telemetry.history" => Shape {
            parameters: telemetry::history_parameters(),
            ..get(
                "Averages of a system's telemetry over a range",
                "TelemetryHistory",
            )
        },
        "systems.approve" => decide("Approve a Pending system"),
        "systems.reject" => decide("Delete a Pending request"),
        "systems.deny" => decide("Block the public key of a system for good"),
        "systems.revoke" => decide("Cut an Active system off and keep its history"),
        "systems.restore" => decide("Let a revoked system in again, or put a denied one back to Pending"),
        "systems.delete" => decide("Delete a system with its history"),
        "systems.rotate_key" => {
            decide("Ask an active system for another key, which it offers with its next contact")
        }
        "systems.split" => settle("Let the quarantined machine become a system of its own"),
        "systems.swap" => settle("Let the quarantined machine have the identity, and keep the other out"),
        "systems.dismiss" => settle("Both are one machine: let it speak again"),
        "jobs.list" => Shape {
            parameters: jobs::routes::list_parameters(),
            ..get("Bulk jobs, newest first", "JobPage")
        },
        "jobs.create" => Shape {
            parameters: vec![idempotency_key()],
            ..made(
                "Do one thing to many systems, in the background",
                "CreateJob",
                "Job",
            )
        },
        "jobs.show" => get("A bulk job and how far it is", "Job"),
        "jobs.targets" => Shape {
            parameters: jobs::routes::targets_parameters(),
            ..get("What came of each system of a bulk job", "JobTargetPage")
        },
        "jobs.cancel" => done("Stop what a bulk job has not done yet"),
        "jobs.retry" => Shape {
            status: "201",
            parameters: vec![idempotency_key()],
            ..get("A new job with the failed systems of one that is over", "Job")
        },
        "audit.list" => Shape {
            parameters: audit::routes::list_parameters(),
            ..get("The audit, newest first", "AuditPage")
        },
        "audit.chain" => get("Where the audit's hash chain stands", "AuditChain"),
        "audit.forwarding" => get("How far the audit was sent to each target", "AuditForwarding"),
        "audit.export" => Shape {
            parameters: audit::routes::export_parameters(),
            ..text(
                "The audit as a stream, oldest first (docs/audit.md); recorded in the audit itself",
                "application/x-ndjson",
            )
        },
        "enrollment.tokens.list" => Shape {
            parameters: enrollment::token_routes::list_parameters(),
            ..get("Enrollment tokens, newest first", "TokenPage")
        },
        "enrollment.tokens.create" => Shape {
            parameters: vec![idempotency_key()],
            ..made(
                "Create an enrollment token; its secret is shown in this reply and nowhere else",
                "CreateToken",
                "CreatedToken",
            )
        },
        "enrollment.tokens.disable" => done("Let a token approve nobody until it is enabled again"),
        "enrollment.tokens.enable" => done("Enable a disabled token"),
        "enrollment.tokens.delete" => done("Delete a token; the systems that it approved stay"),
        "enrollment.bootstrap" => post(
            "What a new machine needs for a first contact that is pinned already; changes nothing",
            "BootstrapRequest",
            "BootstrapReply",
        ),
        "settings.list" => get(
            "Every setting with what holds and what its default is",
            "SettingList",
        ),
        "settings.change" => Shape {
            request: Some("ChangeSetting"),
            ..done("Change a setting of the organization")
        },
        "settings.reset" => done("Put a setting back to its default"),
        "enrollment.register" => post(
            "An agent's registration, signed (docs/protocol.md)",
            "RegisterRequest",
            "RegisterReply",
        ),
        "organizations.show_signing_key" => get(
            "The key that signs every reply to the organization's agents",
            "SigningKeyShown",
        ),
        "organizations.rotate_signing_key" => post(
            "Replace the signing key; agents follow by themselves",
            "RotateSigningKey",
            "SigningKeyRotated",
        ),
        "systems.rotate" => post(
            "An agent's new key under its id, signed by the old one (docs/protocol.md)",
            "RotateRequest",
            "RotateReply",
        ),
        "systems.checkin" => post(
            "An agent's heartbeat, signed (docs/protocol.md)",
            "CheckIn",
            "CheckInReply",
        ),
        "certificates.issue" => post(
            "An agent asks for its client certificate, signed (docs/protocol.md)",
            "CertificateRequest",
            "CertificateReply",
        ),
        other => {
            return access_shapes::shape(other)
                .or_else(|| group_shapes::shape(other))
                .or_else(|| command_shapes::shape(other))
                .or_else(|| upgrade_shapes::shape(other));
        }
    })
}

/// The document.
pub fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    for (route, shape) in ROUTES
        .iter()
        .filter_map(|route| Some((route, shape(route.name)?)))
    {
        let method = match route.method {
            "GET" => HttpMethod::Get,
            "DELETE" => HttpMethod::Delete,
            "PUT" => HttpMethod::Put,
            _ => HttpMethod::Post,
        };
        paths = paths.path(route.path, PathItem::new(method, operation(route, shape)));
    }
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let info = InfoBuilder::new()
        .title("OpenSCM")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Console API and agent routes of an OpenSCM server"))
        .license(Some(License::new("Apache-2.0")))
        .build();
    OpenApiBuilder::new()
        .info(info)
        .paths(paths.build())
        .components(Some(schemas().security_scheme("bearer", bearer).build()))
        .build()
}

fn operation(route: &Route, shape: Shape) -> utoipa::openapi::path::Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.name))
        .tag(route.name.split('.').next().unwrap_or(route.name))
        .summary(Some(shape.summary));
    for segment in route.path.split('/').filter(|segment| segment.starts_with('{')) {
        operation = operation.parameter(path_parameter(segment.trim_matches(['{', '}'])));
    }
    for parameter in shape.parameters {
        operation = operation.parameter(parameter);
    }
    if let Some(name) = shape.request {
        let content = ContentBuilder::new().schema(Some(reference(name))).build();
        let body = RequestBodyBuilder::new()
            .content(JSON, content)
            .required(Some(Required::True))
            .build();
        operation = operation.request_body(Some(body));
    }
    let error = if route.audience == Audience::Agent {
        "Refusal"
    } else {
        "Problem"
    };
    operation = operation
        .response(shape.status, response("done", shape.reply))
        .response("default", response("refused", Some((PROBLEM_JSON, Some(error)))));
    if matches!(route.audience, Audience::Roles(_) | Audience::LocalAdmin) {
        operation = operation.security(SecurityRequirement::new("bearer", Vec::<String>::new()));
    }
    operation.build()
}

fn path_parameter(name: &str) -> Parameter {
    let schema = if name == "name" {
        <String as PartialSchema>::schema()
    } else {
        <i64 as PartialSchema>::schema()
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(schema))
        .build()
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Repeated within a day by the same caller, it creates nothing",
        ))
        .schema(Some(<String as PartialSchema>::schema()))
        .build()
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

fn response(description: &str, content: Option<(&str, Option<&str>)>) -> utoipa::openapi::Response {
    let builder = ResponseBuilder::new().description(description);
    match content {
        Some((media, schema)) => builder
            .content(media, ContentBuilder::new().schema(schema.map(reference)).build())
            .build(),
        None => builder.build(),
    }
}

/// The types that routes name, with every type that they hold.
fn schemas() -> ComponentsBuilder {
    let mut all = Vec::new();
    add::<Problem>(&mut all);
    add::<Refusal>(&mut all);
    add::<SetupState>(&mut all);
    add::<SetupRequest>(&mut all);
    add::<LoginRequest>(&mut all);
    add::<LoginReply>(&mut all);
    add::<Session>(&mut all);
    add::<Overview>(&mut all);
    add::<Hello>(&mut all);
    add::<Change>(&mut all);
    add::<SystemPage>(&mut all);
    add::<SystemDetail>(&mut all);
    add::<StatusChange>(&mut all);
    add::<ConflictDecision>(&mut all);
    add::<TelemetryHistory>(&mut all);
    add::<AuditPage>(&mut all);
    add::<AuditChain>(&mut all);
    add::<AuditForwarding>(&mut all);
    add::<CreateJob>(&mut all);
    add::<Job>(&mut all);
    add::<JobPage>(&mut all);
    add::<JobTargetPage>(&mut all);
    add::<CreateToken>(&mut all);
    add::<CreatedToken>(&mut all);
    add::<TokenPage>(&mut all);
    add::<BootstrapRequest>(&mut all);
    add::<BootstrapReply>(&mut all);
    add::<SettingList>(&mut all);
    add::<ChangeSetting>(&mut all);
    add::<RegisterRequest>(&mut all);
    add::<RegisterReply>(&mut all);
    add::<CheckIn>(&mut all);
    add::<CheckInReply>(&mut all);
    add::<CertificateRequest>(&mut all);
    add::<CertificateReply>(&mut all);
    add::<RotateRequest>(&mut all);
    add::<RotateReply>(&mut all);
    add::<SigningKeyShown>(&mut all);
    add::<RotateSigningKey>(&mut all);
    add::<SigningKeyRotated>(&mut all);
    access_shapes::schemas(&mut all);
    group_shapes::schemas(&mut all);
    command_shapes::schemas(&mut all);
    upgrade_shapes::schemas(&mut all);
    ComponentsBuilder::new().schemas_from_iter(all)
}

fn add<T: ToSchema>(all: &mut Vec<(String, RefOr<Schema>)>) {
    all.push((T::name().into_owned(), T::schema()));
    T::schemas(all);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_every_reference_leads_somewhere() {
        for route in ROUTES {
            assert!(shape(route.name).is_some(), "{} is not described", route.name);
        }
        let document = serde_json::to_value(document()).unwrap();
        let operations: usize = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|item| item.as_object().unwrap().len())
            .sum();
        assert_eq!(operations, ROUTES.len());
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(
                document["components"]["schemas"].get(name).is_some(),
                "{name} is not in the document"
            );
        }
    }
}
