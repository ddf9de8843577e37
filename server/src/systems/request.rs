//! What every signed request of a registered system has in common: whose it is, and whether it may speak.

use super::checkin_store;
use super::decide::may_speak;
use super::replay::ReplayWindow;
use crate::agent_message::{Received, check_clock, failed};
use crate::app::App;
use crate::certificates::Issued;
use crate::error::Error;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{RequestClaims, SignatureError, Signer, Unverified, VerifiedRequest};
use scm_protocol::systems::SystemStatus;

/// Seconds after which a system of which there are two machines may ask for more than a check-in again.
const CONTESTED_RETRY_SECS: u32 = 600;
/// Seconds after which a run that has not checked in yet may ask for more.
const CHECK_IN_FIRST_SECS: u32 = 5;

/// A request whose signature and clock held.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The system that signed it.
    pub id: SystemId,
    /// Its body.
    pub body: Received<'a>,
    /// Its sequence number.
    pub sequence: u64,
    /// When the agent says that it signed, in seconds since the epoch.
    pub created_secs: i64,
}

/// How a signature is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// By itself, strictly.
    Alone,
    /// With others that wait: for what comes by the thousand.
    Together,
}

/// Verifies with the registered key; a forgery ends here, before anything is parsed or queued.
///
/// # Errors
/// A typed refusal.
pub async fn authenticate<'a>(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'a>,
    verification: Verification,
) -> Result<Asked<'a>, Refusal> {
    let (claims, body, id) = verify(app, organization, unverified, verification).await?;
    check_clock(app, &claims, Some(id))?;
    let sequence = claims
        .sequence()
        .map_err(|error| bad_signature(app, id, &error.to_string()))?;
    Ok(Asked {
        id,
        body,
        sequence,
        created_secs: claims.created_secs,
    })
}

async fn verify<'a>(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'a>,
    verification: Verification,
) -> Result<(RequestClaims, Received<'a>, SystemId), Refusal> {
    let now = app.clock.now();
    let Signer::System(id) = unverified.claims().keyid.signer else {
        return Err(Refusal::new(
            RefusalCode::BadSignature,
            "keyid: must be `organization/id`",
            now,
        ));
    };
    let known = app.keys.get(&app.storage, id, now).await;
    let known = known.map_err(|error| failed(&error, now))?;
    let Some(known) = known.filter(|known| known.organization_id == organization.id) else {
        let refusal = Refusal::new(RefusalCode::UnknownSystem, "no system has this id", now);
        return Err(Refusal {
            system_id: Some(id),
            ..refusal
        });
    };
    let tried = match verification {
        Verification::Alone => unverified.try_verify(&known.key).map_err(|failed| *failed),
        Verification::Together => together(app, id, unverified, &known.key).await?,
    };
    let (error, unverified) = match tried {
        Ok((claims, body)) => {
            let key = known.key;
            return Ok((claims, Received { body, key, now }, id));
        }
        Err(failed) => failed,
    };
    // The key may have been replaced through another server.
    let newer = app.keys.newer(&app.storage, id, &known, now).await;
    let Some(key) = newer.map_err(|error| failed(&error, now))? else {
        return Err(bad_signature(app, id, &error.to_string()));
    };
    let (claims, body) = unverified
        .verify(&key)
        .map_err(|error| bad_signature(app, id, &error.to_string()))?;
    Ok((claims, Received { body, key, now }, id))
}

/// The request, verified; or why not, and the request as it was.
type Tried<'a> = Result<VerifiedRequest<'a>, (SignatureError, Unverified<'a>)>;

async fn together<'a>(
    app: &App,
    id: SystemId,
    unverified: Unverified<'a>,
    key: &PublicKey,
) -> Result<Tried<'a>, Refusal> {
    let (waiting, claim) = unverified
        .claim(key)
        .map_err(|error| bad_signature(app, id, &error.to_string()))?;
    let verdict = app.verifiers.verify(claim).await;
    let verdict = verdict.map_err(|error| failed(&error, app.clock.now()))?;
    Ok(waiting
        .conclude(verdict)
        .map_err(|unverified| (SignatureError::Signature, *unverified)))
}

