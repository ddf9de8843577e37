//! The second half of a login: a one-time code or a recovery code.

use super::attempt::{Attempt, count_attempt};
use super::begin::Begin;
use super::secret::SecretHash;
use super::{session_store, store};
use crate::app::App;
use crate::error::Error;
use crate::second_factors::{self, Checked};
use crate::storage::{Conn, hold_organization};
use scm_protocol::auth::{LoginMethod, LoginReply};
use scm_protocol::ids::{UnixMillis, UserId};
use scm_protocol::second_factors::SecondFactorLogin;
use serde_json::json;
use std::sync::Arc;

/// What became of it, inside the transaction.
enum Tried {
    Wait(u32),
    Wrong(Attempt),
    Begun(Begin),
}

/// Checks the code and begins the session.
///
/// # Errors
/// [`Error::LoginOver`] when the half is over, [`Error::Unauthenticated`] when the code is wrong, [`Error::Throttled`] after too many failures.
pub(super) async fn log_in(
    app: &Arc<App>,
    request: SecondFactorLogin,
    address: String,
) -> Result<LoginReply, Error> {
    let hash = SecretHash::of(&request.half_session);
    let now = app.clock.now();
    let again = Arc::clone(app);
    let tried = app
        .storage
        .writer
        .run(move |conn| attempt(&again, conn, &hash, &request.code, address, now))
        .await?;
    match tried {
        Tried::Wait(retry_after_secs) => Err(Error::Throttled { retry_after_secs }),
        Tried::Begun(begun) => begun.reply(app).await,
        Tried::Wrong(attempt) => {
            attempt.failed(app, "wrong second factor").await?;
            Err(Error::Unauthenticated(
                "the code is wrong or was used before; wait for the next one",
            ))
        }
    }
}

fn attempt(
    app: &App,
    conn: &mut Conn,
    half: &SecretHash,
    code: &str,
    address: String,
    now: UnixMillis,
) -> Result<Tried, Error> {
    const OVER: Error = Error::LoginOver;
    let (user_id, method) = session_store::half(conn, half, now)?.ok_or(OVER)?;
    let user = store::user_by_id(conn, user_id)?.ok_or(OVER)?;
    let method = LoginMethod::parse(&method).ok_or_else(|| Error::internal("a half of an unknown kind"))?;
    let attempt = Attempt::new(user.username.clone(), address, method)?;
    hold_organization(conn, user.organization_id)?;
    if let Some(wait) = count_attempt(conn, &attempt.subjects(), now)? {
        return Ok(Tried::Wait(wait));
    }
    let checked = second_factors::check(conn, &app.master, UserId(user_id), code, now)?;
    if checked == Checked::Wrong {
        return Ok(Tried::Wrong(attempt));
    }
    if !session_store::use_half(conn, half)? {
        return Err(OVER);
    }
    let mut begin = Begin::new(app, attempt, user, true)?;
    begin.write(
        conn,
        json!({ "recovery_code": checked == Checked::Recovery }),
        now,
    )?;
    Ok(Tried::Begun(begin))
}
