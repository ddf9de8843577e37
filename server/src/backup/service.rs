//! Making, listing, sending and deleting backups in the configured folder.

use super::make::{self, Made};
use super::{checked, folder, schedule, store, verify};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::auth::Credential;
use crate::call::Caller;
use crate::clock::random;
use crate::error::Error;
use crate::storage::Conn;
use crate::{audit, signing};
use scm_protocol::backups::{Backup, BackupFailure, BackupList};
use scm_protocol::ids::UnixMillis;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long the right to make a backup outlives a replica that dies while it makes one.
const LEASE_MS: i64 = 120_000;
/// How often it is renewed.
const RENEW: Duration = Duration::from_secs(30);

/// A backup holds every organization's data, so that an owner of one may have it only where there is no other.
///
/// # Errors
/// [`Error::Conflict`] `several_organizations`, and when the database fails.
pub(super) async fn may(app: &App, caller: &Caller) -> Result<(), Error> {
    if caller.principal.credential == Credential::LocalAdmin {
        return Ok(());
    }
    let organizations = app.storage.readers.run(signing::names).await?;
    if organizations.len() == 1 {
        return Ok(());
    }
    Err(Error::Conflict {
        code: "several_organizations",
        detail: "a backup holds the data of every organization on this server: only its local administrator may make, list or download one".to_owned(),
    })
}

/// Makes a backup, and deletes those that are too many. With `only_after_ms`, only when the last one is so old.
///
/// # Errors
/// [`Error::Conflict`] `backup_running` or `backup_failed`, and when the database fails.
pub(super) async fn create(
    app: &Arc<App>,
    actor: Actor,
    action: &'static str,
    only_after_ms: Option<i64>,
) -> Result<Backup, Error> {
    let replica = audit::chain::hex(&random::<8>()?);
    if !lease(app, &replica, only_after_ms).await? {
        return Err(running());
    }
    // Goes on when the caller goes.
    let app = Arc::clone(app);
    let task = tokio::spawn(async move {
        let made = make_leased(&app, &replica).await;
        let recorded = record_made(&app, &replica, &actor, action, &made).await;
        let made = made?;
        recorded?;
        if let Err(error) = retain(&app).await {
            tracing::warn!(error = %error, "old backups could not be deleted, it is tried again after the next one");
        }
        Ok(shown(&made))
    });
    task.await.map_err(|_| Error::internal("a backup panicked"))?
}

/// Checks a backup as a restore would, and remembers what was found.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] `backup_running`, and when the database or the disk fails.
pub(super) async fn check(app: &Arc<App>, actor: Actor, name: &str) -> Result<Backup, Error> {
    let path = path_of(app, name)?;
    let replica = audit::chain::hex(&random::<8>()?);
    if !lease(app, &replica, None).await? {
        return Err(running());
    }
    let (app, name) = (Arc::clone(app), name.to_owned());
    let task = tokio::spawn(async move {
        let checked = check_leased(&app, &replica, path.clone()).await;
        let (outcome, detail) = match &checked {
            Ok(None) => (Outcome::Done, json!({})),
            Ok(Some(fault)) => (Outcome::Refused, json!({ "fault": fault })),
            Err(error) => (Outcome::Refused, json!({ "reason": error.to_string() })),
        };
        record_and(
            &app,
            actor,
            ("backups.check", target(&name)),
            (outcome, detail),
            move |conn| store::release(conn, &replica),
        )
        .await?;
        checked?;
        folder::listed(&path, name).ok_or_else(none)
    });
    task.await
        .map_err(|_| Error::internal("a check of a backup panicked"))?
}

/// What is wrong with a backup, if anything is.
async fn check_leased(app: &App, replica: &str, path: PathBuf) -> Result<Option<String>, Error> {
    let (place, now) = (app.settings.backup.clone(), app.clock.now());
    let work = place.folder.join(format!("{}-check", make::partial(now)));
    keep_lease(app, replica, move || {
        let programs = place.postgres_programs.as_deref();
        let fault = verify::backup(&path, &work, programs).err();
        let _ = fs::remove_file(&work);
        let fault = fault.map(|error| format!("{error:#}"));
        let kept = checked::write(&path, now, fault.clone());
        kept.map_err(|error| Error::internal(format!("keeping what a check found: {error}")))?;
        Ok(fault)
    })
    .await
}

