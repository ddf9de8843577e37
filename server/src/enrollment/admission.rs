//! What a token that comes with a registration does: it approves the system and one use is counted, or the system waits and
//! the audit says why. Both happen in the registration's own transaction.

use super::store;
use super::token_store;
use crate::audit::{Actor, Entry, Outcome};
use crate::auth::SecretHash;
use crate::error::Error;
use crate::groups;
use crate::storage::Conn;
use scm_protocol::enrollment::TokenStatus;
use scm_protocol::ids::{SystemId, UnixMillis};
use serde_json::{Value, json};
use std::net::IpAddr;

/// A token that is known, as the audit names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    id: i64,
    name: String,
}

/// What a token was worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It approves, and the use is counted.
    Accepted(Token),
    /// There is no such token.
    Unknown,
    /// It approves nobody: it has this status.
    Refused(Token, TokenStatus),
}

/// Whom the token is to approve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Approval<'a> {
    pub organization_id: i64,
    pub system: SystemId,
    pub hostname: &'a str,
    pub address: IpAddr,
    pub now: UnixMillis,
}

/// Takes a token, counting the use when it approves.
pub(super) fn take(
    conn: &mut Conn,
    organization_id: i64,
    hash: &SecretHash,
    now: UnixMillis,
) -> Result<Admission, Error> {
    let Some(row) = token_store::by_hash(conn, organization_id, hash)? else {
        return Ok(Admission::Unknown);
    };
    let status = row.limits().status(now);
    let token = Token {
        id: row.id,
        name: row.name,
    };
    if status != TokenStatus::Active {
        return Ok(Admission::Refused(token, status));
    }
    // The statement that counts has the last word.
    Ok(if token_store::count_use(conn, row.id, now)? {
        Admission::Accepted(token)
    } else {
        Admission::Refused(token, TokenStatus::UsedUp)
    })
}

impl Admission {
    /// `accepted`, or why not.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Admission::Accepted(_) => "accepted",
            Admission::Unknown => "unknown",
            Admission::Refused(_, status) => status.as_str(),
        }
    }

    /// Adds what became of the token to an audit entry's detail.
    pub(super) fn describe(&self, detail: &mut Value) {
        detail["token"] = json!(self.reason());
        if let Admission::Accepted(token) | Admission::Refused(token, _) = self {
            detail["token_id"] = json!(token.id);
            detail["token_name"] = json!(token.name);
        }
    }
}

/// Makes a Pending system Active when the token was accepted, with an entry of its own.
pub(super) fn approve(conn: &mut Conn, admission: &Admission, approval: Approval<'_>) -> Result<(), Error> {
    let Admission::Accepted(token) = admission else {
        return Ok(());
    };
    let actor = Actor {
        name: format!("token:{}", token.name),
        address: approval.address.to_string(),
    };
    store::activate(conn, approval.system, &actor.name, approval.now)?;
    let (organization_id, system) = (approval.organization_id, approval.system);
    let joined = groups::join_manual(conn, organization_id, token.id, system, &actor.name, approval.now)?;
    let mut detail = json!({
        "hostname": approval.hostname,
        "before": "pending",
        "after": "active",
        "groups": joined,
    });
    admission.describe(&mut detail);
    Entry {
        organization_id: approval.organization_id,
        at: approval.now,
        actor: &actor,
        action: "enrollment.auto_approve",
        target: &format!("system:{}", approval.system),
        outcome: Outcome::Done,
        detail,
    }
    .write(conn)
}
