//! The organization's signing key at the server.

use super::http::Http;
use crate::message::{SigningCall, SigningReply};
use scm_protocol::rotation::RotateSigningKey;

pub(super) async fn answer(http: &Http, call: SigningCall) -> SigningReply {
    match call {
        SigningCall::Show { ticket } => SigningReply::Shown {
            ticket,
            result: http.get("/api/v1/organization/signing-key").await.map(Box::new),
        },
        SigningCall::Rotate { ticket, fingerprint } => SigningReply::Rotated {
            ticket,
            result: http
                .post(
                    "/api/v1/organization/rotate-signing-key",
                    &RotateSigningKey { fingerprint },
                )
                .await
                .map(Box::new),
        },
    }
}
