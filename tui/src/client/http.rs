//! Requests to the console API: JSON over verified HTTPS.

use crate::message::Failure;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use scm_protocol::ids::Organization;
use scm_protocol::organizations::ORGANIZATION_HEADER;
use scm_protocol::problem::Problem;
use scm_protocol::second_factors::LOGIN_OVER;
use scm_tls::Trust;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No answer of the API is larger than this.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// A bearer token. No `Debug`.
pub(super) struct Token(Zeroizing<String>);

impl Token {
    pub(super) fn new(text: String) -> Self {
        Token(Zeroizing::new(text))
    }
}

/// A server and the session with it.
pub(super) struct Http {
    client: reqwest::Client,
    base: String,
    token: Mutex<Option<Token>>,
    /// Half of a login, until its second factor is given.
    half: Mutex<Option<Token>>,
    /// The organization that the local administrator means.
    organization: Option<Organization>,
}

impl Http {
    pub(super) fn new(
        base: &str,
        trust: &Trust,
        token: Option<Token>,
        organization: Option<Organization>,
    ) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = scm_tls::client_config(trust, provider).map_err(|error| chain(&error))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(4)
            .user_agent(concat!("scmtui/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| chain(&error))?;
        Ok(Http {
            client,
            base: base.to_owned(),
            token: Mutex::new(token),
            half: Mutex::new(None),
            organization,
        })
    }

    /// The token of the session from now on.
    pub(super) fn set_token(&self, token: Option<Token>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Keeps half of a login.
    pub(super) fn set_half(&self, half: Option<Token>) {
        *self.half.lock().unwrap_or_else(PoisonError::into_inner) = half;
    }

    /// Half of a login.
    pub(super) fn half(&self) -> Option<String> {
        let half = self.half.lock().unwrap_or_else(PoisonError::into_inner);
        half.as_ref().map(|Token(text)| text.to_string())
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(organization) = &self.organization {
            request = request.header(ORGANIZATION_HEADER, organization.as_str());
        }
        match &*self.token.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Token(token)) => request.bearer_auth(token.as_str()),
            None => request,
        }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        parse(&read(send(self.request(Method::GET, path).timeout(TIMEOUT)).await?).await?)
    }

    pub(super) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, Failure> {
        parse(&self.change(Method::POST, path, Some(body)).await?)
    }

    /// Creates something at most once for a key; the answer may hold a secret and is wiped.
    pub(super) async fn create<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        body: &B,
    ) -> Result<T, Failure> {
        let request = self
            .request(Method::POST, path)
            .timeout(TIMEOUT)
            .header("idempotency-key", key)
            .json(body);
        parse(&Zeroizing::new(read(send(request).await?).await?))
    }

    /// Work that the server does before it answers, which may take as long as `longest`.
    pub(super) async fn work<T: DeserializeOwned>(
        &self,
        path: &str,
        longest: Duration,
    ) -> Result<T, Failure> {
        let request = self.request(Method::POST, path).timeout(longest);
        parse(&read(send(request).await?).await?)
    }

    /// A change whose answer's body does not matter, or is read by the caller.
    pub(super) async fn change<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Vec<u8>, Failure> {
        let mut request = self.request(method, path).timeout(TIMEOUT);
        if let Some(body) = body {
            request = request.json(body);
        }
        read(send(request).await?).await
    }

    /// Ends the session. The token is given up at once, so that a login right after it keeps its own.
    pub(super) async fn end_session(&self) -> Result<(), Failure> {
        let request = self
            .request(Method::DELETE, "/api/v1/sessions/current")
            .timeout(TIMEOUT);
        self.set_token(None);
        read(send(request).await?).await.map(drop)
    }

    /// An answer of any length, whose silence the caller watches.
    pub(super) async fn stream(&self, method: Method, path: &str) -> Result<Response, Failure> {
        match tokio::time::timeout(TIMEOUT, send(self.request(method, path))).await {
            Ok(response) => response,
            Err(_) => Err(Failure::Unreachable("the server does not answer".to_owned())),
        }
    }

    /// A stream without an end, whose silence the caller watches.
    pub(super) async fn open(&self, path: &str) -> Result<Response, Failure> {
        let request = self
            .request(Method::GET, path)
            .header("accept", "text/event-stream");
        match tokio::time::timeout(TIMEOUT, send(request)).await {
            Ok(response) => response,
            Err(_) => Err(Failure::Unreachable("the server does not answer".to_owned())),
        }
    }
}

async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    let response = request
        .send()
        .await
        .map_err(|error| unreachable_because(&error))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = read(response).await?;
    let problem: Option<Problem> = serde_json::from_slice(&body).ok();
    Err(match problem {
        // Half of a login that is over is no session that ended.
        Some(problem) if status == StatusCode::UNAUTHORIZED && problem.code != LOGIN_OVER => {
            Failure::Unauthorized(crate::model::clean(&problem.detail))
        }
        Some(problem) => Failure::Refused(Box::new(problem)),
        // Not our server's words: a proxy between. A 401 of such is no reason to give up a session.
        None => Failure::Broken(format!("{status} without a problem document")),
    })
}

async fn read(mut response: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable_because(&error))?
    {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Failure::Broken("larger than 32 MiB".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    scm_protocol::problem::from_json(body).map_err(|error| Failure::Broken(error.to_string()))
}

pub(super) fn unreachable_because(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::Unreachable("the server does not answer".to_owned());
    }
    // The chain's last link says why; the first ones only repeat the address.
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Failure::Unreachable(crate::model::clean(&cause.to_string()))
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    text
}
