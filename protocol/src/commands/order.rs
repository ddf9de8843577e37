//! What a system is told to do, signed by itself: it stays verifiable where it is executed, whatever carried it there.
//!
//! The signature is Ed25519 by the organization's key over a text of its own domain, so that nothing else that the key
//! signs (replies, audit anchors, new keys) can be taken for a command, nor the other way round.

use super::report::CommandName;
use crate::identity::PublicKey;
use crate::ids::{CommandId, Organization, SystemId, UnixMillis};
use crate::upgrades::order::UpgradeOrder;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How long an order is valid once it was handed out, in milliseconds.
pub const LIFETIME_MS: i64 = 60_000;
/// The most that the parameters of an order take as JSON, in bytes: as many orders as are handed out at once fit into a
/// reply.
pub const MAX_ORDER_BYTES: usize = 6 * 1024;
/// The kind that runs an action.
pub const RUN_ACTION: &str = "run_action";

/// What a system is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    /// The command: positive, never used again. An agent carries out each id once at most.
    pub id: CommandId,
    /// The one system that it is for.
    pub system: SystemId,
    /// What kind of thing to do: `run_action` or `upgrade`.
    pub kind: String,
    /// What exactly, as JSON; for `run_action` [`RunAction`], for `upgrade`
    /// [`UpgradeOrder`].
    pub body: String,
    /// When it was handed out, by the server's clock.
    pub issued_ms: UnixMillis,
    /// Not to be begun after this, by the server's clock.
    pub expires_ms: UnixMillis,
    /// Random, 32 hexadecimal digits.
    pub nonce: String,
}

/// An order with its signature, which nobody has verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedOrder {
    order: Order,
    /// 64 bytes in unpadded base64url.
    signature: String,
}

/// An order that the organization's key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticOrder(Order);

/// The body of a `run_action`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunAction {
    /// Name of the action.
    pub action: String,
    /// Values of its parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// Not signed by the organization's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the command is not signed by the server's key")]
pub struct Forged;

impl Order {
    /// What reports name it by.
    pub fn name(&self) -> CommandName {
        CommandName {
            id: self.id,
            nonce: self.nonce.clone(),
        }
    }

    /// The bytes that are signed. Texts carry their length, so that no two orders have the same.
    fn signed_text(&self, organization: &Organization) -> String {
        let Order {
            id,
            system,
            kind,
            body,
            issued_ms,
            expires_ms,
            nonce,
        } = self;
        format!(
            "openscm command 1\n{organization}\n{system}\n{id}\n{}\n{}\n{} {kind}\n{} {nonce}\n{} {body}\n",
            issued_ms.0,
            expires_ms.0,
            kind.len(),
            nonce.len(),
            body.len(),
        )
    }

    /// Signs it.
    pub fn sign(self, key: &SigningKey, organization: &Organization) -> SignedOrder {
        let signature = key.sign(self.signed_text(organization).as_bytes());
        SignedOrder {
            signature: URL_SAFE_NO_PAD.encode(signature.to_bytes()),
            order: self,
        }
    }
}

impl SignedOrder {
    /// What it claims to be. Nothing may be done by it.
    pub fn claimed(&self) -> &Order {
        &self.order
    }

    /// Verifies the signature.
    ///
    /// # Errors
    /// [`Forged`].
    pub fn verify(&self, key: &PublicKey, organization: &Organization) -> Result<AuthenticOrder, Forged> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.signature).map_err(|_| Forged)?;
        let bytes: [u8; 64] = bytes.try_into().map_err(|_| Forged)?;
        let text = self.order.signed_text(organization);
        key.verifying_key()
            .verify_strict(text.as_bytes(), &Signature::from_bytes(&bytes))
            .map_err(|_| Forged)?;
        Ok(AuthenticOrder(self.order.clone()))
    }
}

impl AuthenticOrder {
    /// What was signed.
    pub fn get(&self) -> &Order {
        &self.0
    }

    /// The body of a `run_action`.
    ///
    /// # Errors
    /// Why it is none, for a person.
    pub fn run_action(&self) -> Result<RunAction, String> {
        serde_json::from_str(&self.0.body).map_err(|error| format!("the body is no action to run: {error}"))
    }

