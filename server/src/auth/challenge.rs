//! The text that a login with an SSH key signs.
//!
//! It carries a proof (HMAC-SHA256 under the master key), so that nothing is stored for whoever asks for one and every
//! replica knows its own; who uses one is in it, and it is used once.

use super::secret::SecretHash;
use crate::clock::random;
use crate::error::Error;
use crate::signing::MasterKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scm_protocol::ids::UnixMillis;
use subtle::ConstantTimeEq;

/// How long a challenge is good, in milliseconds.
pub(super) const CHALLENGE_MS: i64 = 2 * 60_000;
/// What the proof is for.
const PURPOSE: &str = "login challenge";

/// What a challenge says, once its proof held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub expires: UnixMillis,
    /// Stored to be used once.
    pub digest: SecretHash,
}

/// A new one.
pub(super) fn make(
    master: &MasterKey,
    server: &str,
    username: &str,
    expires: UnixMillis,
) -> Result<String, Error> {
    let nonce = URL_SAFE_NO_PAD.encode(random::<24>()?);
    // Names come from callers: a line end in one would forge a line.
    let user: String = username.chars().filter(|c| !c.is_control()).collect();
    let text = format!(
        "OpenSCM login challenge\nserver: {server}\nuser: {user}\nnonce: {nonce}\nexpires: {}\n",
        expires.0
    );
    let proof = proof(master, &text);
    Ok(format!("{text}proof: {proof}\n"))
}

fn proof(master: &MasterKey, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(master.prove(text.as_bytes(), PURPOSE))
}

/// Reads one of this server for this user that is not over.
///
/// # Errors
/// [`Error::Unauthenticated`] for anything else.
pub(super) fn read(
    master: &MasterKey,
    text: &str,
    username: &str,
    now: UnixMillis,
) -> Result<Challenge, Error> {
    const FOREIGN: Error = Error::Unauthenticated("this is no challenge that this server made for this user");
    let (signed, given) = text.rsplit_once("proof: ").ok_or(FOREIGN)?;
    let expected = proof(master, signed);
    let same = bool::from(expected.as_bytes().ct_eq(given.trim_end().as_bytes()));
    let line = |name: &str| {
        let mut lines = signed.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    if !same || line("user") != Some(username) {
        return Err(FOREIGN);
    }
    let expires = line("expires")
        .and_then(|text| text.parse().ok())
        .ok_or(FOREIGN)?;
    if now.0 >= expires {
        return Err(Error::Unauthenticated("the challenge is over; ask for a new one"));
    }
    Ok(Challenge {
        expires: UnixMillis(expires),
        digest: SecretHash::of(signed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_good_for_its_user_its_time_and_its_server() {
        let folder = tempfile::tempdir().unwrap();
        let key = |name: &str| MasterKey::open_or_create(&folder.path().join(name)).unwrap();
        let (master, other) = (key("a"), key("b"));
        let text = make(&master, "prod", "jdoe", UnixMillis(1000)).unwrap();
        assert!(text.contains("\nserver: prod\nuser: jdoe\n"), "{text}");
        let read_by = |master: &MasterKey, text: &str, name: &str, now: i64| {
            read(master, text, name, UnixMillis(now)).is_ok()
        };
        assert!(read_by(&master, &text, "jdoe", 999));
        assert!(!read_by(&master, &text, "jdoe", 1000));
        assert!(!read_by(&master, &text, "root", 1));
        assert!(!read_by(&other, &text, "jdoe", 1));
        let longer = text.replace("expires: 1000", "expires: 9000");
        assert!(!read_by(&master, &longer, "jdoe", 1));
        assert_ne!(text, make(&master, "prod", "jdoe", UnixMillis(1000)).unwrap());
    }

    #[test]
    fn a_name_forges_no_line() {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::open_or_create(&folder.path().join("key")).unwrap();
        let text = make(&master, "prod", "x\nuser: root", UnixMillis(1000)).unwrap();
        assert!(read(&master, &text, "root", UnixMillis(1)).is_err());
    }
}
