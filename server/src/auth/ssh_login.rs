//! Logging in with an SSH key: a challenge, signed as `ssh-keygen -Y sign` does.
//!
//! The signature is verified with the key that it carries before anyone looks whether that key is registered: an unknown
//! user costs what a known one does.

use super::attempt::Attempt;
use super::begin::{LoggedIn, Proven, first_factor_held};
use super::challenge::{self, CHALLENGE_MS};
use super::store;
use crate::app::App;
use crate::error::Error;
use crate::ssh_keys;
use scm_protocol::auth::LoginMethod;
use scm_protocol::ssh_keys::{ChallengeRequest, LOGIN_NAMESPACE, LoginChallenge, SshLoginRequest};

/// A challenge for whoever asks, known or not; nothing is stored.
///
/// # Errors
/// [`Error::Invalid`] for a name that cannot be one.
pub(super) fn challenge(app: &App, request: ChallengeRequest) -> Result<LoginChallenge, Error> {
    let attempt = Attempt::new(request.username, String::new(), LoginMethod::Ssh)?;
    let expires = app.clock.now().plus(CHALLENGE_MS);
    let text = challenge::make(&app.master, &app.settings.server_name, &attempt.username, expires)?;
    Ok(LoginChallenge {
        challenge: text,
        expires_ms: expires,
        namespace: LOGIN_NAMESPACE.to_owned(),
    })
}

/// Checks the signature of a challenge and begins a session, or half of one.
///
/// # Errors
/// [`Error::Unauthenticated`] for an unknown user, a key that is not registered and a wrong signature alike,
/// [`Error::Throttled`] after too many failures.
pub(super) async fn log_in(app: &App, request: SshLoginRequest, address: String) -> Result<LoggedIn, Error> {
    let attempt = Attempt::new(request.username, address, LoginMethod::Ssh)?;
    let found = attempt.begin(app, |conn, name| {
        let Some(user) = store::user(conn, name)? else {
            return Ok(None);
        };
        let keys = ssh_keys::registered(conn, user.id)?;
        Ok(Some((user, keys)))
    });
    let found = found.await?;
    let challenge = challenge::read(
        &app.master,
        &request.challenge,
        &attempt.username,
        app.clock.now(),
    )?;
    let signer = ssh_keys::verify(&request.signature, request.challenge.as_bytes());
    let proven = signer.and_then(|signer| {
        let (user, keys) = found.ok_or("unknown user or key")?;
        let key = keys.into_iter().find(|key| key.public_key == signer);
        Ok((user, key.ok_or("unknown user or key")?.id))
    });
    let (user, key) = match proven {
        Ok(proven) => proven,
        Err(reason) => {
            attempt.failed(app, reason).await?;
            return Err(Error::Unauthenticated(
                "the login failed: the user is unknown, the key is not registered for them, or the signature does not hold",
            ));
        }
    };
    let proven = Proven::SshKey {
        user,
        key,
        challenge: challenge.digest,
        challenge_expires: challenge.expires,
    };
    first_factor_held(app, attempt, proven).await
}