fn running() -> Error {
    Error::Conflict {
        code: "backup_running",
        detail: "a backup is being made or checked already: wait until that is done".to_owned(),
    }
}

async fn lease(app: &App, replica: &str, only_after_ms: Option<i64>) -> Result<bool, Error> {
    let (replica, now) = (replica.to_owned(), app.clock.now());
    let lease = move |conn: &mut Conn| {
        let free = store::lease(conn, &replica, now, now.plus(LEASE_MS))?;
        match only_after_ms {
            // Another replica made it since it was due.
            Some(ms) if free && !store::is_due(conn, now, ms)? => {
                store::release(conn, &replica)?;
                Ok(false)
            }
            _ => Ok(free),
        }
    };
    app.storage.writer.run(lease).await
}

async fn make_leased(app: &App, replica: &str) -> Result<Made, Error> {
    let (url, place, now) = (
        app.storage.readers.url().clone(),
        app.settings.backup.clone(),
        app.clock.now(),
    );
    keep_lease(app, replica, move || {
        let made = make::into_folder(&url, place.postgres_programs.as_deref(), &place.folder, now);
        made.map_err(|error| make::failed(&error))
    })
    .await
}

/// Runs blocking work, and renews the right to do it until it is done.
async fn keep_lease<T: Send + 'static>(
    app: &App,
    replica: &str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let mut work = tokio::task::spawn_blocking(work);
    loop {
        tokio::select! {
            done = &mut work => return done.map_err(|_| Error::internal("work on a backup panicked"))?,
            () = tokio::time::sleep(RENEW) => {
                if let Err(error) = lease(app, replica, None).await {
                    tracing::warn!(error = %error, "the right to make a backup could not be renewed");
                }
            }
        }
    }
}

/// Records a backup or its failure, and gives the right to make one back.
async fn record_made(
    app: &App,
    replica: &str,
    actor: &Actor,
    action: &'static str,
    made: &Result<Made, Error>,
) -> Result<(), Error> {
    let (target, outcome, detail) = match made {
        Ok(made) => (
            target(&file_name(&made.path)),
            Outcome::Done,
            json!({ "size_bytes": made.sums.size_bytes, "sha256": made.sums.sha256, "fault": made.fault }),
        ),
        Err(error) => (
            "backup".to_owned(),
            Outcome::Refused,
            json!({ "reason": error.to_string() }),
        ),
    };
    if let Ok(Made {
        fault: Some(fault), ..
    }) = made
    {
        tracing::error!(fault = %fault, "a backup was made, and a restore would refuse it");
    }
    let (replica, at) = (replica.to_owned(), app.clock.now());
    let noted = match made {
        Ok(made) => Ok(made.created),
        Err(error) => Err(error.to_string()),
    };
    record_and(
        app,
        actor.clone(),
        (action, target),
        (outcome, detail),
        move |conn| {
            match noted {
                Ok(begun) => store::note_made(conn, begun)?,
                Err(reason) => store::note_failed(conn, at, &reason)?,
            }
            store::release(conn, &replica)
        },
    )
    .await
}

/// Records in every organization's audit what concerns all of them.
async fn record(
    app: &App,
    actor: Actor,
    action: &'static str,
    target: String,
    outcome: Outcome,
    detail: Value,
) -> Result<(), Error> {
    record_and(app, actor, (action, target), (outcome, detail), |_| Ok(())).await
}