    /// The body of an `upgrade`.
    ///
    /// # Errors
    /// Why it is none, for a person.
    pub fn upgrade(&self) -> Result<UpgradeOrder, String> {
        UpgradeOrder::parse(&self.0.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn public(seed: u8) -> PublicKey {
        key(seed).verifying_key().into()
    }

    fn order() -> Order {
        Order {
            id: CommandId(9),
            system: SystemId(7),
            kind: RUN_ACTION.to_owned(),
            body: r#"{"action":"restart","parameters":{"unit":"nginx"}}"#.to_owned(),
            issued_ms: UnixMillis(1_790_000_000_000),
            expires_ms: UnixMillis(1_790_000_060_000),
            nonce: "0123456789abcdef0123456789abcdef".to_owned(),
        }
    }

    #[test]
    fn an_order_is_for_one_system_of_one_organization_by_one_key() {
        let organization = Organization::default();
        let signed = order().sign(&key(1), &organization);
        assert_eq!(signed.verify(&public(1), &organization).unwrap().get(), &order());
        assert_eq!(signed.verify(&public(2), &organization), Err(Forged));
        assert_eq!(
            signed.verify(&public(1), &"elsewhere".parse().unwrap()),
            Err(Forged)
        );
        let run = signed
            .verify(&public(1), &organization)
            .unwrap()
            .run_action()
            .unwrap();
        assert_eq!(
            (run.action.as_str(), run.parameters["unit"].as_str()),
            ("restart", "nginx")
        );
    }

    /// Made by another implementation (Python's `cryptography`) from the words of `docs/protocol.md`.
    #[test]
    fn a_signature_of_another_implementation_holds() {
        let order = Order {
            id: CommandId(5),
            system: SystemId(42),
            ..order()
        };
        let signature =
            "hQxezP9T-L732EpiHm0-gX1y9MvSOW2DS0p7gypmrY6R0aPLQIwrvzuiN4jQVjGWTeJYjuQFUiZuHq8bWPKABA";
        let signed = SignedOrder {
            order,
            signature: signature.to_owned(),
        };
        assert!(signed.verify(&public(9), &Organization::default()).is_ok());
    }

    #[test]
    fn no_member_can_be_changed() {
        let organization = Organization::default();
        let signed = order().sign(&key(1), &organization);
        let changed = [
            Order {
                id: CommandId(10),
                ..order()
            },
            Order {
                system: SystemId(8),
                ..order()
            },
            Order {
                kind: "run_actions".to_owned(),
                ..order()
            },
            Order {
                body: "{}".to_owned(),
                ..order()
            },
            Order {
                issued_ms: UnixMillis(0),
                ..order()
            },
            Order {
                expires_ms: UnixMillis(i64::MAX),
                ..order()
            },
            Order {
                nonce: String::new(),
                ..order()
            },
        ];
        for order in changed {
            let forged = SignedOrder {
                order,
                ..signed.clone()
            };
            assert_eq!(
                forged.verify(&public(1), &organization),
                Err(Forged),
                "{forged:?}"
            );
        }
    }

    #[test]
    fn what_else_the_key_signs_is_no_command() {
        let organization = Organization::default();
        let text = order().signed_text(&organization);
        for other in [
            text.replace("command 1", "server key 1"),
            text.replace("openscm ", ""),
            String::new(),
        ] {
            let signature = URL_SAFE_NO_PAD.encode(key(1).sign(other.as_bytes()).to_bytes());
            let forged = SignedOrder {
                order: order(),
                signature,
            };
            assert_eq!(forged.verify(&public(1), &organization), Err(Forged));
        }
    }

    proptest! {
        #[test]
        fn an_order_survives_the_wire(id in 1_i64.., system in 1_i64.., kind in "[a-z_]{1,20}", body in "(?s).{0,80}", issued: i64, expires: i64, nonce in "[0-9a-f]{32}") {
            let order = Order {
                id: CommandId(id), system: SystemId(system), kind, body,
                issued_ms: UnixMillis(issued), expires_ms: UnixMillis(expires), nonce,
            };
            let organization = Organization::default();
            let sent = serde_json::to_vec(&order.clone().sign(&key(3), &organization)).unwrap();
            let received: SignedOrder = serde_json::from_slice(&sent).unwrap();
            let verified = received.verify(&public(3), &organization).unwrap();
            prop_assert_eq!(verified.get(), &order);
        }

        #[test]
        fn any_flipped_byte_is_refused(at in 0_usize..4096, mask in 1_u8..) {
            let organization = Organization::default();
            let signed = order().sign(&key(1), &organization);
            let mut sent = serde_json::to_vec(&signed).unwrap();
            let at = at % sent.len();
            sent[at] ^= mask;
            if let Ok(received) = serde_json::from_slice::<SignedOrder>(&sent) {
                let verified = received.verify(&public(1), &organization);
                prop_assert!(verified == Err(Forged) || received == signed, "byte {} was changed", at);
            }
        }

        #[test]
        fn two_orders_never_have_the_same_text(kind in "(?s).{0,6}", body in "(?s).{0,6}", other_kind in "(?s).{0,6}", other_body in "(?s).{0,6}") {
            let organization = Organization::default();
            let one = Order { kind, body, ..order() };
            let other = Order { kind: other_kind, body: other_body, ..order() };
            prop_assert_eq!(one == other, one.signed_text(&organization) == other.signed_text(&organization));
        }
    }
}
