//! Forwarding of the audit (A4): to a real rsyslog over TLS, and to an HTTPS receiver that fails on and off.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::PrivateKeyDer;
use scm_protocol::audit::{AuditAnchor, AuditForwardTarget, AuditForwarding, AuditPage, ExportEntry};
use scm_protocol::identity::PublicKey;
use scm_tests::programs::{Admin, Database, Process, Server, eventually};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An authority of its own and a certificate for localhost, as PEM files.
struct Certificates {
    folder: TempDir,
}

impl Certificates {
    fn make() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("scm-receiver-").tempdir()?;
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
        fs::write(folder.path().join("ca.pem"), authority.pem())?;
        fs::write(folder.path().join("cert.pem"), leaf.pem())?;
        fs::write(folder.path().join("key.pem"), key.serialize_pem())?;
        Ok(Certificates { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The section of the server's configuration that sends there.
    fn section(&self, name: &str, kind: &str, address: &str) -> String {
        format!(
            "[[audit.forward]]\nname = \"{name}\"\nkind = \"{kind}\"\naddress = \"{address}\"\nca_file = \"{}\"\n",
            self.path("ca.pem").display()
        )
    }
}

/// The one target's state.
async fn target(admin: &Admin) -> Result<AuditForwardTarget> {
    let state: AuditForwarding = admin.get("/api/v1/audit/forwarding").await?;
    state.targets.into_iter().next().context("there is no target")
}

async fn caught_up(admin: &Admin, least: i64) -> Result<AuditForwardTarget> {
    eventually("the target to have everything", 60, async || {
        let state = target(admin).await?;
        Ok((state.last_id >= least && state.behind == 0).then_some(state))
    })
    .await
}

/// What rsyslog received, one message a line, as it understood it.
struct Rsyslog {
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Rsyslog {
    fn new(certificates: &Certificates) -> Result<Self> {
        let port = StdListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = certificates.folder.path().to_owned();
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "global(workDirectory=\"{folder}\" maxMessageSize=\"64k\" defaultNetstreamDriver=\"gtls\"\n\
             defaultNetstreamDriverCAFile=\"{ca}\" defaultNetstreamDriverCertFile=\"{cert}\"\n\
             defaultNetstreamDriverKeyFile=\"{key}\")\n\
             module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\")\n\
             template(name=\"line\" type=\"string\" string=\"%protocol-version%|%pri%|%app-name%|%msgid%|%structured-data%|%msg%\\n\")\n\
             ruleset(name=\"keep\") {{ action(type=\"omfile\" file=\"{out}\" template=\"line\") }}\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"keep\")\n",
            folder = folder.display(),
            ca = at("ca.pem"),
            cert = at("cert.pem"),
            key = at("key.pem"),
            out = at("received"),
        );
        fs::write(folder.join("rsyslog.conf"), config)?;
        Ok(Rsyslog {
            folder,
            port,
            process: None,
        })
    }

    fn start(&mut self) -> Result<()> {
        let program = ["/usr/sbin/rsyslogd", "/sbin/rsyslogd", "/usr/bin/rsyslogd"]
            .into_iter()
            .find(|path| Path::new(path).is_file())
            .context("rsyslogd is missing: `cargo xtask test` installs it")?;
        let mut command = Command::new(program);
        command.arg("-n").arg("-f").arg(self.folder.join("rsyslog.conf"));
        command.arg("-i").arg(self.folder.join("pid"));
        self.process = Some(Process::start("rsyslog", command, &self.folder.join("log"))?);
        Ok(())
    }

    fn stop(&mut self) -> Result<()> {
        self.process.take().context("it does not run")?.stop()?;
        Ok(())
    }

    fn received(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.join("received")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// The value of a parameter of the structured data.
fn parameter<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslog_receives_every_entry_in_order() -> Result<()> {
    let certificates = Certificates::make()?;
    let mut rsyslog = Rsyslog::new(&certificates)?;
    let section = certificates.section("siem", "syslog", &format!("localhost:{}", rsyslog.port));
    let server = Server::builder().sections(&section).start().await?;
    let admin = server.admin()?;
    // Nobody listens yet: the entries wait, and the console can see why.
    admin.make_tokens(0..5).await?;
    eventually("an error to be shown", 30, async || {
        Ok(target(&admin).await?.last_error)
    })
    .await?;
    rsyslog.start()?;
    let state = caught_up(&admin, 5).await?;
    assert_eq!((state.kind.as_str(), state.last_error), ("syslog", None));
    // Down for a while, and up again.
    rsyslog.stop()?;
    admin.make_tokens(5..255).await?;
    // An export signs where the chain stands: the anchor is forwarded, too.
    assert_eq!(admin.status("GET", "/api/v1/audit/export").await?, 200);
    rsyslog.start()?;
    caught_up(&admin, 256).await?;

    let lines = rsyslog.received();
    let entries: Vec<&String> = lines
        .iter()
        .filter(|line| !line.contains("|audit.anchor|"))
        .collect();
    let ids: Vec<i64> = entries
        .iter()
        .filter_map(|line| parameter(line, "id")?.parse().ok())
        .collect();
    assert_eq!(ids.len(), entries.len(), "a line without an id: {lines:?}");
    assert!(ids.is_sorted(), "out of order: {ids:?}");
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 256, "{ids:?}");
    assert!(
        lines.iter().all(|line| line.starts_with("1|110|scmserver|")),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|line| line.contains("|audit.anchor|")),
        "no anchor came"
    );

    let page: AuditPage = admin.get("/api/v1/audit?limit=1000").await?;
    for entry in &page.items {
        let line = entries
            .iter()
            .find(|line| parameter(line, "id") == Some(&entry.id.to_string()));
        let line = line.with_context(|| format!("entry {} did not come", entry.id))?;
        assert_eq!(parameter(line, "hash"), Some(entry.hash.as_str()));
        let detail = line.rsplit_once("]|").map(|(_, detail)| detail.trim_start());
        let detail: serde_json::Value = serde_json::from_str(detail.context("no message")?)?;
        assert_eq!(detail, entry.detail);
    }
    Ok(())
}

/// What a webhook is posted.
#[derive(Debug, Deserialize)]
struct Post {
    organization: String,
    entries: Vec<ExportEntry>,
    anchors: Vec<AuditAnchor>,
}

/// An HTTPS receiver that does with its posts, in turn: answer 503, hang up without a word after reading, take it.
struct Receiver {
    url: String,
    taken: Arc<Mutex<Vec<Post>>>,
}

impl Receiver {
    async fn start(certificates: &Certificates) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}/hook?site=7", listener.local_addr()?.port());
        let acceptor = TlsAcceptor::from(Arc::new(tls(certificates)?));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let (kept, expected) = (Arc::clone(&taken), url.clone());
        tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((stream, _)) = listener.accept().await {
                turn += 1;
                let answered = answer(&acceptor, stream, turn % 3, &expected).await;
                match answered {
                    Ok(post) => kept.lock().unwrap_or_else(PoisonError::into_inner).extend(post),
                    Err(error) => panic!("a post that is not as it should be: {error:#}"),
                }
            }
        });
        Ok(Receiver { url, taken })
    }
}

