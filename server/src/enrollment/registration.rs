//! Storing a registration: one transaction, whatever comes of it.

use super::admission::{self, Admission, Approval};
use super::store::{self, Existing, NewSystem};
use super::token_store;
use super::waiting::WaitingCount;
use crate::audit::{Actor, Entry, Outcome};
use crate::auth::SecretHash;
use crate::error::Error;
use crate::rules::{self, RulesCache};
use crate::storage::Conn;
use scm_protocol::agent::{MAX_CLOCK_SKEW_SECS, RegisterRequest};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use serde_json::json;
use std::net::IpAddr;

/// A registration whose signature held, ready to be stored.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub organization_id: i64,
    pub key: PublicKey,
    /// Without the token.
    pub request: RegisterRequest,
    pub token: Option<SecretHash>,
    pub nonce_digest: Vec<u8>,
    pub address: IpAddr,
    pub interval_secs: u32,
    /// Most systems that may wait.
    pub pending_max: i64,
    /// How many do.
    pub waiting: WaitingCount,
    pub now: UnixMillis,
    /// Decide on its automatic groups.
    pub rules: RulesCache,
}

/// What became of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Registered {
    /// It was added, and this is what its token was worth.
    New(SystemId, Option<Admission>),
    /// It was waiting and came back with a token.
    Presented(SystemId, Admission),
    /// Its key is known, and nothing was changed.
    Known(SystemId, SystemStatus),
    /// It was seen before.
    Replayed,
    /// As many wait as may wait: nothing was changed.
    Full,
}

impl Candidate {
    fn approval<'a>(&'a self, system: SystemId) -> Approval<'a> {
        Approval {
            organization_id: self.organization_id,
            system,
            hostname: &self.request.facts.hostname,
            address: self.address,
            now: self.now,
        }
    }
}

/// Stores a registration, and takes its token.
pub(super) fn store_candidate(conn: &mut Conn, candidate: &Candidate) -> Result<Registered, Error> {
    token_store::hold_organization(conn, candidate.organization_id)?;
    let existing = find(conn, candidate)?;
    // A flood writes nothing, not even what remembers it.
    if candidate.token.is_none() && existing.is_none() && is_full(conn, candidate)? {
        return Ok(Registered::Full);
    }
    // A `created` at the far edge of the future is accepted for twice the skew.
    let expires = candidate.now.plus(2 * MAX_CLOCK_SKEW_SECS * 1000 + 1000);
    if !store::remember_nonce(conn, &candidate.nonce_digest, expires)? {
        return Ok(Registered::Replayed);
    }
    let Some(Existing { id, status }) = existing else {
        return add(conn, candidate);
    };
    match (status, &candidate.token) {
        (SystemStatus::Pending, Some(token)) => present(conn, candidate, id, token),
        _ => Ok(Registered::Known(id, status)),
    }
}

fn find(conn: &mut Conn, candidate: &Candidate) -> Result<Option<Existing>, Error> {
    store::by_key(conn, candidate.organization_id, &candidate.key)
}

/// Whether as many wait as may wait. Registrations take turns, so that the number is exact over several servers.
fn is_full(conn: &mut Conn, candidate: &Candidate) -> Result<bool, Error> {
    Ok(candidate.waiting.of(conn, candidate.organization_id)? >= candidate.pending_max)
}

/// Adds a system, and approves it when its token says so.
fn add(conn: &mut Conn, candidate: &Candidate) -> Result<Registered, Error> {
    let token = candidate.token.as_ref();
    let take = |token| admission::take(conn, candidate.organization_id, token, candidate.now);
    let admission = token.map(take).transpose()?;
    let approved = matches!(admission, Some(Admission::Accepted(_)));
    // One without a token was let in above.
    if token.is_some() && !approved && is_full(conn, candidate)? {
        return Ok(Registered::Full);
    }
    let id = store::add(conn, &new_system(candidate))?;
    record(conn, candidate, id, admission.as_ref(), Outcome::Done)?;
    if !approved {
        candidate.waiting.one_more(conn, candidate.organization_id)?;
    }
    if let Some(admission) = &admission {
        admission::approve(conn, admission, candidate.approval(id))?;
    }
    regroup(conn, candidate, id)?;
    Ok(Registered::New(id, admission))
}

/// A waiting system came back with a token.
fn present(
    conn: &mut Conn,
    candidate: &Candidate,
    id: SystemId,
    token: &SecretHash,
) -> Result<Registered, Error> {
    // Another replica may have decided on it between our reading and this lock: then the token is not used.
    if !store::hold_pending(conn, id)? {
        let existing = find(conn, candidate)?;
        let Existing { id, status } = existing.ok_or(Error::Busy)?;
        return Ok(Registered::Known(id, status));
    }
    let admission = admission::take(conn, candidate.organization_id, token, candidate.now)?;
    match &admission {
        Admission::Accepted(_) => admission::approve(conn, &admission, candidate.approval(id))?,
        _ => record(conn, candidate, id, Some(&admission), Outcome::Refused)?,
    }
    regroup(conn, candidate, id)?;
    Ok(Registered::Presented(id, admission))
}

/// Puts the system into the automatic groups that it belongs to as what it is now.
fn regroup(conn: &mut Conn, candidate: &Candidate, id: SystemId) -> Result<(), Error> {
    let organization_id = candidate.organization_id;
    rules::reconcile_one(conn, &candidate.rules, organization_id, id, candidate.now).map(|_| ())
}

fn record(
    conn: &mut Conn,
    candidate: &Candidate,
    id: SystemId,
    admission: Option<&Admission>,
    outcome: Outcome,
) -> Result<(), Error> {
    let actor = Actor {
        name: format!("system:{id}"),
        address: candidate.address.to_string(),
    };
    let mut detail = json!({
        "hostname": candidate.request.facts.hostname,
        "fingerprint": candidate.key.fingerprint(),
        "after": "pending",
    });
    if let Some(admission) = admission {
        admission.describe(&mut detail);
    }
    Entry {
        organization_id: candidate.organization_id,
        at: candidate.now,
        actor: &actor,
        action: "enrollment.register",
        target: &format!("system:{id}"),
        outcome,
        detail,
    }
    .write(conn)
}

fn new_system(candidate: &Candidate) -> NewSystem<'_> {
    NewSystem {
        organization_id: candidate.organization_id,
        key: &candidate.key,
        facts: &candidate.request.facts,
        agent_version: &candidate.request.agent_version,
        boot_id: &candidate.request.boot_id,
        address: candidate.address.to_string(),
        interval_secs: candidate.interval_secs,
        now: candidate.now,
    }
}
