//! Sockets to listen on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::limits::Limits;
use super::tls::TlsReloader;

/// Connections that the kernel accepts ahead of us; it takes less if `net.core.somaxconn` says so.
const BACKLOG: i32 = 4096;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The operating system's answer.
    pub reason: std::io::Error,
}

/// Bound sockets, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    pub(super) sockets: Vec<TcpListener>,
    pub(super) tls: Arc<TlsReloader>,
    pub(super) limits: Arc<Limits>,
}

impl Listener {
    /// Binds all `addresses`. `[::]` takes IPv4 too, unless `0.0.0.0` with the same port is among them, and becomes
    /// `0.0.0.0` on a machine without IPv6. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`BindError`] for the first address that cannot be bound.
    pub fn bind(addresses: &[SocketAddr], tls: Arc<TlsReloader>, limits: Limits) -> Result<Self, BindError> {
        let sockets = addresses
            .iter()
            .map(|address| {
                let only_v6 = addresses.contains(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())));
                bind(*address, only_v6)
                    .or_else(|reason| bind_without_v6(*address, reason))
                    .map_err(|reason| BindError {
                        address: *address,
                        reason,
                    })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            sockets,
            tls,
            limits: Arc::new(limits),
        })
    }

    /// The addresses bound, with the ports that the kernel chose for port 0.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.sockets
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect()
    }
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
