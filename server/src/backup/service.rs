//! Making, listing, sending and deleting backups in the configured folder.

use super::make::{self, Made};
use super::{archive, name, store};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::auth::Credential;
use crate::call::Caller;
use crate::clock::random;
use crate::error::Error;
use crate::storage::Conn;
use crate::{audit, signing};
use scm_protocol::backups::{Backup, BackupList};
use scm_protocol::ids::UnixMillis;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
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
        return Err(Error::Conflict {
            code: "backup_running",
            detail: "a backup is being made already: wait for it to appear in the list".to_owned(),
        });
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

async fn lease(app: &App, replica: &str, only_after_ms: Option<i64>) -> Result<bool, Error> {
    let (replica, now) = (replica.to_owned(), app.clock.now());
    let lease = move |conn: &mut Conn| {
        let free = store::lease(conn, &replica, now, now.plus(LEASE_MS))?;
        match only_after_ms {
            // Another replica made it since it was due.
            Some(ms) if free && !store::is_due(conn, now, ms)? => {
                store::release(conn, &replica, None)?;
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
    let mut work = tokio::task::spawn_blocking(move || {
        make::into_folder(&url, place.postgres_programs.as_deref(), &place.folder, now)
    });
    loop {
        tokio::select! {
            made = &mut work => {
                let made = made.map_err(|_| Error::internal("a backup panicked"))?;
                return made.map_err(|error| make::failed(&error));
            }
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
            json!({ "size_bytes": made.sums.size_bytes, "sha256": made.sums.sha256 }),
        ),
        Err(error) => {
            tracing::error!(error = %error, "a backup failed");
            (
                "backup".to_owned(),
                Outcome::Refused,
                json!({ "reason": error.to_string() }),
            )
        }
    };
    let (replica, begun) = (replica.to_owned(), made.as_ref().ok().map(|made| made.created));
    let (actor, at) = (actor.clone(), app.clock.now());
    let recorded = app.storage.writer.run(move |conn| {
        let ids = record_everywhere(conn, &actor, (action, &target), outcome, &detail, at)?;
        store::release(conn, &replica, begun)?;
        Ok(ids)
    });
    for id in recorded.await? {
        app.events.audited(id);
    }
    Ok(())
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
    let at = app.clock.now();
    let ids = app
        .storage
        .writer
        .run(move |conn| record_everywhere(conn, &actor, (action, &target), outcome, &detail, at));
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
    }
}

/// Deletes those that are too many.
async fn retain(app: &App) -> Result<(), Error> {
    let place = app.settings.backup.clone();
    let swept = tokio::task::spawn_blocking(move || -> std::io::Result<Vec<String>> {
        let mut deleted = Vec::new();
        for name in name::surplus(&names(&place.folder)?, place.keep as usize) {
            let path = place.folder.join(&name);
            fs::remove_file(&path)?;
            let _ = fs::remove_file(archive::sums_path(&path));
            deleted.push(name);
        }
        Ok(deleted)
    });
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

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|file| name::created(file).is_some()).collect())
}

/// The backups in this server's folder, newest first.
///
/// # Errors
/// When the folder cannot be read.
pub(super) async fn list(app: &App) -> Result<BackupList, Error> {
    let folder = app.settings.backup.folder.clone();
    let read = tokio::task::spawn_blocking(move || -> std::io::Result<Vec<Backup>> {
        let found = names(&folder)?.into_iter().filter_map(|name| {
            let path = folder.join(&name);
            Some(Backup {
                created_ms: name::created(&name)?,
                size_bytes: fs::metadata(&path).ok()?.len(),
                sha256: archive::read_sums(&path),
                name,
            })
        });
        let mut items: Vec<Backup> = found.collect();
        items.sort_unstable_by(|one, other| other.name.cmp(&one.name));
        Ok(items)
    });
    let items = read.await.map_err(|_| Error::internal("a listing panicked"))?;
    Ok(BackupList {
        items: items.map_err(|error| Error::internal(format!("reading the backups: {error}")))?,
        every_hours: app.settings.backup.every_hours,
        keep: app.settings.backup.keep,
        server_time_ms: app.clock.now(),
    })
}

/// A backup to be sent, and its size. Recorded before its first byte leaves.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn open(app: &App, actor: Actor, name: &str) -> Result<(tokio::fs::File, u64), Error> {
    // Nothing but a name of ours becomes part of a path.
    let none = || Error::NotFound("there is no such backup; GET /api/v1/backups lists them".to_owned());
    name::created(name).ok_or_else(none)?;
    let file = tokio::fs::File::open(app.settings.backup.folder.join(name))
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