fn tls(certificates: &Certificates) -> Result<ServerConfig> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let chain = CertificateDer::pem_file_iter(certificates.path("cert.pem"))?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(certificates.path("key.pem"))?;
    Ok(
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?,
    )
}

async fn answer(acceptor: &TlsAcceptor, stream: TcpStream, turn: u32, url: &str) -> Result<Option<Post>> {
    // A server that is killed hangs up wherever it is.
    let Ok(mut stream) = acceptor.accept(stream).await else {
        return Ok(None);
    };
    let Ok((head, body)) = request(&mut stream).await else {
        return Ok(None);
    };
    verify(&head, &body, url)?;
    let reply: &[u8] = match turn {
        1 => b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
        2 => b"",
        _ => b"HTTP/1.1 204 No Content\r\n\r\n",
    };
    let sent = async {
        stream.write_all(reply).await?;
        stream.shutdown().await
    };
    let _ = sent.await;
    let post: Post = serde_json::from_slice(&body)?;
    // What was read before the hang-up counts too: it must come again, and may have come.
    Ok((turn != 1).then_some(post))
}

async fn request(stream: &mut TlsStream<TcpStream>) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 16 * 1024];
        let read = stream.read(&mut chunk).await?;
        ensure!(read > 0, "the request ends early");
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length: usize = field(head, "content-length")?.parse()?;
        if bytes.len() >= head.len() + 4 + length {
            return Ok((head.to_owned(), bytes.split_off(head.len() + 4)));
        }
    }
}

