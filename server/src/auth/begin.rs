//! How a session begins, once its user proved who they are.
//!
//! Invariant: what was proven is looked at again in the transaction that begins the session, behind the organization's lock:
//! a password that was changed, a key that was removed or a user that was deleted meanwhile begins none.

use super::attempt::Attempt;
use super::networks::check_address;
use super::secret::{HALF_SESSION_PREFIX, SESSION_PREFIX, SecretHash, token};
use super::session_store::{self, NewHalf, NewSession};
use super::store::{self, User};
use crate::app::App;
use crate::audit::{Entry, Outcome};
use crate::error::Error;
use crate::storage::{Conn, hold_organization};
use crate::{second_factors, ssh_keys};
use scm_protocol::auth::{CredentialKind, LoginMethod, LoginReply, Role, Session};
use scm_protocol::ids::{SshKeyId, UnixMillis};
use scm_protocol::second_factors::{SECOND_FACTOR_REQUIRED, SecondFactorRequired};
use serde_json::{Value, json};

/// How long the second factor may take, in milliseconds.
const HALF_SESSION_MS: i64 = 5 * 60_000;

/// What became of a login.
pub(super) enum LoggedIn {
    Session(LoginReply),
    Half(SecondFactorRequired),
}

/// What a user proved.
#[derive(Clone, Debug)]
pub(super) enum Proven {
    /// They know the password of this row.
    Password(User),
    /// They hold this key, and answered this challenge with it.
    SshKey {
        user: User,
        key: SshKeyId,
        challenge: SecretHash,
        challenge_expires: UnixMillis,
    },
    /// They had the setup code, or gave their second factor.
    Whole(User),
}

impl Proven {
    fn user(&self) -> &User {
        match self {
            Proven::Password(user) | Proven::SshKey { user, .. } | Proven::Whole(user) => user,
        }
    }

    /// Whether it still holds, now that nobody else can change it; a challenge is used up by this.
    fn still_holds(&self, conn: &mut Conn, now: UnixMillis) -> Result<bool, Error> {
        let Some(user) = store::user_by_id(conn, self.user().id)? else {
            return Ok(false);
        };
        match self {
            Proven::Password(proven) => Ok(user.password_hash == proven.password_hash),
            Proven::SshKey {
                key,
                challenge,
                challenge_expires,
                ..
            } => {
                let unused = session_store::use_challenge(conn, challenge, *challenge_expires, now)?;
                // Notes the use of a key that is still there.
                Ok(unused && ssh_keys::used(conn, *key, now)?)
            }
            Proven::Whole(_) => Ok(true),
        }
    }
}

/// Begins a session, or half of one when the user has a second factor.
pub(super) async fn first_factor_held(
    app: &App,
    attempt: Attempt,
    proven: Proven,
) -> Result<LoggedIn, Error> {
    // Only whoever proved who they are learns that they come from the wrong place.
    if let Ok(peer) = attempt.address.parse() {
        check_address(app, proven.user().organization_id, peer)?;
    }
    let now = app.clock.now();
    let half = token(HALF_SESSION_PREFIX)?;
    let row = NewHalf {
        token_hash: SecretHash::of(&half).into_bytes(),
        user_id: proven.user().id,
        method: attempt.method.as_str().to_owned(),
        expires_ms: now.0 + HALF_SESSION_MS,
    };
    let mut begin = Begin::new(app, attempt, proven.user().clone(), false)?;
    let halved = app.storage.writer.run(move |conn| {
        hold_organization(conn, begin.user.organization_id)?;
        if !proven.still_holds(conn, now)? {
            return Err(Error::Unauthenticated(
                "what you logged in with was changed meanwhile; log in again",
            ));
        }
        if second_factors::is_required(conn, row.user_id)? {
            session_store::add_half(conn, &row)?;
            return Ok(None);
        }
        begin.write(conn, json!({}), now)?;
        Ok(Some(begin))
    });
    let Some(begun) = halved.await? else {
        return Ok(LoggedIn::Half(SecondFactorRequired {
            code: SECOND_FACTOR_REQUIRED.to_owned(),
            half_session: half,
            expires_ms: now.plus(HALF_SESSION_MS),
        }));
    };
    begun.reply(app).await.map(LoggedIn::Session)
}

/// A session about to begin.
#[derive(Clone)]
pub(super) struct Begin {
    pub user: User,
    attempt: Attempt,
    token: String,
    expires: UnixMillis,
    second_factor: bool,
}

impl Begin {
    pub(super) fn new(app: &App, attempt: Attempt, user: User, second_factor: bool) -> Result<Self, Error> {
        Ok(Begin {
            attempt,
            user,
            token: token(SESSION_PREFIX)?,
            expires: app.clock.now().plus(app.settings.session_absolute_ms),
            second_factor,
        })
    }

    /// Adds the session, forgets the failures before it, and records it.
    pub(super) fn write(&mut self, conn: &mut Conn, detail: Value, now: UnixMillis) -> Result<(), Error> {
        let (user, attempt) = (&self.user, &self.attempt);
        for subject in attempt.subjects() {
            store::forget_failures(conn, &subject)?;
        }
        let session = NewSession {
            token_hash: SecretHash::of(&self.token).into_bytes(),
            user_id: user.id,
            address: attempt.address.clone(),
            method: attempt.method.as_str().to_owned(),
            second_factor: i64::from(self.second_factor),
            created_ms: now.0,
            last_used_ms: now.0,
            expires_ms: self.expires.0,
        };
        session_store::add(conn, &session)?;
        store::logged_in(conn, user.id, now)?;
        let actor = attempt.actor();
        let mut all = json!({ "method": attempt.method.as_str(), "second_factor": self.second_factor });
        if let (Value::Object(all), Value::Object(more)) = (&mut all, detail) {
            all.extend(more);
        }
        Entry {
            organization_id: user.organization_id,
            at: now,
            actor: &actor,
            action: "auth.login",
            target: &actor.name,
            outcome: Outcome::Done,
            detail: all,
        }
        .write(conn)
    }

    /// What its user is told.
    pub(super) async fn reply(self, app: &App) -> Result<LoginReply, Error> {
        app.events.audited(self.user.organization_id);
        let role =
            Role::parse(&self.user.role).ok_or_else(|| Error::internal("a user with an unknown role"))?;
        let organizations = &app.organizations;
        organizations
            .know(&app.storage, &app.master, self.user.organization_id)
            .await?;
        let organization = organizations.name_of(self.user.organization_id);
        let session = Session {
            username: self.user.username,
            role,
            organization: organization.ok_or_else(|| Error::internal("a user without an organization"))?,
            credential: CredentialKind::Session,
            expires_ms: self.expires,
        };
        Ok(LoginReply {
            token: self.token,
            session,
        })
    }
}

/// Begins a session for whoever used the setup code.
pub(super) async fn begin_first(app: &App, user: User, address: String) -> Result<LoginReply, Error> {
    let attempt = Attempt::new(user.username.clone(), address, LoginMethod::Setup)?;
    match first_factor_held(app, attempt, Proven::Whole(user)).await? {
        LoggedIn::Session(reply) => Ok(reply),
        LoggedIn::Half(_) => Err(Error::internal("a new owner has a second factor")),
    }
}
