//! `[proxy]`: a reverse proxy in front of the server.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use http::HeaderName;
use scm_protocol::network::Network;
use serde::{Deserialize, Deserializer};

/// `[proxy]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Proxy {
    /// `listen`, default none: where a proxy on this machine reaches the server in plain text: `unix:` and an absolute
    /// path, or a loopback address and a port. Nothing else, because nothing else keeps what passes to itself.
    pub listen: Option<ProxyAddress>,
    /// `trusted`, default none: networks of proxies whose `X-Forwarded-For` and client certificate fields are believed,
    /// on whichever address they come in. Whoever reaches the Unix socket is believed without being named here.
    pub trusted: Vec<Network>,
    /// `certificate_header`, default `X-Client-Cert`: carries the client's certificate: PEM, percent-encoded, or
    /// DER in base64.
    #[serde(deserialize_with = "header")]
    pub certificate_header: HeaderName,
    /// `verify_header`, default `X-Client-Verify`: says `SUCCESS` where the proxy verified that certificate.
    #[serde(deserialize_with = "header")]
    pub verify_header: HeaderName,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            listen: None,
            trusted: Vec::new(),
            certificate_header: HeaderName::from_static("x-client-cert"),
            verify_header: HeaderName::from_static("x-client-verify"),
        }
    }
}

/// Where a proxy reaches the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum ProxyAddress {
    /// A loopback address.
    Loopback(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl FromStr for ProxyAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(format!("must name an absolute path after `unix:`, not `{text}`"))
            };
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().to_canonical().is_loopback() => Ok(Self::Loopback(address)),
            Ok(_) => Err(format!(
                "must be a loopback address or a Unix socket, not `{text}`: what passes there is not encrypted"
            )),
            Err(_) => Err(format!(
                "must be `unix:/path/to/socket` or a loopback address such as \"127.0.0.1:8080\", not `{text}`"
            )),
        }
    }
}

impl TryFrom<String> for ProxyAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for ProxyAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn header<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderName, D::Error> {
    let text = String::deserialize(deserializer)?;
    let name = HeaderName::from_bytes(text.as_bytes());
    name.map_err(|_| {
        serde::de::Error::custom(format_args!("must be the name of a header field, not `{text}`"))
    })
}
