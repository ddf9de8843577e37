//! The bare work of a check-in, as the measure for what the server does beyond it: TLS, HTTP through the router crate that the
//! server uses, a signature verified strictly, the message parsed, a signed reply; nothing decided and nothing kept.
//!
//! It registers whoever comes, so that the fleet simulator can be pointed at it. See `cargo xtask bench --ratios`.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use ed25519_dalek::SigningKey;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::PrivateKeyDer;
use scm_protocol::agent::{
    AgentStatus, CHECKIN_PATH, CheckIn, CheckInReply, REGISTER_PATH, RegisterReply, RegisterRequest,
};
use scm_protocol::commands::report::Tasks;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId};
use scm_protocol::signature::{
    OwnedSignatureFields, RequestEcho, RequestLine, SignatureFields, Signer, Unverified, sign_response,
};
use scm_tests::clock;
use scm_tests::signed::new_key;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response};

/// Seconds that agents are told to stay away.
const INTERVAL_SECS: u32 = 60;

/// Answers signed check-ins and keeps nothing but public keys.
#[derive(Debug, Parser)]
#[command(name = "ceiling", version)]
struct Options {
    /// An empty folder for the certificate (`ca.pem`) and, once it can be connected to, the port (`port`).
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
}

/// Who signs, and whose signatures hold.
struct Known {
    organization: Organization,
    key: SigningKey,
    systems: RwLock<Vec<PublicKey>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let tls = TlsAcceptor::from(Arc::new(certificate(&options)?));
    let known = Arc::new(Known {
        organization: Organization::default(),
        key: new_key()?,
        systems: RwLock::default(),
    });
    let routes = route(REGISTER_PATH, known.clone(), register)
        .or(route(CHECKIN_PATH, known, check_in))
        .unify()
        .boxed();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let unfinished = options.folder.join("port.new");
    std::fs::write(&unfinished, listener.local_addr()?.port().to_string())?;
    std::fs::rename(unfinished, options.folder.join("port"))?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (tls, routes) = (tls.clone(), routes.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(stream, tls, routes).await {
                eprintln!("ceiling: a connection ended: {error:#}");
            }
        });
    }
}

fn certificate(options: &Options) -> Result<ServerConfig> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    std::fs::write(options.folder.join("ca.pem"), certificate.pem())?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()?
        .with_no_client_auth();
    Ok(builder.with_single_cert(vec![certificate.der().clone()], private)?)
}

async fn serve(stream: TcpStream, tls: TlsAcceptor, routes: BoxedFilter<(Response,)>) -> Result<()> {
    stream.set_nodelay(true)?;
    let stream = tls.accept(stream).await?;
    let app = TowerToHyperService::new(warp::service(routes));
    let whole = service_fn(move |request: Request<Incoming>| {
        let app = app.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = Full::new(body.collect().await?.to_bytes());
            let Ok(response) = app.call(Request::from_parts(head, body)).await;
            Ok::<_, hyper::Error>(response)
        }
    });
    Ok(http1::Builder::new()
        .serve_connection(TokioIo::new(stream), whole)
        .await?)
}

/// What a route makes of a request: the body of its reply.
type Answer = fn(&Known, Unverified<'_>) -> Result<Vec<u8>>;

fn route(path: &'static str, known: Arc<Known>, answer: Answer) -> BoxedFilter<(Response,)> {
    let here = move |found: warp::path::FullPath| async move {
        if found.as_str() == path {
            Ok(())
        } else {
            Err(warp::reject::not_found())
        }
    };
    warp::post()
        .and(warp::path::full().and_then(here).untuple_one())
        .and(warp::header::headers_cloned())
        .and(warp::body::bytes())
        .map(move |headers: HeaderMap, body: Bytes| {
            respond(&known, path, &headers, &body, answer).unwrap_or_else(|error| {
                let refused = (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"));
                warp::reply::with_status(refused.1, refused.0).into_response()
            })
        })
        .boxed()
}

fn respond(
    known: &Known,
    path: &'static str,
    headers: &HeaderMap,
    body: &[u8],
    answer: Answer,
) -> Result<Response> {
    let line = RequestLine { method: "POST", path };
    let fields = SignatureFields {
        content_digest: field(headers, "content-digest")?,
        signature_input: field(headers, "signature-input")?,
        signature: field(headers, "signature")?,
    };
    let reply = answer(known, Unverified::parse(line, fields, body)?)?;
    let now = clock::now().as_secs();
    let echo = RequestEcho { line, fields };
    let signed = sign_response(&known.key, &known.organization, echo, 200, &reply, now);
    complete(reply, &signed)
}

fn field<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str> {
    Ok(headers.get(name).context(name)?.to_str()?)
}

fn complete(reply: Vec<u8>, signed: &OwnedSignatureFields) -> Result<Response> {
    let mut response = reply.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("content-digest", HeaderValue::from_str(&signed.content_digest)?);
    headers.insert("signature-input", HeaderValue::from_str(&signed.signature_input)?);
    headers.insert("signature", HeaderValue::from_str(&signed.signature)?);
    Ok(response)
}

fn register(known: &Known, unverified: Unverified<'_>) -> Result<Vec<u8>> {
    let (claims, body) = unverified.verify_registration()?;
    let Signer::New(key) = claims.keyid.signer else {
        anyhow::bail!("not a registration");
    };
    body.json::<RegisterRequest>()?;
    let mut systems = known.systems.write().unwrap_or_else(PoisonError::into_inner);
    systems.push(key);
    Ok(serde_json::to_vec(&RegisterReply {
        system_id: SystemId(i64::try_from(systems.len())?),
        organization: known.organization.clone(),
        status: AgentStatus::Active,
        next_checkin_secs: INTERVAL_SECS,
        server_time_ms: clock::now(),
    })?)
}

fn check_in(known: &Known, unverified: Unverified<'_>) -> Result<Vec<u8>> {
    let Signer::System(SystemId(id)) = unverified.claims().keyid.signer else {
        anyhow::bail!("not a check-in");
    };
    ensure!(id > 0, "ids begin at 1");
    let key = {
        let systems = known.systems.read().unwrap_or_else(PoisonError::into_inner);
        *systems.get(usize::try_from(id - 1)?).context("unknown id")?
    };
    let (_, body) = unverified.verify(&key)?;
    let checkin = body.json::<CheckIn>()?.into_inner();
    let public: PublicKey = known.key.verifying_key().into();
    Ok(serde_json::to_vec(&CheckInReply {
        status: AgentStatus::Active,
        next_checkin_secs: INTERVAL_SECS,
        server_time_ms: clock::now(),
        server_public_key: (!checkin.has_server_key).then_some(public),
        send_facts: false,
        rotate_key: false,
        send_actions: false,
        tasks: Tasks::default(),
    })?)
}
