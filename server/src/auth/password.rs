//! Passwords: Argon2id (19 MiB, two passes) in PHC form, a few at a time.

use crate::app::App;
use crate::error::Error;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use scm_protocol::auth::MIN_PASSWORD_CHARS;
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Longest password, in bytes: beyond it hashing would cost more than it protects.
const MAX_PASSWORD_BYTES: usize = 1024;

/// Refuses a password that is too short, too long, or the user's name.
///
/// # Errors
/// [`Error::Invalid`] for `password`.
pub fn check(password: &str, username: &str) -> Result<(), Error> {
    let bad = |reason: String| Err(Error::invalid("password", reason));
    let (lower, name) = (password.to_lowercase(), username.to_lowercase());
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return bad(format!("must have at least {MIN_PASSWORD_CHARS} characters"));
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return bad(format!("must have at most {MAX_PASSWORD_BYTES} bytes"));
    }
    // A name of one or two letters is in half of all good passwords.
    if name.len() >= 3 && lower.contains(&name) {
        return bad("must not contain the user's name".to_owned());
    }
    let mut letters: Vec<char> = lower.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    if letters.len() < 4 {
        return bad("must have at least 4 different characters".to_owned());
    }
    Ok(())
}

/// The PHC string of a password.
///
/// # Errors
/// When there is no randomness.
pub async fn hash(app: &App, password: Zeroizing<String>) -> Result<String, Error> {
    work(app, move || hash_now(&password)).await
}

fn hash_now(password: &str) -> Result<String, Error> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| Error::internal(format!("hashing a password: {error}")))
}

/// Whether the password is the one of `stored`; without a stored one the same work is done, and it is not.
///
/// # Errors
/// When the work could not be done.
pub async fn verify(app: &App, password: Zeroizing<String>, stored: Option<String>) -> Result<bool, Error> {
    work(app, move || {
        // A user without a password has an empty one stored: nothing is the same as it.
        let stored = stored.filter(|stored| !stored.is_empty());
        let nobody = stored.is_none();
        let stored = match stored {
            Some(stored) => stored,
            None => stand_in()?,
        };
        let holds = Argon2::default()
            .verify_password(password.as_bytes(), stored.as_str())
            .is_ok();
        Ok(holds && !nobody)
    })
    .await
}

/// A hash of the same cost that stands for users that do not exist.
fn stand_in() -> Result<String, Error> {
    static STAND_IN: OnceLock<String> = OnceLock::new();
    if let Some(hash) = STAND_IN.get() {
        return Ok(hash.clone());
    }
    let hash = hash_now("nobody has this password")?;
    Ok(STAND_IN.get_or_init(|| hash).clone())
}

/// Makes the stand-in before the first login, so that the first unknown user costs no more than the others.
///
/// # Errors
/// As [`hash`].
pub(super) fn prepare() -> Result<(), Error> {
    stand_in().map(|_| ())
}

async fn work<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let _permit = app
        .password_work
        .acquire()
        .await
        .map_err(|_| Error::shutting_down())?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::internal("hashing a password panicked"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        assert!(check("correct horse battery", "jdoe").is_ok());
        for (password, word) in [
            ("short", "at least 12"),
            ("jdoe-likes-this", "user's name"),
            ("aaaaaaaaaaaaa", "different"),
        ] {
            let error = check(password, "jdoe").unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(check(&"x1y2z".repeat(300), "jdoe").is_err());
    }
}
