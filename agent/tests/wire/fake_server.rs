//! A TLS server in this process that answers with whatever bytes a test wants.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivatePkcs8KeyDer;
use scm_protocol::signature::{
    OwnedSignatureFields, RequestEcho, RequestLine, SignatureFields, sign_response,
};
use scm_tls::Trust;
use scmclient::config::Server;
use scmclient::identity::ServerTag;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// An established TLS session on the server's side.
pub(crate) type Session = StreamOwned<ServerConnection, TcpStream>;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) fields: OwnedSignatureFields,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A whole HTTP reply with this body, signed for this request.
    pub(crate) fn signed_reply(&self, key: &ed25519_dalek::SigningKey, status: u16, body: &[u8]) -> Vec<u8> {
        let echo = RequestEcho {
            line: RequestLine {
                method: "POST",
                path: &self.path,
            },
            fields: self.fields.as_fields(),
        };
        let organization = "default".parse().unwrap();
        let fields = sign_response(key, &organization, echo, status, body, 1_790_000_000);
        reply(status, Some(fields.as_fields()), body)
    }
}

/// A whole HTTP reply.
pub(crate) fn reply(status: u16, fields: Option<SignatureFields<'_>>, body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
    if let Some(fields) = fields {
        head += &format!("Content-Digest: {}\r\n", fields.content_digest);
        head += &format!("Signature-Input: {}\r\n", fields.signature_input);
        head += &format!("Signature: {}\r\n", fields.signature);
    }
    [format!("{head}\r\n").as_bytes(), body].concat()
}

/// The server; it serves until the test's process ends.
pub(crate) struct FakeServer {
    pub(crate) url: String,
    pub(crate) ca_pin: [u8; 32],
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeServer {
    /// Answers each request by what `answer` writes; a connection is kept while it returns true.
    pub(crate) fn start(answer: impl Fn(&Request, &mut Session) -> bool + Send + Sync + 'static) -> Self {
        let (config, ca_pin) = tls();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let connections = Arc::new(AtomicUsize::new(0));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, counting, keeping) = (Arc::new(answer), connections.clone(), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                counting.fetch_add(1, Ordering::SeqCst);
                let (answer, keeping, config) = (answer.clone(), keeping.clone(), config.clone());
                let session = ServerConnection::new(config).unwrap();
                let session = StreamOwned::new(session, stream.unwrap());
                thread::spawn(move || serve(session, &*answer, &keeping));
            }
        });
        FakeServer {
            url,
            ca_pin,
            connections,
            requests,
        }
    }

    /// What an agent's configuration says of it.
    pub(crate) fn server(&self) -> Server {
        Server {
            url: self.url.clone(),
            tag: ServerTag::of(&self.url),
            organization: "default".parse().unwrap(),
            enrollment_token: None,
            trust: Trust::CaPin(self.ca_pin),
            server_key_pin: None,
        }
    }

    /// How many connections came.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Every request that came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(
    session: Session,
    answer: &(dyn Fn(&Request, &mut Session) -> bool + Send + Sync),
    requests: &Mutex<Vec<Request>>,
) {
    let mut session = BufReader::new(session);
    while let Some(request) = read(&mut session) {
        requests.lock().unwrap().push(request.clone());
        if !answer(&request, session.get_mut()) {
            let session = session.get_mut();
            session.conn.send_close_notify();
            let _ = session.flush();
            return;
        }
    }
}

fn read(session: &mut BufReader<Session>) -> Option<Request> {
    let mut first = String::new();
    session.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let path = first.split(' ').nth(1)?.to_owned();
    let (mut length, mut digest, mut input, mut signature) = (0, None, None, None);
    loop {
        let mut line = String::new();
        session.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "content-digest" => digest = Some(value.to_owned()),
            "signature-input" => input = Some(value.to_owned()),
            "signature" => signature = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    session.read_exact(&mut body).ok()?;
    let fields = OwnedSignatureFields {
        content_digest: digest?,
        signature_input: input?,
        signature: signature?,
    };
    Some(Request { path, fields, body })
}

fn tls() -> (Arc<ServerConfig>, [u8; 32]) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "Fake CA");
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &ca).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone(), ca.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (Arc::new(config), scm_tls::fingerprint(ca.der()))
}
