//! One server's HTTP client: connections kept between check-ins, everything bounded, stoppable at any moment.

use super::credential::{ClientIdentity, Credential};
use super::reply::{RawReply, SentRequest};
use super::{proxy, tls::TlsConnector};
use crate::config::{Secret, Server};
use crate::version::VERSION;
use rustls::AlertDescription;
use scm_protocol::rotation::{KEY_CHAIN_HEADER, PINNED_KEY_HEADER};
use std::error::Error as _;
use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;
use ureq::http::{HeaderMap, Response};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Body};

/// The most that is read of a reply's header, in bytes.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// The longest that a whole exchange may take.
const EXCHANGE_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const IDLE_LIMIT: Duration = Duration::from_secs(300);
const BUFFER_BYTES: usize = 16 * 1024;

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server's certificate does not verify: this may be an attack, or a wrong setting.
    #[error("the server's certificate was refused: {0}")]
    Untrusted(String),
    /// The client certificate was refused in the handshake, before there was a request.
    #[error("the client certificate was refused: {0}")]
    Barred(String),
    /// The server cannot be reached, or did not answer in time and within bounds.
    #[error("{0}")]
    Unreachable(String),
}

/// Exchanges messages with one server. Clones share connections.
#[derive(Clone)]
pub struct Client {
    base: String,
    credential: Credential,
    agent: Agent,
    limit: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.base)
    }
}

impl Client {
    /// A client for this server; nothing is connected yet.
    ///
    /// # Errors
    /// Why the trust or the proxy cannot be used, for a person.
    pub fn new(server: &Server, proxy: Option<&Secret>) -> Result<Self, String> {
        Self::with_limit(server, proxy, EXCHANGE_LIMIT)
    }

    /// As [`Client::new`], with another limit for a whole exchange.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn with_limit(server: &Server, proxy: Option<&Secret>, limit: Duration) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = scm_tls::client_config(&server.trust, provider).map_err(|error| error.to_string())?;
        let credential = Credential::new(tls);
        let proxy = match proxy {
            Some(address) => Some(proxy::parse(address.reveal())?),
            None => proxy::from_environment(|name| std::env::var(name).ok())?,
        };
        let config = Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .user_agent(format!("scmclient/{VERSION}"))
            .accept("application/json, application/problem+json")
            .max_response_header_size(MAX_HEADER_BYTES)
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .max_idle_connections(1)
            .max_idle_connections_per_host(1)
            .max_idle_age(IDLE_LIMIT)
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_global(Some(limit))
            .build();
        let connector = ConnectProxyConnector::default()
            .chain(TcpConnector::default())
            .chain(TlsConnector::new(credential.clone()));
        let agent = Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Client {
            base: server.url.clone(),
            credential,
            agent,
            limit,
        })
    }

    /// Connections from now on show this certificate, or none.
    pub fn show(&self, identity: Option<&Arc<ClientIdentity>>) {
        self.credential.show(identity);
    }

    /// Sends a request and reads the whole reply, which the server may hold back for as long as `held`.
    ///
    /// # Errors
    /// [`Failure`] when there is none.
    pub fn exchange(&self, request: &SentRequest, held: Duration) -> Result<RawReply, Failure> {
        let mut post = self.agent.post(format!("{}{}", self.base, request.path));
        if let Some(pinned) = &request.pinned {
            post = post.header(PINNED_KEY_HEADER, pinned.to_string());
        }
        let response = post
            .header("content-type", "application/json")
            .header("content-digest", &request.fields.content_digest)
            .header("signature-input", &request.fields.signature_input)
            .header("signature", &request.fields.signature)
            .config()
            .timeout_global(Some(self.limit + held))
            .build()
            .send(&request.body[..])
            .map_err(|error| failure(&error))?;
        read(response, request.largest_reply())
    }

    /// Breaks off what is going on, at once and for good.
    pub fn shut_down(&self) {
        self.agent.clone().shutdown();
    }
}

fn read(response: Response<Body>, most: usize) -> Result<RawReply, Failure> {
    let (head, body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut reader = body.into_reader().take(most as u64 + 1);
    reader
        .read_to_end(&mut bytes)
        .map_err(|error| failure(&ureq::Error::from(error)))?;
    if bytes.len() > most {
        let reason = format!("the reply's body is larger than {most} bytes");
        return Err(Failure::Unreachable(reason));
    }
    Ok(RawReply {
        status: head.status.as_u16(),
        content_digest: field(&head.headers, "content-digest"),
        signature_input: field(&head.headers, "signature-input"),
        signature: field(&head.headers, "signature"),
        key_chain: field(&head.headers, KEY_CHAIN_HEADER),
        retry_after_secs: field(&head.headers, "retry-after").and_then(|text| text.trim().parse().ok()),
        body: bytes,
    })
}

/// A field's value; several lines of it are one list, as RFC 9110 §5.3 has it.
fn field(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Option<Vec<&str>> = headers
        .get_all(name)
        .iter()
        .map(|value| value.to_str().ok())
        .collect();
    lines
        .filter(|lines| !lines.is_empty())
        .map(|lines| lines.join(", "))
}

fn failure(error: &ureq::Error) -> Failure {
    match tls_fault(error) {
        Some(fault @ rustls::Error::InvalidCertificate(_)) => Failure::Untrusted(in_words(fault)),
        Some(rustls::Error::AlertReceived(alert)) if blames_certificate(*alert) => {
            Failure::Barred(format!("TLS alert {alert:?}"))
        }
        Some(fault) => Failure::Unreachable(format!("TLS: {fault}")),
        None => Failure::Unreachable(plainly(error)),
    }
}

/// Alerts with which TLS servers and proxies refuse a client's certificate (RFC 8446 §6.2).
fn blames_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
            | Alert::CertificateRequired
    )
}

/// What happened, for a person who does not know the libraries.
fn plainly(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "the connection was closed before a whole reply came".to_owned()
        }
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::HostNotFound => "the host's name cannot be resolved".to_owned(),
        other => other.to_string(),
    }
}

fn tls_fault(error: &ureq::Error) -> Option<&rustls::Error> {
    match error {
        ureq::Error::Rustls(fault) => Some(fault),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// The certificate's fault, from the verifier itself where it said one.
fn in_words(fault: &rustls::Error) -> String {
    match fault {
        rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) => other
            .source()
            .map_or_else(|| other.to_string(), ToString::to_string),
        other => other.to_string(),
    }
}
