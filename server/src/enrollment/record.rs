//! What the audit says of registrations: one entry for each that was stored, and one for each approval by a token.

use super::admission::Admission;
use super::registration::Candidate;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::{SystemId, UnixMillis};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Entries of one organization, in their order, to be written at once.
pub(super) struct Chronicle {
    organization_id: i64,
    lines: Vec<Line>,
}

struct Line {
    at: UnixMillis,
    actor: Actor,
    action: &'static str,
    target: String,
    outcome: Outcome,
    detail: Value,
    /// The token whose groups the system joined.
    joined: Option<i64>,
}

impl Chronicle {
    pub(super) fn new(organization_id: i64) -> Self {
        Chronicle {
            organization_id,
            lines: Vec::new(),
        }
    }

    /// A system was added.
    pub(super) fn registered(&mut self, candidate: &Candidate, id: SystemId, admission: Option<&Admission>) {
        self.register(candidate, id, admission, Outcome::Done);
    }

    /// A waiting system came back with a token that approves nobody.
    pub(super) fn refused(&mut self, candidate: &Candidate, id: SystemId, admission: &Admission) {
        self.register(candidate, id, Some(admission), Outcome::Refused);
    }

    fn register(
        &mut self,
        candidate: &Candidate,
        id: SystemId,
        admission: Option<&Admission>,
        outcome: Outcome,
    ) {
        let mut detail = json!({
            "hostname": candidate.request.facts.hostname,
            "fingerprint": candidate.key.fingerprint(),
            "after": "pending",
        });
        if let Some(admission) = admission {
            admission.describe(&mut detail);
        }
        self.lines.push(Line {
            at: candidate.now,
            actor: actor(format!("system:{id}"), candidate),
            action: "enrollment.register",
            target: format!("system:{id}"),
            outcome,
            detail,
            joined: None,
        });
    }

    /// A token made a system Active.
    pub(super) fn approved(
        &mut self,
        candidate: &Candidate,
        id: SystemId,
        admission: &Admission,
        token: i64,
    ) {
        let mut detail = json!({
            "hostname": candidate.request.facts.hostname,
            "before": "pending",
            "after": "active",
        });
        admission.describe(&mut detail);
        self.lines.push(Line {
            at: candidate.now,
            actor: actor(admission.approver().unwrap_or_default(), candidate),
            action: "enrollment.auto_approve",
            target: format!("system:{id}"),
            outcome: Outcome::Done,
            detail,
            joined: Some(token),
        });
    }

    /// Writes them; `joined` names the groups of each token.
    pub(super) fn write(mut self, conn: &mut Conn, joined: &HashMap<i64, Vec<String>>) -> Result<(), Error> {
        for line in &mut self.lines {
            if let Some(token) = line.joined {
                line.detail["groups"] = json!(joined.get(&token).map_or(&[][..], Vec::as_slice));
            }
        }
        let entries: Vec<Entry<'_>> = self
            .lines
            .iter_mut()
            .map(|line| Entry {
                organization_id: self.organization_id,
                at: line.at,
                actor: &line.actor,
                action: line.action,
                target: &line.target,
                outcome: line.outcome,
                detail: line.detail.take(),
            })
            .collect();
        audit::record_all(conn, &entries)
    }
}

fn actor(name: String, candidate: &Candidate) -> Actor {
    Actor {
        name,
        address: candidate.address.to_string(),
    }
}
