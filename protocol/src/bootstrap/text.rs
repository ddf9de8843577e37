//! The bootstrap string's written form.

use super::Bootstrap;
use crate::identity::Fingerprint;
use crate::ids::Organization;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The longest text that is read, in bytes, with all spaces and line breaks.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;
const NAME: &str = "oscm-bootstrap-";
const VERSION: &str = "1";
/// Of the SHA-256; eight characters.
const CHECKSUM_BYTES: usize = 6;
const CHECKSUM_CHARS: usize = 8;

/// Why a text is not a bootstrap string that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBootstrap {
    /// It does not begin as one.
    #[error(
        "this is not a bootstrap string: it must begin with `{NAME}{VERSION}.`, copy it whole, from its first character on"
    )]
    Foreign,
    /// It was made by a later version.
    #[error("the bootstrap string has version {0}, which this program is too old for: upgrade it first")]
    Newer(u32),
    /// Its end is missing.
    #[error("the bootstrap string is truncated, its end is missing: copy it whole")]
    Truncated,
    /// A character was changed, lost in the middle, or added.
    #[error("the bootstrap string is damaged, its checksum does not match: copy it again")]
    Damaged,
    /// The checksum is right, what it protects is not.
    #[error("the bootstrap string cannot be used: {0}")]
    Content(String),
}

/// The object inside: names of one letter and pins in base64url, because it is copied by hand at times.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    u: String,
    o: Organization,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<String>,
    k: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    t: Option<String>,
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = Written {
            u: self.url.clone(),
            o: self.organization.clone(),
            c: self.ca_pin.map(|pin| URL_SAFE_NO_PAD.encode(pin.0)),
            k: URL_SAFE_NO_PAD.encode(self.server_key_pin.0),
            t: self.enrollment_token.clone(),
        };
        let json = Zeroizing::new(serde_json::to_vec(&written).map_err(|_| fmt::Error)?);
        let body = Zeroizing::new(format!("{NAME}{VERSION}.{}", URL_SAFE_NO_PAD.encode(&json)));
        write!(f, "{}.{}", *body, checksum(&body))
    }
}

impl FromStr for Bootstrap {
    type Err = InvalidBootstrap;

    fn from_str(text: &str) -> Result<Self, InvalidBootstrap> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(InvalidBootstrap::Foreign);
        }
        let text: Zeroizing<String> = Zeroizing::new(text.split_whitespace().collect());
        let json = Zeroizing::new(payload(&text)?);
        let written: Written = serde_json::from_slice(&json)
            .map_err(|_| InvalidBootstrap::Content("it does not hold what version 1 must hold".to_owned()))?;
        let bootstrap = Bootstrap {
            url: written.u,
            organization: written.o,
            ca_pin: written.c.as_deref().map(pin).transpose()?,
            server_key_pin: pin(&written.k)?,
            enrollment_token: written.t,
        };
        match bootstrap.problem() {
            Some((member, reason)) => Err(InvalidBootstrap::Content(format!("`{member}` {reason}"))),
            None => Ok(bootstrap),
        }
    }
}

/// The bytes between version and checksum, once the checksum was found right.
fn payload(text: &str) -> Result<Vec<u8>, InvalidBootstrap> {
    let Some(rest) = text.strip_prefix(NAME) else {
        let cut_short = !text.is_empty() && NAME.starts_with(text);
        return Err(if cut_short {
            InvalidBootstrap::Truncated
        } else {
            InvalidBootstrap::Foreign
        });
    };
    let (version, rest) = rest.split_once('.').ok_or(InvalidBootstrap::Truncated)?;
    if version != VERSION {
        let newer = version.parse().ok().filter(|version| *version > 1);
        return Err(newer.map_or(InvalidBootstrap::Foreign, InvalidBootstrap::Newer));
    }
    let (encoded, sum) = rest.split_once('.').ok_or(InvalidBootstrap::Truncated)?;
    if sum.len() < CHECKSUM_CHARS {
        return Err(InvalidBootstrap::Truncated);
    }
    let body = &text[..text.len() - sum.len() - 1];
    if sum != checksum(body) {
        return Err(InvalidBootstrap::Damaged);
    }
    URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| InvalidBootstrap::Damaged)
}

fn checksum(body: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(body.as_bytes())[..CHECKSUM_BYTES])
}

fn pin(text: &str) -> Result<Fingerprint, InvalidBootstrap> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes
        .map(Fingerprint)
        .ok_or_else(|| InvalidBootstrap::Content("a pin is not 32 bytes".to_owned()))
}
