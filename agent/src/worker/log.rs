//! What a worker says of its attempts: trouble each time, changes once, routine only for debugging.

use crate::decide::{Action, Change, Note, Situation};
use scm_protocol::ids::SystemId;

/// Logs what was done about an answer.
pub(super) fn action(url: &str, id: Option<SystemId>, situation: &Situation, action: &Action) {
    let id = id.map(|id| id.0);
    let wait_ms = u64::try_from(action.wait.as_millis()).unwrap_or(u64::MAX);
    match &action.note {
        Note::Fine => {}
        Note::Trouble(reason) => tracing::warn!(
            server.url = %url, system.id = id, attempt.failures = action.failures, attempt.next_ms = wait_ms, "{reason}"
        ),
        Note::Security { event, reason } => tracing::error!(
            target: "security", event, server.url = %url, system.id = id, attempt.next_ms = wait_ms, "{reason}"
        ),
    }
    if action.standing != situation.standing {
        tracing::info!(
            server.url = %url, system.id = id, standing.before = ?situation.standing, standing.now = ?action.standing,
            "the standing changed"
        );
    } else if situation.failures > 0 && action.failures == 0 {
        tracing::info!(server.url = %url, system.id = id, attempt.failed = situation.failures, "the server is back");
    }
    if let Change::Pin(key) = &action.change {
        tracing::info!(server.url = %url, server.fingerprint = %key.fingerprint(), "pinned the server's key");
    }
    if let Change::TakeCertificate(reply) = &action.change {
        tracing::info!(
            server.url = %url, certificate.serial = %reply.serial, certificate.not_after_ms = reply.not_after_ms.0,
            "the server issued a client certificate"
        );
    }
    if action.change == Change::PromoteKey {
        let fingerprint = situation.next_key.map(|key| key.fingerprint().to_string());
        tracing::info!(
            target: "security", event = "key_rotated", server.url = %url, system.id = id, identity.fingerprint = fingerprint,
            "the server accepts the new key, the former one is set aside"
        );
    }
    tracing::debug!(server.url = %url, system.id = id, attempt.next_ms = wait_ms, "done");
}
