//! What a reverse proxy says of its client, believed of trusted proxies alone.
//!
//! Invariants: from anyone else the header fields are as if they were not there, so that the address which is audited,
//! limited and let in or not is the one that the connection comes from; a client certificate in a field is examined like
//! one that was shown in a handshake, but that its key was proven only the proxy can say.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use hyper::HeaderMap;
use hyper::header::HeaderName;
use scm_protocol::network::Network;

use super::{Peer, field};
use crate::pki::{ClientAuthority, Presented};

/// Who may say in whose name they ask.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Certificates whose examination is remembered: a proxy sends the same one with every request of an agent.
const REMEMBERED: usize = 4096;

/// Which proxies are trusted, and how they say who their client is.
pub struct Forwarding {
    trusted: Vec<Network>,
    certificate: HeaderName,
    verify: HeaderName,
    clients: ClientAuthority,
    examined: Mutex<HashMap<String, Presented>>,
}

impl fmt::Debug for Forwarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Forwarding({:?})", self.trusted)
    }
}

impl Forwarding {
    /// Trusts these networks. `certificate` carries a client certificate (PEM, percent-encoded), `verify` the word
    /// `SUCCESS` where the proxy verified it.
    pub fn new(
        trusted: Vec<Network>,
        certificate: HeaderName,
        verify: HeaderName,
        clients: ClientAuthority,
    ) -> Self {
        Self {
            trusted,
            certificate,
            verify,
            clients,
            examined: Mutex::default(),
        }
    }

    /// Whether a connection from there is one of a trusted proxy.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// Who really asks, by the word of a trusted proxy.
    pub(super) fn client(&self, proxy: &Peer, headers: &HeaderMap) -> Peer {
        let address = match self.hop(headers) {
            Some(address) => SocketAddr::new(address, 0),
            None => proxy.address,
        };
        let certificate = match proxy.certificate {
            Presented::Nothing => self.certificate(headers),
            // A proxy that shows one of its own to us speaks for itself.
            _ => proxy.certificate.clone(),
        };
        Peer { address, certificate }
    }

    /// The last hop that is no trusted proxy. Each proxy adds the address that it sees at the end; what stands before the
    /// first untrusted one, anybody may have written.
    fn hop(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines: Option<Vec<&str>> = headers
            .get_all(FORWARDED_FOR)
            .iter()
            .map(|line| line.to_str().ok())
            .collect();
        let mut believed = None;
        for hop in lines?.iter().flat_map(|line| line.split(',')).rev() {
            let Some(address) = field::address(hop.trim()) else {
                break;
            };
            believed = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        believed
    }

    fn certificate(&self, headers: &HeaderMap) -> Presented {
        let field = |name: &HeaderName| {
            let mut values = headers.get_all(name).iter();
            let value = values.next()?.to_str().ok()?;
            // Twice: one of them may be the client's own.
            (values.next().is_none()).then_some(value)
        };
        let verify = field(&self.verify).unwrap_or_default();
        let certificate = field(&self.certificate).unwrap_or_default();
        if certificate.is_empty() && !verify.starts_with("FAILED") {
            return Presented::Nothing;
        }
        if verify != "SUCCESS" {
            return Presented::Unacceptable("the proxy did not accept the client certificate");
        }
        self.examined(certificate)
    }

    fn examined(&self, field: &str) -> Presented {
        let mut examined = self.examined.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = examined.get(field) {
            return known.clone();
        }
        let found = match field::certificate(field) {
            Some(certificate) => self.clients.examine(&certificate),
            None => Presented::Unacceptable("the certificate that the proxy sent cannot be read"),
        };
        if examined.len() >= REMEMBERED {
            examined.clear();
        }
        examined.insert(field.to_owned(), found.clone());
        found
    }
}

#[cfg(test)]
mod tests;
