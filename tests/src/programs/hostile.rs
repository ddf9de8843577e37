//! A server that was never honest: it ends TLS with an authority of its own, and answers everything in one bad way.

use super::proxy::{acceptor, read_message};
use crate::clock;
use crate::signed::new_key;
use anyhow::{Context, Result, ensure};
use ed25519_dalek::SigningKey;
use scm_protocol::agent::{AgentStatus, CHECKIN_PATH, CheckInReply, REGISTER_PATH, RegisterReply};
use scm_protocol::commands::report::Tasks;
use scm_protocol::ids::{Organization, SystemId};
use scm_protocol::signature::{RequestEcho, RequestLine, SignatureFields, sign_response};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How it answers.
#[derive(Clone, Debug)]
pub enum Trick {
    /// Registers, and then delivers a key as its own that did not sign the reply.
    WrongSignature,
    /// 404 without a signature.
    NotFound,
    /// 307 to another server.
    Redirect(String),
    /// A body without end.
    EndlessBody,
    /// A byte now and then.
    SlowBody,
}

/// A running hostile server.
pub struct Hostile {
    url: String,
    folder: TempDir,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    sent: AtomicU64,
    broken_off: AtomicU64,
}

impl Hostile {
    /// One that plays this trick.
    ///
    /// # Errors
    /// When no port or no certificate is to be had.
    pub async fn start(trick: Trick) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let acceptor = acceptor(&folder)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let counts = Arc::new(Counts::default());
        let counted = counts.clone();
        let key = new_key()?;
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counts) = (acceptor.clone(), counted.clone());
                let (trick, key) = (trick.clone(), key.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    while let Ok(request) = read_message(&mut stream).await {
                        counts.requests.fetch_add(1, Ordering::SeqCst);
                        if answer(&mut stream, &request, &trick, &key, &counts)
                            .await
                            .is_err()
                        {
                            counts.broken_off.fetch_add(1, Ordering::SeqCst);
                            return;
                        }
                    }
                });
            }
        });
        Ok(Hostile {
            url,
            folder,
            counts,
            task,
        })
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Certificate of its authority.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A real agent that is configured for it.
    pub fn agent(&self) -> super::AgentBuilder {
        super::AgentBuilder::new(&self.url, &self.ca_file())
    }

    /// Whole requests that it was sent.
    pub fn requests(&self) -> u64 {
        self.counts.requests.load(Ordering::SeqCst)
    }

    /// Bytes of bodies that it could send.
    pub fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::SeqCst)
    }

    /// Replies that nobody wanted to read to their end.
    pub fn broken_off(&self) -> u64 {
        self.counts.broken_off.load(Ordering::SeqCst)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    request: &[u8],
    trick: &Trick,
    key: &SigningKey,
    counts: &Counts,
) -> Result<()> {
    let head = |status: &str, more: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\n{more}content-length: {length}\r\n\r\n")
    };
    match trick {
        Trick::WrongSignature => stream.write_all(&falsely_signed(request, key)?).await?,
        Trick::NotFound => stream.write_all(head("404 Not Found", "", 0).as_bytes()).await?,
        Trick::Redirect(to) => {
            let location = format!("location: {to}\r\n");
            let reply = head("307 Temporary Redirect", &location, 0);
            stream.write_all(reply.as_bytes()).await?;
        }
        Trick::EndlessBody => {
            let reply = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            stream.write_all(reply.as_bytes()).await?;
            let chunk = [b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
                stream.flush().await?;
                counts.sent.fetch_add(0x1000, Ordering::SeqCst);
            }
        }
        Trick::SlowBody => {
            stream.write_all(head("200 OK", "", 1_000_000).as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                counts.sent.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(300)).await;
            }
        }
    }
    Ok(stream.flush().await?)
}

/// What an honest server would say, but for the key that it names as its own.
fn falsely_signed(request: &[u8], key: &SigningKey) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(request);
    let field = |name: &str| {
        let fields = text.lines().filter_map(|line| line.split_once(": "));
        let mut named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim()).context("a field")
    };
    let path = text.split(' ').nth(1).context("a path")?;
    ensure!([REGISTER_PATH, CHECKIN_PATH].contains(&path), "what is {path}?");
    let now = clock::now();
    let body = if path == REGISTER_PATH {
        serde_json::to_vec(&RegisterReply {
            system_id: SystemId(1),
            organization: Organization::default(),
            status: AgentStatus::Active,
            next_checkin_secs: 1,
            server_time_ms: now,
        })?
    } else {
        serde_json::to_vec(&CheckInReply {
            status: AgentStatus::Active,
            next_checkin_secs: 1,
            server_time_ms: now,
            server_public_key: Some(new_key()?.verifying_key().into()),
            send_facts: false,
            rotate_key: false,
            send_actions: false,
            tasks: Tasks::default(),
        })?
    };
    let echo = RequestEcho {
        line: RequestLine { method: "POST", path },
        fields: SignatureFields {
            content_digest: field("content-digest")?,
            signature_input: field("signature-input")?,
            signature: field("signature")?,
        },
    };
    let signed = sign_response(key, &Organization::default(), echo, 200, &body, now.as_secs());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-digest: {}\r\nsignature-input: {}\r\nsignature: {}\r\ncontent-length: {}\r\n\r\n",
        signed.content_digest,
        signed.signature_input,
        signed.signature,
        body.len()
    );
    Ok([head.as_bytes(), &body].concat())
}
