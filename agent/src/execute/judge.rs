//! Whether a command is carried out: a pure function from the order, who gives it, what was begun before, and the time.
//!
//! Checked in this order: kind, expiry, signature, single use. What fails before the signature is looked at is answered
//! only if the signature holds all the same: a forged command never gets an answer.

use super::journal::{Journal, Known};
use scm_protocol::commands::order::{AuthenticOrder, RUN_ACTION, SignedOrder};
use scm_protocol::commands::report::{End, EndOutcome};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use scm_protocol::upgrades::order::UPGRADE;

/// How far ahead of the time that the server told a command may have been issued: replicas have clocks of their own.
const MOST_AHEAD_MS: i64 = 300_000;

/// Whose commands are obeyed, and for whom they must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The pinned key.
    pub key: PublicKey,
    /// The organization.
    pub organization: Organization,
    /// This system.
    pub system: SystemId,
}

/// What to do about an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Carry it out.
    Run(AuthenticOrder),
    /// Its id is used up: tell again what is known.
    Again(Known),
    /// Do not carry it out, and say so.
    Refuse(EndOutcome),
    /// Not a command for this system: nothing is done and nothing is said.
    Forged(&'static str),
}

/// Decides. `now` is the server's time.
pub fn judge(signed: &SignedOrder, authority: &Authority, journal: &Journal, now: UnixMillis) -> Verdict {
    let claimed = signed.claimed();
    let doubt = if ![RUN_ACTION, UPGRADE].contains(&claimed.kind.as_str()) {
        Some(EndOutcome::UnknownKind)
    } else if now > claimed.expires_ms || claimed.issued_ms.since(now) > MOST_AHEAD_MS {
        Some(EndOutcome::Expired)
    } else {
        None
    };
    let Ok(authentic) = signed.verify(&authority.key, &authority.organization) else {
        return Verdict::Forged("it is not signed by the pinned key");
    };
    if authentic.get().system != authority.system {
        return Verdict::Forged("it is for another system");
    }
    match (journal.known(&claimed.name()), doubt) {
        // An end that is known says more than that it is too late by now.
        (known @ (Known::Begun | Known::Ended(_)), _) => Verdict::Again(known),
        (Known::New, Some(doubt)) => Verdict::Refuse(doubt),
        (Known::New, None) if journal.is_unprovable(claimed.issued_ms, now) => {
            Verdict::Refuse(EndOutcome::Unprovable)
        }
        (Known::New, None) => Verdict::Run(authentic),
    }
}

/// The end of a command that is not carried out.
pub(super) fn refusal(outcome: EndOutcome, reason: String) -> End {
    End {
        outcome,
        reason: Some(reason),
        exit_code: None,
        output_bytes: 0,
    }
}

/// What a person is told about it.
pub(super) fn words(outcome: EndOutcome) -> &'static str {
    match outcome {
        EndOutcome::UnknownKind => "this agent knows no such kind of command",
        EndOutcome::Expired => "it arrived too late and was not run",
        EndOutcome::Unprovable => "whether it was run before cannot be told any more, so it was not run",
        EndOutcome::Busy => "as many commands as may are under way",
        EndOutcome::Cancelled => "it was cancelled before it was begun",
        _ => "it was not run",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::StateFolder;
    use ed25519_dalek::SigningKey;
    use scm_protocol::commands::order::Order;
    use scm_protocol::ids::CommandId;
    use std::sync::Arc;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn authority() -> Authority {
        Authority {
            key: key(1).verifying_key().into(),
            organization: Organization::default(),
            system: SystemId(7),
        }
    }

    fn order() -> Order {
        Order {
            id: CommandId(3),
            system: SystemId(7),
            kind: RUN_ACTION.to_owned(),
            body: r#"{"action":"it"}"#.to_owned(),
            issued_ms: NOW,
            expires_ms: NOW.plus(60_000),
            nonce: "0".repeat(32),
        }
    }

    fn signed(order: Order) -> SignedOrder {
        order.sign(&key(1), &Organization::default())
    }

    fn with_journal(test: impl FnOnce(&mut Journal)) {
        let parent = tempfile::tempdir().unwrap();
        let folder = Arc::new(StateFolder::open(&parent.path().join("client")).unwrap());
        let journal = Journal::open(folder, "c".to_owned(), NOW, |_| crate::upgrade::Held::Nothing);
        test(&mut journal.unwrap());
    }

    #[test]
    fn a_command_is_carried_out_once() {
        with_journal(|journal| {
            let verdict = |journal: &Journal, now| judge(&signed(order()), &authority(), journal, now);
            assert!(matches!(verdict(journal, NOW), Verdict::Run(_)));
            assert!(matches!(verdict(journal, NOW.plus(60_000)), Verdict::Run(_)));
            journal.begin(&order(), NOW).unwrap();
            for now in [NOW, NOW.plus(60_001), NOW.plus(-86_400_000), NOW.plus(i64::MAX)] {
                assert_eq!(verdict(journal, now), Verdict::Again(Known::Begun));
            }
        });
    }

    #[test]
    fn what_is_late_or_unknown_is_refused() {
        with_journal(|journal| {
            let verdict = |order, now| judge(&signed(order), &authority(), journal, now);
            assert_eq!(
                verdict(order(), NOW.plus(60_001)),
                Verdict::Refuse(EndOutcome::Expired)
            );
            assert_eq!(
                verdict(order(), NOW.plus(-300_001)),
                Verdict::Refuse(EndOutcome::Expired)
            );
            let other = Order {
                kind: "shell".to_owned(),
                ..order()
            };
            assert_eq!(
                verdict(other.clone(), NOW),
                Verdict::Refuse(EndOutcome::UnknownKind)
            );
            // The kind comes before the expiry.
            assert_eq!(
                verdict(other, NOW.plus(60_001)),
                Verdict::Refuse(EndOutcome::UnknownKind)
            );
        });
    }

    #[test]
    fn a_forged_command_gets_no_answer_whatever_else_is_wrong_with_it() {
        with_journal(|journal| {
            let late = Order {
                expires_ms: NOW.plus(-1),
                ..order()
            };
            let odd = Order {
                kind: "shell".to_owned(),
                ..order()
            };
            for order in [order(), late, odd] {
                let forged = order.clone().sign(&key(2), &Organization::default());
                assert!(matches!(
                    judge(&forged, &authority(), journal, NOW),
                    Verdict::Forged(_)
                ));
                let elsewhere = order.clone().sign(&key(1), &"elsewhere".parse().unwrap());
                assert!(matches!(
                    judge(&elsewhere, &authority(), journal, NOW),
                    Verdict::Forged(_)
                ));
                let of_another = Order {
                    system: SystemId(8),
                    ..order
                };
                assert!(matches!(
                    judge(&signed(of_another), &authority(), journal, NOW),
                    Verdict::Forged(_)
                ));
            }
        });
    }
}
