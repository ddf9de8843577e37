//! What one client, and all of them together, may cost.

use std::time::Duration;

/// Bounds of the listener. Those without a key in the configuration have reasons of their own, given here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections served at once.
    pub connections: usize,
    /// Connections beyond those that are still told 503 instead of being closed.
    pub reserve: usize,
    /// For the TLS handshake, and for the headers of one request from its first byte on.
    pub header_timeout: Duration,
    /// For the body of one request.
    pub body_timeout: Duration,
    /// For the next request on a kept-alive connection.
    pub idle_timeout: Duration,
    /// For a client to take what it is sent: without any progress for so long, the connection is closed.
    pub write_timeout: Duration,
    /// For requests in flight when the server stops.
    pub drain_timeout: Duration,
    /// The largest request body.
    pub body_bytes: usize,
    /// Memory for all request bodies together, in KiB.
    pub body_memory_kib: u32,
    /// The largest request line and headers together; hyper answers 431 beyond it.
    pub header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            reserve: 64,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(150),
            write_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(20),
            body_bytes: 1024 * 1024,
            body_memory_kib: 256 * 1024,
            header_bytes: 32 * 1024,
        }
    }
}
