//! Signatures of several requests verified at once: half the work of verifying each by itself.
//!
//! One equation over all of them, each with a random factor of 128 bits, holds where each holds by itself, but for parts of
//! small order: whoever has a key can make signatures with it that hold here and not under strict verification, or hold here
//! by chance. Nobody without the key can (`docs/threat-model.md` argues it). Where the equation does not hold, each is
//! verified by itself, strictly.

use super::{RequestClaims, SignatureError, Unverified, Verified, VerifiedRequest, digest};
use crate::identity::PublicKey;
use ed25519_dalek::{Signature, VerifyingKey, verify_batch};

/// Fewer than these cost less by themselves.
const WORTH_IT: usize = 3;

/// What there is to verify of a request, apart from the request: it can be sent to where others wait.
#[derive(Clone, Debug)]
pub struct SignatureClaim {
    base: String,
    signature: Signature,
    key: PublicKey,
}

/// A request whose digest held, and whose signature is being verified.
#[derive(Debug)]
pub struct AwaitsProof<'a> {
    claims: RequestClaims,
    signature: Signature,
    content_digest: &'a str,
    body: &'a [u8],
}

/// What became of a claim; only verifying makes one.
#[derive(Debug)]
pub struct Verdict {
    claim: SignatureClaim,
    holds: bool,
}

impl<'a> Unverified<'a> {
    /// Parts a request from what there is to verify of it with the registered key of the claimed system.
    ///
    /// # Errors
    /// [`SignatureError::Digest`].
    pub fn claim(self, key: &PublicKey) -> Result<(AwaitsProof<'a>, SignatureClaim), SignatureError> {
        digest::check(self.content_digest, self.body)?;
        let waiting = AwaitsProof {
            claims: self.claims,
            signature: self.signature,
            content_digest: self.content_digest,
            body: self.body,
        };
        let claim = SignatureClaim {
            base: self.base,
            signature: self.signature,
            key: *key,
        };
        Ok((waiting, claim))
    }
}

impl<'a> AwaitsProof<'a> {
    /// The request, verified; or as it was, where the signature did not hold: another key may be tried.
    ///
    /// # Errors
    /// The request, also when the verdict is another request's.
    pub fn conclude(self, verdict: Verdict) -> Result<VerifiedRequest<'a>, Box<Unverified<'a>>> {
        if verdict.holds && verdict.claim.signature == self.signature {
            return Ok((self.claims, Verified::new(self.body)));
        }
        Err(Box::new(Unverified {
            claims: self.claims,
            base: verdict.claim.base,
            signature: self.signature,
            content_digest: self.content_digest,
            body: self.body,
        }))
    }
}

impl SignatureClaim {
    /// Verifies this one by itself, strictly.
    pub fn verify(self) -> Verdict {
        let key = self.key.verifying_key();
        Verdict {
            holds: key.verify_strict(self.base.as_bytes(), &self.signature).is_ok(),
            claim: self,
        }
    }
}

impl Verdict {
    /// Whether the signature holds.
    pub fn holds(&self) -> bool {
        self.holds
    }
}

/// Verifies them all; the verdicts are in the order of the claims.
pub fn verify_claims(claims: Vec<SignatureClaim>) -> Vec<Verdict> {
    let together = claims.len() >= WORTH_IT && holds_together(&claims);
    let verdict = |claim: SignatureClaim| {
        if together {
            Verdict { claim, holds: true }
        } else {
            claim.verify()
        }
    };
    claims.into_iter().map(verdict).collect()
}

fn holds_together(claims: &[SignatureClaim]) -> bool {
    let messages: Vec<&[u8]> = claims.iter().map(|claim| claim.base.as_bytes()).collect();
    let signatures: Vec<Signature> = claims.iter().map(|claim| claim.signature).collect();
    let keys: Vec<VerifyingKey> = claims.iter().map(|claim| *claim.key.verifying_key()).collect();
    verify_batch(&messages, &signatures, &keys).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{KeyId, RequestLine, Signer, sign_request};
    use super::*;
    use crate::ids::{Organization, SystemId};
    use ed25519_dalek::SigningKey;

    const LINE: RequestLine<'static> = RequestLine {
        method: "POST",
        path: "/agent/v1/checkin",
    };

    struct Sent {
        key: SigningKey,
        fields: super::super::OwnedSignatureFields,
        body: Vec<u8>,
    }

    fn sent(number: u8) -> Sent {
        let key = SigningKey::from_bytes(&[number + 1; 32]);
        let body = vec![number; 100];
        let claims = RequestClaims {
            keyid: KeyId {
                organization: Organization::default(),
                signer: Signer::System(SystemId(i64::from(number) + 1)),
            },
            created_secs: 1_700_000_000,
            nonce: "7".to_owned(),
        };
        let fields = sign_request(&key, LINE, &body, &claims);
        Sent { key, fields, body }
    }

    fn unverified(sent: &Sent) -> Unverified<'_> {
        Unverified::parse(LINE, sent.fields.as_fields(), &sent.body).unwrap()
    }

    fn verdicts(all: &[Sent], forged: &[usize]) -> Vec<bool> {
        let other: PublicKey = SigningKey::from_bytes(&[99; 32]).verifying_key().into();
        let claims = all.iter().enumerate().map(|(index, sent)| {
            let key = if forged.contains(&index) {
                other
            } else {
                sent.key.verifying_key().into()
            };
            unverified(sent).claim(&key).unwrap().1
        });
        verify_claims(claims.collect())
            .iter()
            .map(Verdict::holds)
            .collect()
    }

    #[test]
    fn whoever_signed_is_told_from_whoever_did_not() {
        for count in [0, 1, 2, 3, 40] {
            let all: Vec<Sent> = (0..count).map(sent).collect();
            assert_eq!(verdicts(&all, &[]), vec![true; all.len()]);
            if !all.is_empty() {
                let mut expected = vec![true; all.len()];
                expected[0] = false;
                *expected.last_mut().unwrap() = false;
                assert_eq!(verdicts(&all, &[0, all.len() - 1]), expected, "of {count}");
            }
        }
    }

    #[test]
    fn a_verdict_proves_its_own_request_alone() {
        let all: Vec<Sent> = (0..4).map(sent).collect();
        let parted = all
            .iter()
            .map(|sent| unverified(sent).claim(&sent.key.verifying_key().into()).unwrap());
        let (mut waiting, claims): (Vec<_>, Vec<_>) = parted.unzip();
        let mut verdicts = verify_claims(claims);
        waiting.swap(0, 1);
        let strange = waiting.remove(0).conclude(verdicts.remove(0));
        assert!(strange.is_err(), "of another request");
        let own = waiting.remove(1).conclude(verdicts.remove(1)).unwrap();
        assert_eq!(*own.1.get(), [2; 100].as_slice());
    }

    #[test]
    fn a_request_that_did_not_hold_can_be_tried_with_another_key() {
        let sent = sent(5);
        let wrong: PublicKey = SigningKey::from_bytes(&[9; 32]).verifying_key().into();
        let (waiting, claim) = unverified(&sent).claim(&wrong).unwrap();
        let again = waiting.conclude(claim.verify()).unwrap_err();
        assert!(again.verify(&sent.key.verifying_key().into()).is_ok());
    }

    #[test]
    fn another_body_is_refused_before_anything_is_verified() {
        let mut sent = sent(6);
        sent.body[3] ^= 1;
        let key = sent.key.verifying_key().into();
        assert_eq!(unverified(&sent).claim(&key).unwrap_err(), SignatureError::Digest);
    }
}