/// As [`record`], with what belongs into the same transaction.
async fn record_and(
    app: &App,
    actor: Actor,
    (action, target): (&'static str, String),
    (outcome, detail): (Outcome, Value),
    with: impl FnOnce(&mut Conn) -> Result<(), Error> + Clone + Send + 'static,
) -> Result<(), Error> {
    let at = app.clock.now();
    let ids = app.storage.writer.run(move |conn| {
        with(conn)?;
        record_everywhere(conn, &actor, (action, &target), outcome, &detail, at)
    });
    for id in ids.await? {
        app.events.audited(id);
    }
    Ok(())
}

/// As [`record`], for programs without a server; ids of the organizations.
///
/// # Errors
/// When the database fails.
pub(super) fn record_everywhere(
    conn: &mut Conn,
    actor: &Actor,
    (action, target): (&str, &str),
    outcome: Outcome,
    detail: &Value,
    at: UnixMillis,
) -> Result<Vec<i64>, Error> {
    let names = signing::names(conn)?;
    let ids: Vec<i64> = names.into_iter().map(|(_, id)| id).collect();
    let entry = |organization_id: &i64| Entry {
        organization_id: *organization_id,
        at,
        actor,
        action,
        target,
        outcome,
        detail: detail.clone(),
    };
    let entries: Vec<Entry<'_>> = ids.iter().map(entry).collect();
    store::record(conn, &entries)?;
    Ok(ids)
}

fn target(name: &str) -> String {
    format!("backup:{name}")
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn shown(made: &Made) -> Backup {
    Backup {
        name: file_name(&made.path),
        created_ms: made.created,
        size_bytes: made.sums.size_bytes,
        sha256: Some(made.sums.sha256.clone()),
        check: checked::read(&made.path),
    }
}

fn path_of(app: &App, name: &str) -> Result<PathBuf, Error> {
    folder::path_of(&app.settings.backup.folder, name).ok_or_else(none)
}

fn none() -> Error {
    Error::NotFound("there is no such backup; GET /api/v1/backups lists them".to_owned())
}

/// Deletes those that are too many.
async fn retain(app: &App) -> Result<(), Error> {
    let place = app.settings.backup.clone();
    let swept = tokio::task::spawn_blocking(move || folder::sweep(&place.folder, place.keep as usize));
    let deleted = swept.await.map_err(|_| Error::internal("a sweep panicked"))?;
    let deleted = deleted.map_err(|error| Error::internal(format!("deleting old backups: {error}")))?;
    if deleted.is_empty() {
        return Ok(());
    }
    let detail = json!({ "deleted": deleted, "keep": app.settings.backup.keep });
    let target = "backup".to_owned();
    record(
        app,
        Actor::server(),
        "backups.retention",
        target,
        Outcome::Done,
        detail,
    )
    .await
}

/// The backups in this server's folder, newest first.
///
/// # Errors
/// When the folder cannot be read.
pub(super) async fn list(app: &App) -> Result<BackupList, Error> {
    let folder = app.settings.backup.folder.clone();
    let read = tokio::task::spawn_blocking(move || folder::list(&folder));
    let items = read.await.map_err(|_| Error::internal("a listing panicked"))?;
    let items = items.map_err(|error| Error::internal(format!("reading the backups: {error}")))?;
    let past = app.storage.readers.run(store::past).await?;
    let place = &app.settings.backup;
    let next = past
        .as_ref()
        .and_then(|past| schedule::next(place, UnixMillis(past.last_ms)));
    let failure = past.and_then(|past| {
        Some(BackupFailure {
            at_ms: UnixMillis(past.failed_ms?),
            reason: past.failure?,
        })
    });
    Ok(BackupList {
        items,
        folder: place.folder.display().to_string(),
        every_hours: place.every_hours,
        keep: place.keep,
        next_ms: next,
        failure,
        server_time_ms: app.clock.now(),
    })
}

/// A backup to be sent, and its size. Recorded before its first byte leaves.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn open(app: &App, actor: Actor, name: &str) -> Result<(tokio::fs::File, u64), Error> {
    let file = tokio::fs::File::open(path_of(app, name)?)
        .await
        .map_err(|_| none())?;
    let metadata = file.metadata().await.map_err(|_| none())?;
    let detail = json!({ "size_bytes": metadata.len() });
    record(
        app,
        actor,
        "backups.download",
        target(name),
        Outcome::Done,
        detail,
    )
    .await?;
    Ok((file, metadata.len()))
}
