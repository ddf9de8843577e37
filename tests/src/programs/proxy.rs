//! A proxy that ends TLS, with an authority of its own, and may change what passes: the attacker in the middle.

use crate::http::Endpoint;
use anyhow::{Context, Result, ensure};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::PrivatePkcs8KeyDer;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the agent to the server.
    ToServer,
    /// From the server to the agent.
    ToAgent,
}

/// A whole HTTP message as it stood on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Which way it goes.
    pub direction: Direction,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Message {
    /// Where the body begins.
    pub fn body_start(&self) -> usize {
        head_length(&self.bytes).unwrap_or(self.bytes.len())
    }

    /// Request or status line and headers, as text.
    pub fn head(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.body_start()]).into_owned()
    }

    /// The body, as text.
    pub fn body(&self) -> String {
        String::from_utf8_lossy(&self.bytes[self.body_start()..]).into_owned()
    }
}

type Tamper = dyn Fn(&mut Message) + Send + Sync;

/// A running proxy.
pub struct Proxy {
    url: String,
    folder: TempDir,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    upstream: Endpoint,
    tamper: Mutex<Arc<Tamper>>,
    passed: Mutex<Vec<Message>>,
}

impl Proxy {
    /// One in front of `upstream` that changes nothing yet.
    ///
    /// # Errors
    /// When no port or no certificate is to be had.
    pub async fn start(upstream: Endpoint) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let acceptor = acceptor(&folder)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let state = Arc::new(State {
            upstream,
            tamper: Mutex::new(Arc::new(|_: &mut Message| {})),
            passed: Mutex::default(),
        });
        let task = tokio::spawn(serve(listener, acceptor, state.clone()));
        Ok(Proxy {
            url,
            folder,
            state,
            task,
        })
    }

    /// Changes every message from now on.
    pub fn tamper(&self, tamper: impl Fn(&mut Message) + Send + Sync + 'static) {
        *self.state.tamper.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(tamper);
    }

    /// Everything that passed until now, as it was before it was changed.
    pub fn passed(&self) -> Vec<Message> {
        self.state
            .passed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Certificate of its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A real agent that takes it for the server.
    pub fn agent(&self) -> super::AgentBuilder {
        super::AgentBuilder::new(&self.url, &self.ca_file())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn acceptor(folder: &TempDir) -> Result<TlsAcceptor> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    fs::write(folder.path().join("ca.pem"), authority.pem())?;
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(["localhost".to_owned()])?;
    let leaf = params.signed_by(&key, &authority)?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone(), authority.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, state) = (acceptor.clone(), state.clone());
        // A broken connection is what this program is for.
        tokio::spawn(async move {
            let _ = pass(stream, &acceptor, &state).await;
        });
    }
}

async fn pass(stream: TcpStream, acceptor: &TlsAcceptor, state: &State) -> Result<()> {
    let mut agent = acceptor.accept(stream).await?;
    let mut server = state.upstream.connect().await?;
    loop {
        let request = read_message(&mut agent).await?;
        server.send(&state.passing(Direction::ToServer, request)).await?;
        let reply = read_message(server.stream()).await?;
        agent.write_all(&state.passing(Direction::ToAgent, reply)).await?;
        agent.flush().await?;
    }
}

impl State {
    fn passing(&self, direction: Direction, bytes: Vec<u8>) -> Vec<u8> {
        let mut message = Message { direction, bytes };
        self.passed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message.clone());
        let tamper = self.tamper.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tamper(&mut message);
        message.bytes
    }
}

/// Reads a message with a `Content-Length` or without body.
pub(super) async fn read_message(stream: &mut (impl AsyncReadExt + Unpin)) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(head) = head_length(&bytes) {
            break head;
        }
        ensure!(stream.read_buf(&mut bytes).await? > 0, "closed");
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length = length
        .map_or(Ok(0), |length| length.trim().parse::<usize>())
        .context("Content-Length")?;
    while bytes.len() < head + length {
        ensure!(stream.read_buf(&mut bytes).await? > 0, "closed");
    }
    Ok(bytes)
}

fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}
