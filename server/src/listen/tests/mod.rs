//! The listener over loopback, with real TLS and a warp application, and clients that misbehave in every known way.

mod endings;
mod limits;
mod requests;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use scm_protocol::ids::UnixMillis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use warp::Filter;

use super::{CertificateFiles, Limits, Listener, Peer, TlsReloader};
use crate::homes::{self, HomeThreads, Homes};
use crate::pki::{Names, Pki};

/// 2026-07-01.
const NOW: UnixMillis = UnixMillis(1_782_864_000_000);

/// Limits short enough to wait for.
fn short() -> Limits {
    Limits {
        connections: 8,
        reserve: 2,
        header_timeout: Duration::from_millis(400),
        body_timeout: Duration::from_millis(400),
        idle_timeout: Duration::from_millis(1500),
        write_timeout: Duration::from_millis(500),
        drain_timeout: Duration::from_millis(1000),
        body_bytes: 10_000,
        body_memory_kib: 64,
        header_bytes: 16 * 1024,
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn pki(folder: &Path) -> Pki {
    Pki::open_or_create(&folder.join("pki"), &Names::of_machine(&[]).unwrap(), NOW).unwrap()
}

/// What a client trusts who knows the pin of `pki`.
fn trusting(pki: &Pki) -> Arc<ClientConfig> {
    let trust = scm_tls::Trust::CaPin(pki.ca_fingerprint());
    Arc::new(scm_tls::client_config(&trust, provider()).unwrap())
}

/// Endless replies that are still being streamed.
static STREAMING: AtomicUsize = AtomicUsize::new(0);

struct Endless;

impl Endless {
    fn new() -> Self {
        STREAMING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        STREAMING.fetch_sub(1, Ordering::SeqCst);
    }
}

fn routes()
-> impl Filter<Extract = (warp::reply::Response,), Error = warp::Rejection> + Clone + Send + Sync + Unpin {
    use warp::reply::{Reply, Response};
    let hello = warp::path!("hello").map(|| "hello".into_response());
    let home = warp::path!("home").map(|| homes::here().to_string().into_response());
    let peer = warp::path!("peer")
        .and(warp::ext::get::<Peer>())
        .map(|peer: Peer| peer.address.ip().to_string().into_response());
    let echo = warp::path!("echo")
        .and(warp::body::bytes())
        .map(|body: Bytes| body.len().to_string().into_response());
    let slow = warp::path!("slow" / u64).then(|millis| async move {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        "slow".into_response()
    });
    let panics = warp::path!("panic").map(|| -> Response { panic!("on purpose") });
    let panics_later = warp::path!("panic" / "later").then(|| async {
        tokio::task::yield_now().await;
        if true {
            panic!("on purpose")
        }
        "never".into_response()
    });
    let size = warp::path!("size" / usize).map(|size| vec![b'y'; size].into_response());
    let endless = warp::path!("endless").map(|| {
        let streaming = Endless::new();
        let piece = move || {
            let Endless = &streaming;
            Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'x'; 16_384]))
        };
        warp::reply::stream(futures_util::stream::repeat_with(piece)).into_response()
    });
    hello
        .or(home)
        .unify()
        .or(peer)
        .unify()
        .or(echo)
        .unify()
        .or(slow)
        .unify()
        .or(panics)
        .unify()
        .or(panics_later)
        .unify()
        .or(size)
        .unify()
        .or(endless)
        .unify()
        .boxed()
}

/// A listener that serves until it is told to stop.
struct Running {
    folder: tempfile::TempDir,
    address: SocketAddr,
    client: Arc<ClientConfig>,
    tls: Arc<TlsReloader>,
    stop: watch::Sender<bool>,
    _homes: HomeThreads,
    served: JoinHandle<()>,
}

/// No proxy whose word is taken.
fn nobody_trusted(clients: crate::pki::ClientAuthority) -> super::Forwarding {
    let [certificate, verify] =
        ["x-client-cert", "x-client-verify"].map(hyper::header::HeaderName::from_static);
    super::Forwarding::new(Vec::new(), certificate, verify, clients)
}

