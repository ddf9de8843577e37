//! From a socket to a request: accepts connections, speaks TLS and HTTP/1.1, and hands requests to a service.
//!
//! Owns sockets, the TLS configuration in use, every limit on what a client may cost, and the orderly end of all
//! connections. It knows no route: the service that it is given is any tower service, `warp::service(filter)` in
//! practice. RFC 9110, RFC 9112, RFC 8446.
//!
//! Invariants:
//! * Nothing that a client does or leaves undone holds a connection for longer than [`Limits`] say: handshake, headers,
//!   body, idle time and unread replies each have a bound. Only a service that has not answered yet may take its time.
//! * Memory is bounded: connections are counted, bodies are counted together.
//! * The service sees requests with a path that begins with `/`, a complete body, and the [`Peer`] as an extension.
//! * A panic in the service is one 500; a panic elsewhere is one connection.

mod activity;
mod bind;
mod body;
mod connection;
mod descriptors;
mod field;
mod forwarded;
mod guard;
mod limits;
mod refusal;
mod serve;
mod stream;
mod target;
mod tls;

use std::net::SocketAddr;

use crate::pki::Presented;

pub use bind::{BindError, Listener};
pub use body::{BodyError, Budget, Held, read_limited};
pub use forwarded::Forwarding;
pub use limits::Limits;
pub use serve::{App, ReplyBody};
pub use tls::{CertificateFiles, TlsReloader};

/// Who is at the other end of a connection, as the service finds it among a request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address that the connection comes from, or that a trusted proxy names; an IPv4 address is one, also where an
    /// IPv6 socket took it.
    pub address: SocketAddr,
    /// The certificate that it showed itself with.
    pub certificate: Presented,
}

impl Peer {
    fn new(address: SocketAddr) -> Self {
        Self {
            address: SocketAddr::new(address.ip().to_canonical(), address.port()),
            certificate: Presented::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
