//! The name under which a server's files are kept.

use crate::random::hex;
use sha2::{Digest, Sha256};
use std::fmt;

/// The first eight hexadecimal digits of the SHA-256 of a server's URL without trailing slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTag(String);

impl ServerTag {
    /// The tag of a URL.
    pub fn of(url: &str) -> Self {
        let digest = Sha256::digest(url.trim_end_matches('/').as_bytes());
        ServerTag(hex(&digest[..4]))
    }

    /// A file's name: `client_<8 hex>.key` for `("client", "key")`.
    pub fn file(&self, owner: &str, kind: &str) -> String {
        format!("{owner}_{self}.{kind}")
    }
}

impl fmt::Display for ServerTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_slashes_do_not_count() {
        // printf https://scm.example.com | sha256sum
        let tag = ServerTag::of("https://scm.example.com");
        assert_eq!(tag, ServerTag::of("https://scm.example.com//"));
        assert_ne!(tag, ServerTag::of("https://scm.example.com:8443"));
        assert_eq!(tag.file("client", "key"), "client_d1dc93bf.key");
    }
}