fn bad_signature(app: &App, id: SystemId, reason: &str) -> Refusal {
    tracing::warn!(target: "security", { system.id = %id, reason }, "a request with a bad signature was refused");
    Refusal::new(RefusalCode::BadSignature, reason, app.clock.now())
}

/// A system that may speak, its row locked until the commit, its sequence number not yet used up.
#[derive(Debug)]
pub struct Admitted {
    /// What an administrator decided.
    pub status: SystemStatus,
    /// Its certificates that count.
    pub certificates: Issued,
    id: SystemId,
    window: ReplayWindow,
    /// The present run of the agent.
    boot_id: String,
}

/// Decides on a request that is no check-in: as the batch does for those.
///
/// # Errors
/// When the database fails; inside, the refusal of one that may not speak.
pub fn admit(
    conn: &mut Conn,
    id: SystemId,
    verified_with: &PublicKey,
    sequence: u64,
    now: UnixMillis,
) -> Result<Result<Admitted, Refusal>, Error> {
    let systems = checkin_store::load(conn, &[id.0])?;
    let known = systems.get(&id).map(|system| &system.known);
    let spoken = may_speak(known, (id, verified_with), sequence, now);
    // Which of two machines asks cannot be told here: what one gets would be taken from the other.
    let contested = known.is_some_and(|known| super::boots::is_contested(&known.boots));
    if contested && spoken.is_ok() {
        let detail = "another machine uses this identity; an administrator decides first";
        return Ok(Err(Refusal {
            retry_after_secs: Some(CONTESTED_RETRY_SECS),
            ..Refusal::new(RefusalCode::RateLimited, detail, now)
        }));
    }
    Ok(spoken.map(|(known, window)| Admitted {
        status: known.status,
        certificates: known.certificates.clone(),
        id,
        window,
        boot_id: known.boot_id.clone(),
    }))
}

/// As [`admit`], for what only the present run of the agent may say: one that is kept out, or that has not checked in yet,
/// has to check in first.
///
/// # Errors
/// As [`admit`].
pub fn admit_run(
    conn: &mut Conn,
    (id, boot_id): (SystemId, &str),
    verified_with: &PublicKey,
    sequence: u64,
    now: UnixMillis,
) -> Result<Result<Admitted, Refusal>, Error> {
    let admitted = admit(conn, id, verified_with, sequence, now)?;
    let present = admitted
        .as_ref()
        .is_ok_and(|admitted| admitted.boot_id == boot_id);
    if present || admitted.is_err() {
        return Ok(admitted);
    }
    let detail = "this is not the run of the agent that checked in last; check in first";
    Ok(Err(Refusal {
        retry_after_secs: Some(CHECK_IN_FIRST_SECS),
        ..Refusal::new(RefusalCode::RateLimited, detail, now)
    }))
}

/// Locks a system's row until the commit, where there is one.
///
/// # Errors
/// When the database fails.
pub fn lock_row(conn: &mut Conn, id: SystemId) -> Result<(), Error> {
    checkin_store::load(conn, &[id.0]).map(|_| ())
}

/// Notes which actions a system offers, by their digest.
///
/// # Errors
/// When the database fails.
pub fn note_actions(conn: &mut Conn, id: SystemId, digest: &str) -> Result<(), Error> {
    checkin_store::save_actions_digest(conn, id, digest)
}

/// Uses the number of an admitted request up, with what the request changed.
///
/// # Errors
/// When the database fails.
pub fn take_number(conn: &mut Conn, admitted: &Admitted) -> Result<(), Error> {
    checkin_store::save_window(conn, admitted.id, admitted.window)
}
