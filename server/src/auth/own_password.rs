//! Callers who show again that they are who logged in, before they change how they log in; and attempts at that, which count
//! like logins: whoever found an open console shall not guess in peace.

use super::attempt::count_attempt;
use super::throttle::Subject;
use super::{password, store};
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::UnixMillis;
use zeroize::Zeroizing;

fn subjects(caller: &Caller) -> [Subject; 2] {
    [
        Subject::account(&caller.principal.username),
        Subject::address(&caller.actor.address),
    ]
}

/// Counts an attempt of a caller who is logged in; the seconds to wait when there were too many.
///
/// # Errors
/// When the database fails.
pub fn count_own_attempt(conn: &mut Conn, caller: &Caller, now: UnixMillis) -> Result<Option<u32>, Error> {
    count_attempt(conn, &subjects(caller), now)
}

/// Forgets the attempts of a caller who succeeded.
///
/// # Errors
/// When the database fails.
pub fn forgive(conn: &mut Conn, caller: &Caller) -> Result<(), Error> {
    let subjects = subjects(caller);
    subjects
        .iter()
        .try_for_each(|subject| store::forget_failures(conn, subject))
}

/// Checks the caller's own password; a user without one needs none.
///
/// # Errors
/// [`Error::Invalid`] for `field` when it is wrong, [`Error::Throttled`] after too many failures, and what
/// [`crate::auth::Principal::account`] refuses.
pub async fn prove_password(
    app: &App,
    caller: &Caller,
    field: &str,
    given: Option<String>,
) -> Result<(), Error> {
    let user = caller.principal.account()?;
    let (again, now) = (caller.clone(), app.clock.now());
    let counted = app.storage.writer.run(move |conn| {
        let stored = store::user_by_id(conn, user.0)?.map(|user| user.password_hash);
        if stored.as_deref() == Some("") {
            return Ok((None, stored));
        }
        Ok((count_own_attempt(conn, &again, now)?, stored))
    });
    let (wait, stored) = counted.await?;
    if let Some(retry_after_secs) = wait {
        return Err(Error::Throttled { retry_after_secs });
    }
    if stored.as_deref() == Some("") {
        return Ok(());
    }
    let given = Zeroizing::new(given.unwrap_or_default());
    if !password::verify(app, given, stored).await? {
        return Err(Error::invalid(field, "is not your password"));
    }
    let again = caller.clone();
    app.storage.writer.run(move |conn| forgive(conn, &again)).await
}