fn field<'a>(head: &'a str, name: &str) -> Result<&'a str> {
    let value = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = value.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    found
        .next()
        .map(|(_, value)| value)
        .with_context(|| format!("no field {name}"))
}

/// RFC 9421, as docs/audit.md describes it.
fn verify(head: &str, body: &[u8], url: &str) -> Result<()> {
    let digest = field(head, "content-digest")?;
    ensure!(
        digest == scm_protocol::signature::content_digest(body),
        "the digest"
    );
    let params = field(head, "signature-input")?
        .strip_prefix("scm=")
        .context("label")?;
    let key = params
        .split_once("keyid=\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    let key: PublicKey = key.context("keyid")?.0.parse()?;
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {url}\n\"content-digest\": {digest}\n\"@signature-params\": {params}"
    );
    let signature = field(head, "signature")?
        .strip_prefix("scm=:")
        .and_then(|text| text.strip_suffix(':'));
    let signature = Signature::from_slice(&STANDARD.decode(signature.context("signature")?)?)?;
    let key: &VerifyingKey = key.verifying_key();
    Ok(key.verify_strict(base.as_bytes(), &signature)?)
}

async fn webhook_gets_everything(database: Database) -> Result<()> {
    let certificates = Certificates::make()?;
    let receiver = Receiver::start(&certificates).await?;
    let section = certificates.section("hook", "webhook", &receiver.url);
    let mut server = Server::builder()
        .database(database)
        .sections(&section)
        .start()
        .await?;
    // On PostgreSQL a second server sends too, and both together send no gap and no disorder.
    let replica = match database {
        Database::Postgres => Some(server.replica().await?),
        Database::Sqlite => None,
    };
    server.admin()?.make_tokens(0..30).await?;
    caught_up(&server.admin()?, 30).await?;
    // Killed in the middle of it, a server goes on where the receiver has confirmed.
    server.admin()?.make_tokens(30..60).await?;
    server.kill()?;
    server.start().await?;
    assert_eq!(server.admin()?.status("GET", "/api/v1/audit/export").await?, 200);
    caught_up(&server.admin()?, 61).await?;
    drop(replica);

    let posts = receiver.taken.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(posts.iter().all(|post| post.organization == "default"));
    let entries: Vec<&ExportEntry> = posts.iter().flat_map(|post| &post.entries).collect();
    let mut next = 1;
    for entry in &entries {
        assert!(entry.id <= next, "entry {next} is missing before {}", entry.id);
        next = next.max(entry.id + 1);
    }
    assert!(next > 60, "only {next} came");
    assert!(
        entries.len() > 60,
        "nothing came twice: the receiver never failed"
    );
    let anchors = posts.iter().flat_map(|post| &post.anchors).count();
    assert!(anchors > 0, "no anchor came");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_fails_on_and_off_gets_everything_in_order() -> Result<()> {
    webhook_gets_everything(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_send_to_one_webhook_without_a_gap() -> Result<()> {
    webhook_gets_everything(Database::Postgres).await
}
