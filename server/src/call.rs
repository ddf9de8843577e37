//! A request to the console API after routing: path parameters, query, body, and who calls.

use crate::audit::{Actor, Entry, Outcome};
use crate::auth::Principal;
use crate::error::Error;
use crate::pki::Presented;
use crate::storage::Conn;
use bytes::Bytes;
use scm_protocol::ids::{JobId, SystemId, TokenId, UnixMillis};
use scm_protocol::problem::from_json;
use scm_protocol::settings::{self, Definition};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::net::IpAddr;
use warp::http::HeaderMap;

/// Header field by which a caller makes a creating request repeatable.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Longest value of that field.
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// A request on its way to a handler.
#[derive(Debug)]
pub struct Call {
    /// Name of the route in the table of routes.
    pub route: &'static str,
    /// Values of the path's parameters, in order.
    pub params: Vec<String>,
    /// The query as received.
    pub query: String,
    /// The request's header fields.
    pub headers: HeaderMap,
    /// The body, within the listener's limit.
    pub body: Bytes,
    /// The peer's address.
    pub peer: IpAddr,
    /// The certificate that the peer showed itself with.
    pub certificate: Presented,
}

impl Call {
    /// The `{id}` of a system in the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is no positive number.
    pub fn system_id(&self) -> Result<SystemId, Error> {
        self.id("system").map(SystemId)
    }

    /// The `{id}` of an enrollment token in the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is no positive number.
    pub fn token_id(&self) -> Result<TokenId, Error> {
        self.id("enrollment token").map(TokenId)
    }

    /// The `{id}` of a bulk job in the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is no positive number.
    pub fn job_id(&self) -> Result<JobId, Error> {
        self.id("job").map(JobId)
    }

    /// The `{name}` of a setting in the path.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that name.
    pub fn setting(&self) -> Result<&'static Definition, Error> {
        let name = self.params.first().map_or("", String::as_str);
        settings::by_name(name).ok_or_else(|| {
            Error::NotFound(format!(
                "there is no setting `{}`; GET /api/v1/settings lists them",
                printable(name)
            ))
        })
    }

    /// The `{id}` in the path of what is called so.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is no positive number.
    pub fn id(&self, what: &str) -> Result<i64, Error> {
        let text = self.params.first().map_or("", String::as_str);
        let id = text.parse().ok().filter(|id| *id > 0);
        id.ok_or_else(|| Error::NotFound(format!("there is no {what} `{}`", printable(text))))
    }

    /// The caller's `Idempotency-Key`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is empty, too long, not printable ASCII or given twice.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Error> {
        let mut values = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let text = value
            .to_str()
            .ok()
            .filter(|text| (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&text.len()));
        match (text, values.next()) {
            (Some(text), None) => Ok(Some(text)),
            _ => Err(Error::invalid(
                IDEMPOTENCY_KEY,
                format!("must be given once, as 1 to {MAX_IDEMPOTENCY_KEY_BYTES} printable ASCII characters"),
            )),
        }
    }

    /// The query's parameters.
    ///
    /// # Errors
    /// [`Error::Malformed`] or [`Error::Invalid`] naming the parameter.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(self.query.as_bytes()));
        serde_path_to_error::deserialize(pairs).map_err(|error| {
            let field = error.path().to_string();
            let reason = error.inner().to_string();
            if field == "." {
                Error::Malformed(format!("query: {reason}"))
            } else {
                Error::invalid(field, reason)
            }
        })
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`Error::Malformed`] naming the place, [`Error::Invalid`] naming the member.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        Ok(from_json(&self.body)?)
    }
}

/// At most 40 characters of a caller's text, without control characters, to repeat in an error.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// A request whose caller is known and may call this route.
#[derive(Debug)]
pub struct Authorized {
    /// The request.
    pub call: Call,
    /// Who calls.
    pub principal: Principal,
}

/// Who asks, and for what: what a service needs of a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// Who, as the audit names them, and from where.
    pub actor: Actor,
    /// Name of the route, which is the audit's action.
    pub route: &'static str,
}

impl Caller {
    /// The caller's organization.
    pub fn organization_id(&self) -> i64 {
        self.principal.organization_id
    }

    /// Records in the audit that the caller did this.
    ///
    /// # Errors
    /// When the database fails; the change that it belongs to must fail with it.
    pub fn record(&self, conn: &mut Conn, at: UnixMillis, target: &str, detail: Value) -> Result<(), Error> {
        Entry {
            organization_id: self.organization_id(),
            at,
            actor: &self.actor,
            action: self.route,
            target,
            outcome: Outcome::Done,
            detail,
        }
        .write(conn)
    }
}

impl Authorized {
    /// The caller, for a service.
    pub fn caller(&self) -> Caller {
        Caller {
            principal: self.principal.clone(),
            actor: self.actor(),
            route: self.call.route,
        }
    }

    /// The caller as the audit names them.
    pub fn actor(&self) -> Actor {
        Actor {
            name: self.principal.audit_name(),
            address: self.call.peer.to_string(),
        }
    }
}