impl Running {
    /// As the server itself does, for a second listener of the same machine.
    fn bind(&self, address: SocketAddr) -> Result<Listener, super::BindError> {
        let clients = pki(self.folder.path()).client_authority(provider()).unwrap();
        Listener::bind(&[address], &self.tls, short(), nobody_trusted(clients))
    }

    fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = pki(folder.path());
        let files = CertificateFiles {
            certificate: pki.certificate_path(),
            key: pki.key_path(),
        };
        let clients = pki.client_authority(provider()).unwrap();
        let tls = TlsReloader::open(files, provider(), clients.clone()).unwrap();
        let listener = Listener::bind(
            &["[::1]:0".parse().unwrap()],
            &tls,
            limits,
            nobody_trusted(clients),
        )
        .unwrap();
        let address = listener.local_addrs()[0];
        let (stop, stopped) = watch::channel(false);
        let (homes, threads) = Homes::start_some(2).unwrap();
        let served = tokio::spawn(listener.serve(warp::service(routes()), stopped, homes));
        Self {
            folder,
            address,
            client: trusting(&pki),
            tls,
            stop,
            _homes: threads,
            served,
        }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn try_connect(&self) -> std::io::Result<Connection> {
        self.try_connect_as(&self.client).await
    }

    async fn try_connect_as(&self, client: &Arc<ClientConfig>) -> std::io::Result<Connection> {
        Self::shake(client, TcpStream::connect(self.address).await?).await
    }

    async fn shake(client: &Arc<ClientConfig>, tcp: TcpStream) -> std::io::Result<Connection> {
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(client.clone()).connect(name, tcp).await?;
        Ok(Connection {
            stream,
            received: Vec::new(),
        })
    }

    async fn connect(&self) -> Connection {
        self.try_connect().await.unwrap()
    }

    async fn get(&self, path: &str) -> Reply {
        self.connect().await.get(path).await
    }
}

/// A client's connection, with bytes as they are on the wire.
struct Connection {
    stream: TlsStream<TcpStream>,
    received: Vec<u8>,
}

#[derive(Debug)]
struct Reply {
    head: String,
    body: String,
}

impl Reply {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines
            .clone()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem: scm_protocol::problem::Problem = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem.status, self.status());
        problem.code
    }
}

impl Connection {
    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        self.reply().await
    }

    async fn reply(&mut self) -> Reply {
        self.try_reply().await.unwrap()
    }

    /// A reply with a Content-Length.
    async fn try_reply(&mut self) -> std::io::Result<Reply> {
        let head = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break String::from_utf8(self.received.drain(..end + 4).collect()).unwrap();
            }
            self.more().await?;
        };
        let mut reply = Reply {
            head,
            body: String::new(),
        };
        let length: usize = reply.header("content-length").unwrap_or("0").parse().unwrap();
        while self.received.len() < length {
            self.more().await?;
        }
        reply.body = String::from_utf8(self.received.drain(..length).collect()).unwrap();
        Ok(reply)
    }

    async fn more(&mut self) -> std::io::Result<()> {
        let read = self.stream.read_buf(&mut self.received).await?;
        if read == 0 {
            Err(std::io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(())
        }
    }

    /// How long the server takes from now to close.
    async fn closed_after(mut self) -> Duration {
        let start = Instant::now();
        let mut scrap = Vec::new();
        let patience = Duration::from_secs(10);
        drop(
            tokio::time::timeout(patience, self.stream.read_to_end(&mut scrap))
                .await
                .expect("never closed"),
        );
        start.elapsed()
    }
}

fn between(elapsed: Duration, least_ms: u64, most_ms: u64) {
    let allowed = Duration::from_millis(least_ms)..Duration::from_millis(most_ms);
    assert!(
        allowed.contains(&elapsed),
        "{elapsed:?} is not within {allowed:?}"
    );
}
