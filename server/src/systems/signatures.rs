//! Signatures of check-ins are verified together where several wait: half the work (`scm_protocol::signature`).
//!
//! Invariants: nobody waits for others to come: what is there is verified; what waits is bounded; a forgery makes those beside
//! it cost more once, and for a while afterwards each is verified by itself, so that forgeries cannot make honest requests
//! cost more than they would without this room.

use crate::error::Error;
use crate::homes::{self, Homes};
use scm_protocol::signature::{SignatureClaim, Verdict, verify_claims};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Most signatures in one equation; beyond, little is gained and others wait longer.
const MAX_TOGETHER: usize = 32;
/// How many are verified one by one after a forgery.
const WARY_FOR: usize = 1_000;

type Waiting = (SignatureClaim, oneshot::Sender<Verdict>);

/// The tasks that verify.
#[derive(Clone, Debug)]
pub struct Verifiers {
    lanes: Vec<mpsc::Sender<Waiting>>,
}

impl Verifiers {
    /// Starts a task in each home, for the connections there; in each, `capacity` signatures may wait.
    pub fn start(homes: &Homes, capacity: usize) -> Self {
        let lane = |home: &Handle| {
            let (sender, receiver) = mpsc::channel(capacity);
            home.spawn(serve(receiver));
            sender
        };
        Verifiers {
            lanes: homes.each().map(lane).collect(),
        }
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait.
    pub(super) async fn verify(&self, claim: SignatureClaim) -> Result<Verdict, Error> {
        let (reply, verdict) = oneshot::channel();
        let lane = self.lanes.get(homes::here()).ok_or_else(Error::shutting_down)?;
        lane.try_send((claim, reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Busy,
            mpsc::error::TrySendError::Closed(_) => Error::shutting_down(),
        })?;
        verdict.await.map_err(|_| Error::shutting_down())
    }
}

async fn serve(mut receiver: mpsc::Receiver<Waiting>) {
    let mut waiting = Vec::with_capacity(MAX_TOGETHER);
    let mut wariness = Wariness::default();
    while receiver.recv_many(&mut waiting, MAX_TOGETHER).await > 0 {
        let (claims, replies): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
        for (verdict, reply) in wariness.verify(claims).into_iter().zip(replies) {
            // Whoever hung up meanwhile needs no verdict.
            let _ = reply.send(verdict);
        }
        // Whoever else is ready goes first: more arrive meanwhile.
        tokio::task::yield_now().await;
    }
}

/// For how many signatures a forgery is remembered.
#[derive(Debug, Default)]
struct Wariness(usize);

impl Wariness {
    fn verify(&mut self, claims: Vec<SignatureClaim>) -> Vec<Verdict> {
        let alone = self.0 > 0;
        self.0 = self.0.saturating_sub(claims.len());
        let verdicts = if alone {
            claims.into_iter().map(SignatureClaim::verify).collect()
        } else {
            verify_claims(claims)
        };
        if verdicts.iter().any(|verdict| !verdict.holds()) {
            self.0 = WARY_FOR;
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use scm_protocol::ids::{Organization, SystemId};
    use scm_protocol::signature::{KeyId, RequestClaims, RequestLine, Signer, Unverified, sign_request};

    /// A signature of system `id`, said to be of the key made from `seed`.
    fn claim(id: u8, seed: u8) -> SignatureClaim {
        let line = RequestLine {
            method: "POST",
            path: "/agent/v1/checkin",
        };
        let claims = RequestClaims {
            keyid: KeyId {
                organization: Organization::default(),
                signer: Signer::System(SystemId(i64::from(id))),
            },
            created_secs: 1_700_000_000,
            nonce: "1".to_owned(),
        };
        let fields = sign_request(&SigningKey::from_bytes(&[id; 32]), line, b"{}", &claims);
        let key = SigningKey::from_bytes(&[seed; 32]).verifying_key().into();
        let unverified = Unverified::parse(line, fields.as_fields(), b"{}").unwrap();
        unverified.claim(&key).unwrap().1
    }

    fn holds(verdicts: &[Verdict]) -> Vec<bool> {
        verdicts.iter().map(Verdict::holds).collect()
    }

    #[test]
    fn a_forgery_fails_alone_and_is_remembered_for_a_while() {
        let mut wariness = Wariness::default();
        let all = |forged: bool| -> Vec<SignatureClaim> {
            let last = if forged { claim(5, 6) } else { claim(5, 5) };
            (1..5).map(|id| claim(id, id)).chain([last]).collect()
        };
        assert_eq!(holds(&wariness.verify(all(false))), [true; 5]);
        assert_eq!(wariness.0, 0);
        assert_eq!(
            holds(&wariness.verify(all(true))),
            [true, true, true, true, false]
        );
        assert_eq!(wariness.0, WARY_FOR);
        assert_eq!(holds(&wariness.verify(all(false))), [true; 5]);
        assert_eq!(wariness.0, WARY_FOR - 5, "it is forgotten by and by");
        assert_eq!(
            holds(&wariness.verify(all(true))),
            [true, true, true, true, false]
        );
        assert_eq!(wariness.0, WARY_FOR, "and remembered anew");
    }

    #[tokio::test]
    async fn everybody_gets_the_verdict_on_their_own_signature() {
        let verifiers = Verifiers::start(&Homes::only_here(), 64);
        let asked = (1..=60).map(|id| {
            let (verifiers, honest) = (verifiers.clone(), id % 7 != 0);
            async move {
                let claim = claim(id, if honest { id } else { 200 });
                let verdict = verifiers.verify(claim).await.unwrap();
                (verdict.holds(), honest)
            }
        });
        for (holds, honest) in futures_util::future::join_all(asked).await {
            assert_eq!(holds, honest);
        }
    }

    #[tokio::test]
    async fn beyond_what_may_wait_the_server_is_busy() {
        let verifiers = Verifiers::start(&Homes::only_here(), 1);
        let asked = (0..40).map(|_| verifiers.verify(claim(1, 1)));
        let all = futures_util::future::join_all(asked).await;
        assert!(all.iter().any(|one| matches!(one, Err(Error::Busy))));
        assert!(all.iter().flatten().all(Verdict::holds) && all.iter().any(Result::is_ok));
    }
}
