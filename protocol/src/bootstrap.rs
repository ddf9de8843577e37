//! The bootstrap string: one text to paste on a new machine, from which its agent is configured and by which its first
//! contact is pinned already.
//!
//! `oscm-bootstrap-1.` and, in unpadded base64url (RFC 4648 §5), a JSON object; `.` and eight characters of checksum: the
//! first six bytes of the SHA-256 of all before that last dot. So it holds nothing that a shell takes for its own, and
//! spaces and line breaks that a terminal put in do no harm. The checksum finds accidents; it proves nothing about who
//! made the string: whoever pastes one trusts where they have it from.
//!
//! With a token in it the string is a secret; `Debug` shows neither.

mod text;

pub use text::{InvalidBootstrap, MAX_TEXT_BYTES};

use crate::enrollment::TOKEN_PREFIX;
use crate::identity::Fingerprint;
use crate::ids::Organization;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Longest URL, in bytes.
const MAX_URL_BYTES: usize = 300;
/// Longest enrollment token, in bytes.
const MAX_TOKEN_BYTES: usize = 128;

/// What an agent must know of its server before it calls it.
#[derive(Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// `https://host[:port]`.
    pub url: String,
    /// The organization to register with.
    pub organization: Organization,
    /// SHA-256 of the certificate (DER) of the server's private authority; none: the system's authorities are trusted.
    pub ca_pin: Option<Fingerprint>,
    /// SHA-256 of the public key that signs for the organization.
    pub server_key_pin: Fingerprint,
    /// Approves the registration: `oscm_…`.
    pub enrollment_token: Option<String>,
}

impl Bootstrap {
    /// What is wrong with it: the member, and why. None when it can be used.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if !is_server_url(&self.url) {
            return Some((
                "url",
                "must be https://host[:port], for example https://scm.example.com:8443",
            ));
        }
        match &self.enrollment_token {
            Some(token) if !is_token(token) => Some((
                "enrollment_token",
                "must be a token as it was shown when it was created, beginning with `oscm_`",
            )),
            _ => None,
        }
    }

    /// The agent's configuration file (TOML). None of its values holds a character that needs to be escaped.
    pub fn configuration(&self) -> String {
        let mut lines = vec![
            "# Configuration of the OpenSCM agent, made from a bootstrap string.".to_owned(),
            "[server]".to_owned(),
            format!("url = \"{}\"", self.url),
            format!("organization = \"{}\"", self.organization),
        ];
        lines.extend(self.ca_pin.map(|pin| format!("ca_pin = \"sha256:{pin}\"")));
        lines.push(format!("server_key_pin = \"{}\"", self.server_key_pin));
        if let Some(token) = &self.enrollment_token {
            lines.push(format!("enrollment_token = \"{token}\""));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

impl fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bootstrap")
            .field("url", &self.url)
            .field("organization", &self.organization)
            .field("ca_pin", &self.ca_pin)
            .field("server_key_pin", &self.server_key_pin)
            .field("enrollment_token", &hidden(self.enrollment_token.as_ref()))
            .finish()
    }
}

/// `https://host[:port]` and nothing else.
fn is_server_url(url: &str) -> bool {
    let Some(authority) = url.strip_prefix("https://") else {
        return false;
    };
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => match rest.strip_prefix(':') {
            _ if address.parse::<std::net::Ipv6Addr>().is_err() => return false,
            Some(port) => ("v6", Some(port)),
            None if rest.is_empty() => ("v6", None),
            None => return false,
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let digits = |port: &str| port.chars().all(|c| c.is_ascii_digit());
    url.len() <= MAX_URL_BYTES
        && !host.is_empty()
        && host.chars().all(letters)
        && port.is_none_or(|port| digits(port) && port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn is_token(token: &str) -> bool {
    let random = token.strip_prefix(TOKEN_PREFIX).unwrap_or_default();
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !random.is_empty() && token.len() <= MAX_TOKEN_BYTES && random.chars().all(letters)
}

/// A secret as `Debug` may show it: that there is one.
fn hidden(secret: Option<&String>) -> Option<&'static str> {
    secret.map(|_| "…")
}

/// `POST /api/v1/enrollment/bootstrap`: a POST because it may carry a secret; it changes nothing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapRequest {
    /// Where agents reach this server, `https://host[:port]`; absent: as this request did, or as it is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Secret of an enrollment token to put in, `oscm_…`; absent: an administrator approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_token: Option<String>,
}

impl fmt::Debug for BootstrapRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BootstrapRequest")
            .field("url", &self.url)
            .field("enrollment_token", &hidden(self.enrollment_token.as_ref()))
            .finish()
    }
}

/// What to bring to the new machine; as secret as the token in it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BootstrapReply {
    /// The bootstrap string.
    pub bootstrap: String,
    /// The agent's configuration file, for those who bring it there by other means.
    pub config: String,
    /// The command to paste into a shell on the new machine.
    pub install_line: String,
}

impl fmt::Debug for BootstrapReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BootstrapReply(…)")
    }
}

#[cfg(test)]
mod tests;
