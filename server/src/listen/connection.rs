//! One connection, from the accepted socket to its end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::activity::{Activity, Noticed, Watched};
use super::guard::{Guard, Shared};
use super::limits::Limits;
use super::serve::{Admission, App, ReplyBody, stopped};
use super::stream::{Raw, Stream};
use super::tls::TlsReloader;
use super::{Peer, refusal};

/// What a connection needs of the server around it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// None where plain text is spoken.
    pub(super) tls: Option<Arc<TlsReloader>>,
    pub(super) shared: Shared,
    pub(super) shutdown: watch::Receiver<bool>,
}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("its socket: {0}")]
    Socket(std::io::Error),
    #[error("no TLS handshake in time")]
    SlowHandshake,
    #[error("TLS handshake: {0}")]
    Handshake(std::io::Error),
    #[error("a limit of time has passed")]
    Expired,
    #[error("HTTP: {0}")]
    Http(hyper::Error),
}

/// For the last bytes in both directions once everything is said.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection that is turned away has no business beyond one request.
const TURNED_AWAY: Duration = Duration::from_secs(5);

/// Serves one connection to its end.
pub(super) async fn run<S: App>(
    socket: Raw,
    mut peer: Peer,
    admission: Admission,
    app: S,
    mut place: Place,
) -> Result<(), Fault> {
    let limits = place.shared.limits.clone();
    let proxied = matches!(socket, Raw::Unix(_)) || place.shared.forwarding.trusts(peer.address.ip());
    let stream = match (socket, place.tls.clone()) {
        (Raw::Unix(stream), _) => Stream::Unix(UnixStream::from_std(stream).map_err(Fault::Socket)?),
        (Raw::Tcp(stream), None) => {
            let stream = TcpStream::from_std(stream).map_err(Fault::Socket)?;
            prepare(&stream, &limits).map_err(Fault::Socket)?;
            Stream::Tcp(stream)
        }
        (Raw::Tcp(stream), Some(tls)) => {
            let stream = TcpStream::from_std(stream).map_err(Fault::Socket)?;
            prepare(&stream, &limits).map_err(Fault::Socket)?;
            let Some(stream) = shake_hands(stream, &tls, &limits, &mut place.shutdown).await? else {
                return Ok(());
            };
            // Also of a resumed session: it carries the certificate that it was begun with.
            let shown = stream.get_ref().1.peer_certificates();
            if let Some(certificate) = shown.and_then(<[_]>::first) {
                peer.certificate = tls.clients().examine(certificate);
            }
            Stream::Tls(Box::new(stream))
        }
    };
    let (_permit, stream, outcome, unread) = match admission {
        Admission::Seat(permit) => {
            let activity = Activity::new(limits);
            let guard = Guard {
                service: app,
                shared: place.shared,
                peer,
                proxied,
                activity: activity.clone(),
            };
            let http = builder(&activity);
            let (stream, outcome) = drive(&http, stream, guard, &activity, place.shutdown).await;
            (permit, stream, outcome, activity.is_unread())
        }
        Admission::TurnedAway(permit) => {
            let header_timeout = limits.header_timeout.min(TURNED_AWAY);
            let activity = Activity::new(Arc::new(Limits {
                header_timeout,
                ..Limits::clone(&limits)
            }));
            let service = service_fn(|_| {
                activity.request();
                let reply = refusal::too_many_connections();
                let reply = reply.map(|body| Noticed::new(body, activity.clone()));
                std::future::ready(Ok::<_, Infallible>(reply))
            });
            let mut http = builder(&activity);
            http.keep_alive(false);
            let (stream, outcome) = drive(&http, stream, service, &activity, place.shutdown).await;
            (permit, stream, outcome, true)
        }
    };
    // A client that takes nothing more may still hold this up; it has a bound of its own.
    drop(tokio::time::timeout(FAREWELL, close(stream, unread)).await);
    outcome
}

