//! An attempt to log in, by whatever means: counted before it is looked at, so that a thousand at once are not a thousand
//! free ones, and recorded when it fails.

use super::store;
use super::throttle::Subject;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::auth::LoginMethod;
use scm_protocol::ids::UnixMillis;
use serde_json::json;

/// Longest name that is looked for.
const MAX_NAME_BYTES: usize = 256;

/// Who tries, and from where.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub username: String,
    pub address: String,
    pub method: LoginMethod,
}

impl Attempt {
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot be one.
    pub(super) fn new(username: String, address: String, method: LoginMethod) -> Result<Self, Error> {
        if username.len() > MAX_NAME_BYTES {
            return Err(Error::invalid("username", "must be at most 256 bytes"));
        }
        Ok(Attempt {
            username,
            address,
            method,
        })
    }

    /// What it counts against.
    pub(super) fn subjects(&self) -> [Subject; 2] {
        [Subject::account(&self.username), Subject::address(&self.address)]
    }

    /// As the audit names whoever succeeds.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            name: format!("user:{}", self.username),
            address: self.address.clone(),
        }
    }

    /// Counts it and reads what it needs, in one transaction.
    ///
    /// # Errors
    /// [`Error::Throttled`] after too many failures.
    pub(super) async fn begin<T: Send + 'static>(
        &self,
        app: &App,
        read: impl FnOnce(&mut Conn, &str) -> Result<T, Error> + Clone + Send + 'static,
    ) -> Result<T, Error> {
        let (name, subjects, now) = (self.username.clone(), self.subjects(), app.clock.now());
        let begun = app.storage.writer.run(move |conn| {
            let wait = count_attempt(conn, &subjects, now)?;
            Ok((wait, read(conn, &name)?))
        });
        match begun.await? {
            (Some(retry_after_secs), _) => Err(Error::Throttled { retry_after_secs }),
            (None, read) => Ok(read),
        }
    }

    /// Records that it failed.
    pub(super) async fn failed(&self, app: &App, reason: &'static str) -> Result<(), Error> {
        let now = app.clock.now();
        tracing::warn!(target: "security", { peer.address = %self.address, reason }, "a login failed");
        let (attempt, first_id) = (self.clone(), app.organizations.first_id());
        let organization_id = app
            .storage
            .writer
            .run(move |conn| attempt.record_failure(conn, first_id, reason, now))
            .await?;
        app.events.audited(organization_id);
        Ok(())
    }

    fn record_failure(
        &self,
        conn: &mut Conn,
        first_id: i64,
        reason: &str,
        at: UnixMillis,
    ) -> Result<i64, Error> {
        // An unknown user's failure is recorded with the organization that the server started with.
        let user = store::user(conn, &self.username)?;
        let organization_id = user.map_or(first_id, |user| user.organization_id);
        let shown: String = self
            .username
            .chars()
            .filter(|c| !c.is_control())
            .take(64)
            .collect();
        let actor = Actor {
            name: "anonymous".to_owned(),
            address: self.address.clone(),
        };
        Entry {
            organization_id,
            at,
            actor: &actor,
            action: "auth.login",
            target: &format!("user:{shown}"),
            outcome: Outcome::Refused,
            detail: json!({ "reason": reason, "method": self.method.as_str() }),
        }
        .write(conn)?;
        Ok(organization_id)
    }
}

/// Counts an attempt against every subject; returns the seconds to wait when one of them is blocked.
pub(super) fn count_attempt(
    conn: &mut Conn,
    subjects: &[Subject],
    now: UnixMillis,
) -> Result<Option<u32>, Error> {
    let mut wait = None;
    for subject in subjects {
        let failures = store::failures(conn, subject)?;
        wait = wait.max(failures.wait_secs(now));
    }
    if wait.is_none() {
        for subject in subjects {
            let failures = store::failures(conn, subject)?;
            store::set_failures(conn, subject, failures.failed(subject.free, now))?;
        }
    }
    Ok(wait)
}
