//! Enrolling, checking and removing the second factor.

use super::store::{self, FactorRow};
use super::totp::{self, SEED_BYTES};
use crate::app::App;
use crate::auth::{self, SecretHash, normal_code, setup_code};
use crate::call::Caller;
use crate::clock::random;
use crate::error::Error;
use crate::signing::MasterKey;
use crate::storage::{Conn, hold_organization};
use scm_protocol::ids::{UnixMillis, UserId};
use scm_protocol::second_factors::{
    EnrollSecondFactor, RECOVERY_CODES, RecoveryCodes, SecondFactorCode, SecondFactorSecret,
};
use serde_json::json;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a code was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// A one-time code, used now.
    Totp,
    /// A recovery code, used up now.
    Recovery,
    /// Nothing.
    Wrong,
}

/// Whether a login of this user needs a second factor.
///
/// # Errors
/// When the database fails.
pub fn is_required(conn: &mut Conn, user_id: i64) -> Result<bool, Error> {
    let factor = store::find(conn, UserId(user_id))?;
    Ok(factor.is_some_and(|factor| factor.confirmed_ms.is_some()))
}

/// Checks a code and uses it up.
///
/// # Errors
/// When the database fails or the seed does not open.
pub fn check(
    conn: &mut Conn,
    master: &MasterKey,
    user: UserId,
    code: &str,
    now: UnixMillis,
) -> Result<Checked, Error> {
    let Some(factor) = store::find(conn, user)?.filter(|factor| factor.confirmed_ms.is_some()) else {
        return Ok(Checked::Wrong);
    };
    if take_code(conn, master, user, &factor, code, now)? {
        return Ok(Checked::Totp);
    }
    let recovery = SecretHash::of(&normal_code(code));
    Ok(if store::use_code(conn, user, &recovery)? {
        Checked::Recovery
    } else {
        Checked::Wrong
    })
}

fn take_code(
    conn: &mut Conn,
    master: &MasterKey,
    user: UserId,
    factor: &FactorRow,
    code: &str,
    now: UnixMillis,
) -> Result<bool, Error> {
    let seed = master.unseal(&factor.sealed_seed, &purpose(user))?;
    let code: String = code.chars().filter(|c| !c.is_whitespace()).take(16).collect();
    match totp::step_of(&seed, &code, now, factor.last_step) {
        Some(step) => store::take_step(conn, user, step),
        None => Ok(false),
    }
}

/// A sealed seed opens for its user alone.
fn purpose(user: UserId) -> String {
    format!("second factor of user {user}")
}

/// Removes the second factor of a user; false when there was none.
///
/// # Errors
/// When the database fails.
pub fn reset(conn: &mut Conn, user: UserId) -> Result<bool, Error> {
    store::remove(conn, user)
}

/// Makes a seed for the caller; it counts from its confirmation on.
///
/// # Errors
/// [`Error::Conflict`] `already_enabled`; what [`auth::prove_password`] refuses.
pub(super) async fn enroll(
    app: &App,
    caller: Caller,
    enroll: EnrollSecondFactor,
) -> Result<SecondFactorSecret, Error> {
    let user = caller.principal.account()?;
    auth::prove_password(app, &caller, "password", enroll.password).await?;
    let seed = Zeroizing::new(random::<SEED_BYTES>()?);
    let sealed = app.master.seal(seed.as_slice(), &purpose(user))?;
    let secret = totp::base32(seed.as_slice());
    let url = totp::url(&app.settings.server_name, &caller.principal.username, &secret);
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let enrolled = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        if is_required(conn, user.0)? {
            return Err(Error::Conflict {
                code: "already_enabled",
                detail: "you have a second factor already; disable it first".to_owned(),
            });
        }
        store::enroll(conn, user, &sealed, now)?;
        caller.record(conn, now, &caller.actor.name, json!({ "confirmed": false }))
    });
    enrolled.await?;
    app.events.audited(organization_id);
    Ok(SecondFactorSecret { secret, url })
}

/// Confirms the seed with a code of it: from now on logins need one.
///
/// # Errors
/// [`Error::Conflict`] `not_enrolled`; [`Error::Invalid`] for a wrong code.
pub(super) async fn confirm(
    app: &Arc<App>,
    caller: Caller,
    confirm: SecondFactorCode,
) -> Result<RecoveryCodes, Error> {
    let user = caller.principal.account()?;
    let codes: Vec<String> = (0..RECOVERY_CODES)
        .map(|_| setup_code())
        .collect::<Result<_, _>>()?;
    let hashes: Vec<SecretHash> = codes
        .iter()
        .map(|code| SecretHash::of(&normal_code(code)))
        .collect();
    let (now, organization_id, app_of) = (app.clock.now(), caller.organization_id(), Arc::clone(app));
    let confirmed = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let factor = store::find(conn, user)?.filter(|factor| factor.confirmed_ms.is_none());
        let factor = factor.ok_or_else(|| Error::Conflict {
            code: "not_enrolled",
            detail: "there is no second factor to confirm; begin with enrolling one".to_owned(),
        })?;
        if !take_code(conn, &app_of.master, user, &factor, &confirm.code, now)? {
            return Err(wrong());
        }
        store::confirm(conn, user, now)?;
        for hash in &hashes {
            store::add_code(conn, user, hash)?;
        }
        let detail = json!({ "recovery_codes": hashes.len() });
        caller.record(conn, now, &caller.actor.name, detail)
    });
    confirmed.await?;
    app.events.audited(organization_id);
    Ok(RecoveryCodes { codes })
}

fn wrong() -> Error {
    Error::invalid(
        "code",
        "is wrong, or was used before; look at the clocks of both, and wait for the next code",
    )
}

/// Disables the caller's second factor with a code of it, or a recovery code.
///
/// # Errors
/// [`Error::Invalid`] for a wrong code, [`Error::Throttled`] after too many.
pub(super) async fn disable(app: &Arc<App>, caller: Caller, given: SecondFactorCode) -> Result<(), Error> {
    let user = caller.principal.account()?;
    let (now, organization_id, app_of) = (app.clock.now(), caller.organization_id(), Arc::clone(app));
    let disabled = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        if let Some(retry_after_secs) = auth::count_own_attempt(conn, &caller, now)? {
            return Ok(Err(Error::Throttled { retry_after_secs }));
        }
        // What is refused here is still counted, so it must not undo the transaction.
        if check(conn, &app_of.master, user, &given.code, now)? == Checked::Wrong {
            return Ok(Err(wrong()));
        }
        auth::forgive(conn, &caller)?;
        store::remove(conn, user)?;
        caller.record(conn, now, &caller.actor.name, json!({}))?;
        Ok(Ok(()))
    });
    disabled.await??;
    app.events.audited(organization_id);
    Ok(())
}
