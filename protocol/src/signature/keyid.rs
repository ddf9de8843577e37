//! Who signed a request: `organization/id` for a known system, `organization/0/key` for the "ID 0" registration.

use super::SignatureError;
use crate::identity::PublicKey;
use crate::ids::{Organization, SystemId};
use std::fmt;

/// The `keyid` parameter of an agent's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyId {
    /// The organization the request is for.
    pub organization: Organization,
    /// Whose key signed.
    pub signer: Signer,
}

/// Whose key signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// A key that asks to be registered; possession is proven by this very signature.
    New(PublicKey),
    /// A system's registered key.
    System(SystemId),
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.signer {
            Signer::New(key) => write!(f, "{}/0/{key}", self.organization),
            Signer::System(id) => write!(f, "{}/{id}", self.organization),
        }
    }
}

impl KeyId {
    pub(super) fn parse(text: &str) -> Result<Self, SignatureError> {
        let bad = |reason: String| SignatureError::malformed("keyid", reason);
        let (organization, rest) = text
            .split_once('/')
            .ok_or_else(|| bad("must be `organization/id` or `organization/0/key`".to_owned()))?;
        let organization = organization.parse().map_err(|error| bad(format!("{error}")))?;
        let signer = match rest.strip_prefix("0/") {
            Some(key) => Signer::New(key.parse().map_err(|error| bad(format!("{error}")))?),
            None => {
                let canonical = rest.bytes().all(|b| b.is_ascii_digit()) && !rest.starts_with('0');
                let id = rest.parse().ok().filter(|_| canonical);
                Signer::System(SystemId(
                    id.ok_or_else(|| bad("has no positive system id".to_owned()))?,
                ))
            }
        };
        Ok(KeyId { organization, signer })
    }
}
