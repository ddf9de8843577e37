//! The first run: no default password. A one-time code, printed and written to a file that only the server's user and root
//! can read, lets whoever administers the machine create the first owner.

use super::attempt::count_attempt;
use super::begin::begin_first;
use super::password;
use super::secret::{SecretHash, normal_code, setup_code};
use super::store::{self, NewUser, User};
use super::throttle::Subject;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::private_file;
use crate::storage::{Conn, hold_organization};
use scm_protocol::auth::{LoginReply, Role, SetupRequest, SetupState};
use scm_protocol::ids::UnixMillis;
use scm_protocol::users::username_problem;
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
    let first = app.organizations.first_id();
    if has_users(app, first).await? {
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
        .run(move |conn| store::add_setup_code(conn, first, &hash, now))
        .await?;
    private_file::replace(file, format!("{code}\n").as_bytes()).map_err(failed)?;
    Ok(Some(code))
}

async fn has_users(app: &App, organization_id: i64) -> Result<bool, Error> {
    app.storage
        .readers
        .run(move |conn| store::has_users(conn, organization_id))
        .await
}

/// Makes a setup code for a new organization, in the transaction that adds it.
///
/// # Errors
/// When the database fails.
pub fn add_setup_code(
    conn: &mut Conn,
    organization_id: i64,
    code: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    store::add_setup_code(conn, organization_id, &SecretHash::of(&normal_code(code)), now)
}

/// Whether the first owner is still to be created.
pub(super) async fn state(app: &App) -> Result<SetupState, Error> {
    let needed = !has_users(app, app.organizations.first_id()).await?;
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
    let first = app.organizations.first_id();
    let new = NewUser {
        organization_id: first,
        username,
        password_hash,
        role: Role::Owner.as_str().to_owned(),
        created_ms: now.0,
    };
    let actor = Actor {
        name: "setup-code".to_owned(),
        address: address.clone(),
    };
    let created = app
        .storage
        .writer
        .run(move |conn| create_owner(conn, new, &code, first, &actor, now));
    let user = created.await?;
    if user.organization_id == first
        && let Err(error) = std::fs::remove_file(&app.settings.setup_code_file)
    {
        tracing::warn!(error = %error, "the file of the setup code, which is used up, cannot be removed");
    }
    app.storage
        .writer
        .run(move |conn| store::forget_failures(conn, &Subject::setup()))
        .await?;
    begin_first(app, user, address).await
}

/// The first owner of the organization that the code was made for.
fn create_owner(
    conn: &mut Conn,
    new: NewUser,
    code: &SecretHash,
    first: i64,
    actor: &Actor,
    at: UnixMillis,
) -> Result<User, Error> {
    let Some(organization_id) = store::setup_organization(conn, code, first)? else {
        if store::has_users(conn, first)? {
            return Err(Error::Conflict {
                code: "already_set_up",
                detail:
                    "this setup code is wrong or used up, and the first owner exists already; log in instead"
                        .to_owned(),
            });
        }
        return Err(Error::Unauthenticated(
            "the setup code is wrong; the server's log and its setup-code file have it",
        ));
    };
    hold_organization(conn, organization_id)?;
    if store::user(conn, &new.username)?.is_some() {
        return Err(Error::Conflict {
            code: "name_taken",
            detail: format!("there is a user named `{}` already", new.username),
        });
    }
    store::end_setup(conn, organization_id, first)?;
    let user = store::add_user(
        conn,
        &NewUser {
            organization_id,
            ..new
        },
    )?;
    Entry {
        organization_id,
        at,
        actor,
        action: "auth.setup",
        target: &format!("user:{}", user.username),
        outcome: Outcome::Done,
        detail: json!({ "role": "owner" }),
    }
    .write(conn)?;
    Ok(user)
}

fn check_username(username: &str) -> Result<(), Error> {
    username_problem(username).map_or(Ok(()), |reason| Err(Error::invalid("username", reason)))
}
