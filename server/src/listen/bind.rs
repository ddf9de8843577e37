//! Sockets to listen on.

use std::fs::Permissions;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::forwarded::Forwarding;
use super::limits::Limits;
use super::stream::Raw;
use super::tls::TlsReloader;
use crate::config::ProxyAddress;

/// Connections that the kernel accepts ahead of us; it takes less if `net.core.somaxconn` says so.
const BACKLOG: i32 = 4096;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct BindError {
    /// The address.
    pub address: String,
    /// The operating system's answer.
    pub reason: std::io::Error,
}

/// A bound socket.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Bound {
    /// The next connection, and the address that it comes from; through a Unix socket, from this machine.
    pub(super) async fn accept(&self) -> std::io::Result<(Raw, SocketAddr)> {
        match self {
            Bound::Tcp(socket) => {
                let (stream, address) = socket.accept().await?;
                Ok((Raw::Tcp(stream.into_std()?), address))
            }
            Bound::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                Ok((
                    Raw::Unix(stream.into_std()?),
                    SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
                ))
            }
        }
    }
}

/// Bound sockets, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    /// Each with the TLS that is spoken there, or none.
    pub(super) doors: Vec<(Bound, Option<Arc<TlsReloader>>)>,
    pub(super) limits: Arc<Limits>,
    pub(super) forwarding: Arc<Forwarding>,
}

impl Listener {
    /// Binds all `addresses`, for TLS; of the proxies of `forwarding`, the word on who asks is taken. `[::]` takes IPv4 too, unless `0.0.0.0` with the same port is among them, and becomes
    /// `0.0.0.0` on a machine without IPv6. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`BindError`] for the first address that cannot be bound.
    pub fn bind(
        addresses: &[SocketAddr],
        tls: &Arc<TlsReloader>,
        limits: Limits,
        forwarding: Forwarding,
    ) -> Result<Self, BindError> {
        let doors = addresses
            .iter()
            .map(|address| {
                let only_v6 = addresses.contains(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())));
                bind(*address, only_v6)
                    .or_else(|reason| bind_without_v6(*address, reason))
                    .map(|socket| (Bound::Tcp(socket), Some(tls.clone())))
                    .map_err(|reason| failed(address, reason))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            doors,
            limits: Arc::new(limits),
            forwarding: Arc::new(forwarding),
        })
    }

    /// Listens there as well, in plain text, for a proxy on this machine.
    ///
    /// # Errors
    /// [`BindError`] when the address cannot be bound.
    pub fn also_plain(mut self, address: &ProxyAddress) -> Result<Self, BindError> {
        let bound = match address {
            ProxyAddress::Loopback(address) => bind(*address, false).map(Bound::Tcp),
            ProxyAddress::Unix(path) => bind_unix(path).map(Bound::Unix),
        };
        let socket = bound.map_err(|reason| failed(address, reason))?;
        self.doors.push((socket, None));
        Ok(self)
    }

    /// The addresses bound, with the ports that the kernel chose for port 0; those of plain text are not among them.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.doors
            .iter()
            .filter_map(|(socket, tls)| tls.as_ref().and(socket_addr(socket)))
            .collect()
    }

    /// The loopback addresses where plain text is spoken.
    pub fn plain_addrs(&self) -> Vec<SocketAddr> {
        let plain = self.doors.iter().filter(|(_, tls)| tls.is_none());
        plain.filter_map(|(socket, _)| socket_addr(socket)).collect()
    }
}

fn socket_addr(socket: &Bound) -> Option<SocketAddr> {
    match socket {
        Bound::Tcp(socket) => socket.local_addr().ok(),
        Bound::Unix(_) => None,
    }
}

fn failed(address: &impl ToString, reason: std::io::Error) -> BindError {
    BindError {
        address: address.to_string(),
        reason,
    }
}

/// A socket that a former run left is replaced, one that somebody listens on is not. Its group may connect, nobody else.
fn bind_unix(path: &Path) -> std::io::Result<UnixListener> {
    let left = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if left && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    let socket = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(socket)
}

fn bind(address: SocketAddr, only_v6: bool) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // Connections of the previous run, still in TIME_WAIT, do not keep a restart from listening.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn bind_without_v6(address: SocketAddr, reason: std::io::Error) -> std::io::Result<TcpListener> {
    let absent = rustix::io::Errno::from_io_error(&reason).is_some_and(|errno| {
        [rustix::io::Errno::AFNOSUPPORT, rustix::io::Errno::ADDRNOTAVAIL].contains(&errno)
    });
    if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && absent {
        tracing::info!("this machine has no IPv6; listening on IPv4 only");
        return bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())), false);
    }
    Err(reason)
}