/// A connection on which nothing happens for so long is probed,
const PROBED_AFTER: Duration = Duration::from_secs(30);
/// so often,
const PROBED_EVERY: Duration = Duration::from_secs(10);
/// and given up after so many probes without an answer.
const PROBES: u32 = 3;

/// None when the server stops meanwhile.
async fn shake_hands(
    stream: TcpStream,
    tls: &TlsReloader,
    limits: &Limits,
    shutdown: &mut watch::Receiver<bool>,
) -> Result<Option<TlsStream<TcpStream>>, Fault> {
    let handshake = TlsAcceptor::from(tls.current()).accept(stream);
    tokio::select! {
        () = stopped(shutdown) => Ok(None),
        shaken = tokio::time::timeout(limits.header_timeout, handshake) => {
            Ok(Some(shaken.map_err(|_| Fault::SlowHandshake)?.map_err(Fault::Handshake)?))
        }
    }
}

/// No waiting to fill packets; a peer that is gone, or takes nothing of what it is sent, is given up by the kernel.
fn prepare(stream: &TcpStream, limits: &Limits) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(PROBED_AFTER)
        .with_interval(PROBED_EVERY)
        .with_retries(PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    // Linux ends an idle connection by this limit as well, whatever the number of probes: a shorter one would give up a
    // held check-in for one packet that was lost.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(
        limits.write_timeout.max(PROBED_AFTER + PROBED_EVERY * PROBES),
    ))?;
    Ok(())
}

fn builder(activity: &Activity) -> http1::Builder {
    let mut http = http1::Builder::new();
    // Time is kept by the activity, see there.
    http.header_read_timeout(None)
        .max_header_size(activity.limits().header_bytes)
        .half_close(false);
    http
}

/// Speaks HTTP until the client or the server has enough, or a limit is passed.
async fn drive<S>(
    http: &http1::Builder,
    stream: Stream,
    service: S,
    activity: &Arc<Activity>,
    mut shutdown: watch::Receiver<bool>,
) -> (Stream, Result<(), Fault>)
where
    S: HttpService<Incoming, ResBody: ReplyBody, Future: Unpin> + Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = Watched {
        stream,
        activity: activity.clone(),
    };
    let mut connection = http.serve_connection(TokioIo::new(stream), service);
    let mut timer = pin!(tokio::time::sleep(activity.limits().header_timeout));
    let mut draining = false;
    let outcome = loop {
        tokio::select! {
            biased;
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended.map_err(Fault::Http),
            () = poll_fn(|cx| activity.poll_expired(timer.as_mut(), cx)) => break Err(Fault::Expired),
            () = stopped(&mut shutdown), if !draining => {}
        }
        draining = true;
        Pin::new(&mut connection).graceful_shutdown();
    };
    (connection.into_parts().io.into_inner().stream, outcome)
}

/// Ends both directions. A client that is still sending what was refused is listened to for a moment: closing at once
/// would reset the connection, and the reply that says why would be lost on the way.
async fn close(mut stream: Stream, unread: bool) -> std::io::Result<()> {
    stream.shutdown().await?;
    if unread {
        stream.scrap().await?;
    }
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The kernel counts what is unanswered from the first probe on: a limit that ends before the last one would give up a held
    /// check-in for one packet that was lost.
    #[tokio::test]
    async fn the_kernel_waits_for_every_probe_and_for_what_was_configured() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        for write_timeout in [Duration::from_secs(30), Duration::from_secs(300)] {
            let stream = TcpStream::connect(address).await.unwrap();
            let limits = Limits {
                write_timeout,
                ..Limits::default()
            };
            prepare(&stream, &limits).unwrap();
            let socket = SockRef::from(&stream);
            let probes = socket.tcp_keepalive_time().unwrap()
                + socket.tcp_keepalive_interval().unwrap() * socket.tcp_keepalive_retries().unwrap();
            let unanswered = socket.tcp_user_timeout().unwrap().unwrap();
            assert!(unanswered >= probes, "{unanswered:?}, probes take {probes:?}");
            assert!(unanswered >= write_timeout);
        }
    }
}
