//! Following a server's signing key to the one that took its place.
//!
//! Invariant: a step is taken only on a statement that the key before it signed, beginning with the key that is pinned, or
//! that the configuration names. Such a statement is true whoever delivers it, so it may come beside any reply.

use super::answer::Trusted;
use super::reply::{RawReply, SentRequest};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::Organization;
use scm_protocol::rotation::{KeyTransition, follow, parse_chain};
use scm_protocol::signature::verify_response;

/// A server key that took the place of the one that was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    /// The key.
    pub key: PublicKey,
    /// The statements that lead to it, as they were sent.
    pub chain: String,
}

/// The key that took the place of the pinned one, by what came beside a reply.
pub fn successor(reply: &RawReply, trusted: &Trusted, organization: &Organization) -> Option<Successor> {
    let text = reply.key_chain.as_deref()?;
    let chain = parse_chain(text);
    let known = match (trusted.server_key, trusted.server_key_pin) {
        (Some(pinned), _) => pinned,
        (None, Some(pin)) => beginning(&chain, |key| key.fingerprint() == pin)?,
        (None, None) => return None,
    };
    let key = follow(organization, &known, &chain)?;
    let steps: Vec<String> = chain.iter().map(KeyTransition::to_string).collect();
    Some(Successor {
        key,
        chain: steps.join(" "),
    })
}

fn beginning(chain: &[KeyTransition], is: impl Fn(&PublicKey) -> bool) -> Option<PublicKey> {
    chain.iter().map(|step| step.old).find(|key| is(key))
}

/// Whether the statements in a text lead from the key that `is` describes to `key`.
pub fn leads_to(
    text: &str,
    organization: &Organization,
    is: impl Fn(&PublicKey) -> bool,
    key: &PublicKey,
) -> bool {
    let chain = parse_chain(text);
    let end = beginning(&chain, is).and_then(|known| follow(organization, &known, &chain));
    end.as_ref() == Some(key)
}

/// Whom to believe this one reply: the successor where it signed, else the key before it, which may sign for a while.
pub fn signer(request: &SentRequest, reply: &RawReply, trusted: Trusted, successor: &PublicKey) -> Trusted {
    if trusted.server_key.is_none() {
        return Trusted {
            server_key_pin: Some(successor.fingerprint()),
            ..trusted
        };
    }
    let signed = reply.fields().is_some_and(|fields| {
        verify_response(successor, request.echo(), reply.status, fields, &reply.body).is_ok()
    });
    Trusted {
        server_key: if signed {
            Some(*successor)
        } else {
            trusted.server_key
        },
        ..trusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn public(seed: u8) -> PublicKey {
        key(seed).verifying_key().into()
    }

    #[test]
    fn only_statements_that_begin_with_the_known_key_are_followed() {
        let organization = Organization::default();
        let step = |old, new| KeyTransition::sign(&organization, &key(old), public(new), 9).to_string();
        let reply = |chain: &str| RawReply {
            key_chain: Some(chain.to_owned()),
            ..RawReply::default()
        };
        let trusts = |server_key, server_key_pin| Trusted {
            server_key,
            server_key_pin,
        };
        let chain = format!("{} {}", step(1, 2), step(2, 3));
        let found = |trusted: &Trusted, chain: &str| {
            successor(&reply(chain), trusted, &organization).map(|found| found.key)
        };
        assert_eq!(found(&trusts(Some(public(1)), None), &chain), Some(public(3)));
        assert_eq!(found(&trusts(Some(public(2)), None), &chain), Some(public(3)));
        assert_eq!(
            found(&trusts(None, Some(public(1).fingerprint())), &chain),
            Some(public(3))
        );
        for trusted in [
            trusts(Some(public(9)), None),
            trusts(None, None),
            trusts(None, Some(public(9).fingerprint())),
        ] {
            assert_eq!(found(&trusted, &chain), None);
        }
        let forged = format!(
            "{} {}",
            step(1, 2),
            step(8, 3).replace(&public(8).to_string(), &public(2).to_string())
        );
        assert_eq!(found(&trusts(Some(public(1)), None), &forged), None);
        assert_eq!(found(&trusts(Some(public(1)), None), "garbage"), None);
        assert!(leads_to(
            &chain,
            &organization,
            |key| *key == public(1),
            &public(3)
        ));
        assert!(!leads_to(
            &chain,
            &organization,
            |key| *key == public(1),
            &public(4)
        ));
    }
}
