//! The first run: no default password. A one-time code, printed and written to a file that only the server's user and root
//! can read, lets whoever administers the machine create the first owner.

use super::login::{begin_session, count_attempt};
use super::password;
use super::secret::{SecretHash, normal_code, setup_code};
use super::store::{self, NewUser};
use super::throttle::Subject;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::private_file;
use scm_protocol::auth::{LoginReply, Role, SetupRequest, SetupState};
use serde_json::json;
use zeroize::Zeroizing;

/// Makes the setup code when no user exists: it is stored hashed, written to its file (0600) and returned to be printed.
/// Once there is a user, the file is removed and nothing is returned.
///
/// # Errors
/// When the database or the file cannot be written.
pub async fn offer_setup(app: &App) -> Result<Option<String>, Error> {
    let file = &app.settings.setup_code_file;
    password::prepare()?;
    let failed = |error: std::io::Error| Error::internal(format!("writing {}: {error}", file.display()));
    if app.storage.readers.run(store::has_users).await? {
        if file.exists() {
            std::fs::remove_file(file).map_err(failed)?;
        }
        return Ok(None);
    }
    let code = setup_code()?;
    let hash = SecretHash::of(&normal_code(&code));
    let now = app.clock.now();
    app.storage
        .writer
        .run(move |conn| store::add_setup_code(conn, &hash, now))
        .await?;
    private_file::replace(file, format!("{code}\n").as_bytes()).map_err(failed)?;
    Ok(Some(code))
}

/// Whether the first owner is still to be created.
pub(super) async fn state(app: &App) -> Result<SetupState, Error> {
    let needed = !app.storage.readers.run(store::has_users).await?;
    Ok(SetupState {
        needed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Creates the first owner and logs them in.
pub(super) async fn set_up(app: &App, request: SetupRequest, address: String) -> Result<LoginReply, Error> {
    let SetupRequest {
        setup_code,
        username,
        password,
    } = request;
    let password = Zeroizing::new(password);
    check_username(&username)?;
    password::check(&password, &username)?;
    let subjects = [Subject::setup(), Subject::address(&address)];
    let (now, checked) = (app.clock.now(), subjects.clone());
    let wait = app
        .storage
        .writer
        .run(move |conn| count_attempt(conn, &checked, now))
        .await?;
    if let Some(retry_after_secs) = wait {
        return Err(Error::Throttled { retry_after_secs });
    }
    let password_hash = password::hash(app, password).await?;
    let code = SecretHash::of(&normal_code(&setup_code));
    let organization_id = app.organizations.first_id();
    let actor = Actor {
        name: "setup-code".to_owned(),
        address: address.clone(),
    };
    let role = Role::Owner.as_str().to_owned();
    let owner = NewUser {
        organization_id,
        username,
        password_hash,
        role,
        created_ms: now.0,
    };
    let user = app.storage.writer.run(move |conn| {
        if store::has_users(conn)? {
            let detail = "the first owner exists already; log in instead".to_owned();
            return Err(Error::Conflict {
                code: "already_set_up",
                detail,
            });
        }
        if !store::has_setup_code(conn, &code)? {
            return Err(Error::Unauthenticated(
                "the setup code is wrong; the server's log and its setup-code file have it",
            ));
        }
        store::end_setup(conn)?;
        let user = store::add_user(conn, &owner)?;
        let target = format!("user:{}", user.username);
        let (detail, outcome) = (json!({ "role": "owner" }), Outcome::Done);
        Entry {
            organization_id,
            at: now,
            actor: &actor,
            action: "auth.setup",
            target: &target,
            outcome,
            detail,
        }
        .write(conn)?;
        Ok(user)
    });
    let user = user.await?;
    if let Err(error) = std::fs::remove_file(&app.settings.setup_code_file) {
        tracing::warn!(error = %error, "the file of the setup code, which is used up, cannot be removed");
    }
    let actor = Actor {
        name: format!("user:{}", user.username),
        address,
    };
    begin_session(app, user, actor, subjects.to_vec()).await
}

fn check_username(username: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if (1..=64).contains(&username.len()) && username.chars().all(allowed) {
        return Ok(());
    }
    Err(Error::invalid(
        "username",
        "must be 1 to 64 characters of a-z A-Z 0-9 . _ - @",
    ))
}
