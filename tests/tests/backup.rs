//! Backups (D2): made while agents check in, restored elsewhere, refused when damaged, never over a database in use.

use anyhow::{Context, Result, ensure};
use scm_protocol::audit::AuditPage;
use scm_protocol::auth::Role;
use scm_protocol::backups::{Backup, BackupList};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Database, Server, execute, mode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tempfile::TempDir;

const BACKUPS: &str = "/api/v1/backups";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes).as_ref())
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// The programs of PostgreSQL that the tests were given.
fn sections() -> String {
    match std::env::var("SCM_POSTGRES_BIN_DIR") {
        Ok(folder) => format!("[backup]\npostgres_programs = \"{folder}\"\n"),
        Err(_) => String::new(),
    }
}

async fn start(database: Database) -> Result<Server> {
    Server::builder()
        .database(database)
        .sections(&sections())
        .start()
        .await
}

async fn make(admin: &Admin) -> Result<Backup> {
    admin.call("POST", BACKUPS, &Value::Null).await
}

/// Downloads a backup into a file.
async fn download(admin: &Admin, backup: &Backup, folder: &Path) -> Result<PathBuf> {
    let response = admin
        .send("GET", &format!("{BACKUPS}/{}", backup.name), None::<&()>)
        .await?;
    ensure!(response.status() == 200, "{}", response.status());
    let bytes = response.bytes().await?;
    assert_eq!(bytes.len() as u64, backup.size_bytes);
    assert_eq!(Some(sha256(&bytes)), backup.sha256);
    let path = folder.join(&backup.name);
    fs::write(&path, &bytes)?;
    Ok(path)
}

async fn actions(admin: &Admin) -> Result<Vec<String>> {
    let page: AuditPage = admin.get("/api/v1/audit?action=backups.*").await?;
    Ok(page.items.into_iter().map(|entry| entry.action).collect())
}

/// The drill of docs/backup.md.
async fn drill(database: Database) -> Result<()> {
    let mut server = start(database).await?;
    let admin = server.admin()?;
    let owner = server.person("jdoe", Role::Owner).await?;
    admin.make_tokens(0..3).await?;
    let mut rogue = server.active_rogue().await?;

    // Check-ins go on while the backup is made.
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (stopping, counted) = (Arc::clone(&stop), Arc::clone(&taken));
    let writing = tokio::spawn(async move {
        while !stopping.load(Ordering::Relaxed) {
            let checkin = rogue.checkin()?;
            rogue.accepted(&checkin).await?;
            counted.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(rogue)
    });
    let before = taken.load(Ordering::Relaxed);
    let backup = make(&owner.api).await?;
    assert!(
        taken.load(Ordering::Relaxed) > before,
        "check-ins waited for the backup"
    );
    stop.store(true, Ordering::Relaxed);
    let mut rogue = writing.await??;
    let stored = server.state().join("backups").join(&backup.name);
    assert_eq!(mode(&stored)?, 0o600);
    let list: BackupList = admin.get(BACKUPS).await?;
    assert_eq!(list.items, [backup.clone()]);
    for name in ["none", "..%2fmaster.key", "openscm-x.backup"] {
        assert_eq!(
            admin.status("GET", &format!("{BACKUPS}/{name}")).await?,
            404,
            "{name}"
        );
    }
    let folder = tempfile::tempdir()?;
    let file = download(&owner.api, &backup, folder.path()).await?;
    assert_eq!(actions(&admin).await?, ["backups.download", "backups.create"]);

    // What comes after the backup is not in it.
    let mut later = server.rogue()?;
    later.register("later").await?;

    let restored = server.restored(database, &file).await?;
    let there = restored.admin()?;
    let systems = there.systems().await?;
    assert_eq!(systems.len(), 1, "{systems:?}");
    assert_eq!(
        (systems[0].id, systems[0].status),
        (rogue.system, SystemStatus::Active)
    );
    let tokens: Value = there.get("/api/v1/enrollment/tokens").await?;
    assert_eq!(tokens["items"].as_array().context("no tokens")?.len(), 3);
    restored.log_in(owner.id, "jdoe").await?;
    let ended = restored
        .client(Some(&owner.token))?
        .status("GET", "/api/v1/account")
        .await?;
    assert_eq!(ended, 401, "a session of before the restore is alive");
    assert_eq!(actions(&there).await?, ["backups.restored"]);
    let verified = restored.command(&["audit", "verify"])?;
    ensure!(verified.status.success(), "{}", text(&verified));
    rogue.endpoint = restored.endpoint()?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;

    over_what_is_there(&mut server, &file).await
}

/// Restoring in place: never while a server runs, never over data without `--force`, and what was there is set aside.
async fn over_what_is_there(server: &mut Server, file: &Path) -> Result<()> {
    let file = file.to_str().context("UTF-8")?;
    let running = server.command(&["restore", file, "--force"])?;
    ensure!(
        !running.status.success() && text(&running).contains("stop it first"),
        "{}",
        text(&running)
    );
    let mut replica = server.replica().await?;
    server.stop()?;
    let elsewhere = server.command(&["restore", file, "--force"])?;
    ensure!(
        !elsewhere.status.success() && text(&elsewhere).contains("stop every scmserver"),
        "{}",
        text(&elsewhere)
    );
    assert_eq!(replica.admin()?.systems().await?.len(), 2, "nothing was changed");
    replica.stop()?;
    let unforced = server.command(&["restore", file])?;
    ensure!(
        !unforced.status.success() && text(&unforced).contains("--force"),
        "{}",
        text(&unforced)
    );
    let forced = server.command(&["restore", file, "--force"])?;
    ensure!(
        forced.status.success() && text(&forced).contains("before"),
        "{}",
        text(&forced)
    );
    server.start().await?;
    assert_eq!(server.admin()?.systems().await?.len(), 1);
    // And the command line makes another one, beside the running server.
    let made = server.command(&["backup"])?;
    ensure!(
        made.status.success() && text(&made).contains("master.key"),
        "{}",
        text(&made)
    );
    assert_eq!(
        actions(&server.admin()?).await?,
        ["backups.create", "backups.restored"]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_drill_on_sqlite() -> Result<()> {
    drill(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_drill_on_postgres() -> Result<()> {
    drill(Database::Postgres).await
}

/// A backup taken apart.
struct Parts {
    manifest: Value,
    database: Vec<u8>,
}

impl Parts {
    fn read(backup: &Path) -> Result<Parts> {
        let mut archive = tar::Archive::new(File::open(backup)?);
        let mut members = Vec::new();
        for entry in archive.entries()? {
            let mut bytes = Vec::new();
            entry?.read_to_end(&mut bytes)?;
            members.push(bytes);
        }
        let database = members.pop().context("no database")?;
        let manifest = serde_json::from_slice(&members.pop().context("no manifest")?)?;
        Ok(Parts { manifest, database })
    }

    /// Puts it together again with sums that fit.
    fn write(mut self, to: &Path) -> Result<()> {
        self.manifest["database"]["size_bytes"] = self.database.len().into();
        self.manifest["database"]["sha256"] = sha256(&self.database).into();
        let mut builder = tar::Builder::new(File::create(to)?);
        let manifest = serde_json::to_vec(&self.manifest)?;
        for (name, bytes) in [("manifest.json", manifest), ("database", self.database)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            builder.append_data(&mut header, name, Cursor::new(bytes))?;
        }
        Ok(builder.into_inner()?.sync_all()?)
    }
}

/// A damaged copy of a backup, by kind.
fn damaged(kind: &str, backup: &Path, folder: &TempDir) -> Result<PathBuf> {
    let to = folder.path().join(kind);
    let mut bytes = fs::read(backup)?;
    let mut parts = Parts::read(backup)?;
    let middle = bytes.len() / 2;
    match kind {
        "flipped" => {
            bytes[middle] ^= 1;
            fs::write(&to, bytes)?;
        }
        "truncated" => fs::write(&to, &bytes[..middle])?,
        "foreign" => fs::write(&to, b"SQLite format 3\0 and no backup".repeat(100))?,
        "newer" => {
            parts.manifest["schema_version"] = "00000000009999".into();
            parts.write(&to)?;
        }
        "newer format" => {
            parts.manifest["format"] = 2.into();
            parts.write(&to)?;
        }
        "other head" => {
            parts.manifest["organizations"][0]["audit_head"] = 1.into();
            parts.write(&to)?;
        }
        "edited" => {
            let database = folder.path().join("edited.db");
            fs::write(&database, &parts.database)?;
            let edit = "UPDATE audit_entries SET actor = 'user:nobody' WHERE id = 2";
            execute(&format!("sqlite://{}", database.display()), edit)?;
            parts.database = fs::read(&database)?;
            parts.write(&to)?;
        }
        _ => {
            // Pages in the middle of the file, with a manifest that fits.
            let middle = parts.database.len() / 2;
            parts.database[middle..middle + 20_000].fill(0xa5);
            parts.write(&to)?;
        }
    }
    Ok(to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_backup_is_refused_and_changes_nothing() -> Result<()> {
    let mut server = start(Database::Sqlite).await?;
    server.admin()?.make_tokens(0..40).await?;
    let backup = make(&server.admin()?).await?;
    server.stop()?;
    let stored = server.state().join("backups").join(&backup.name);
    let before = server.database_dump()?;
    let folder = tempfile::tempdir()?;
    let kinds = [
        ("flipped", "damaged"),
        ("truncated", "damaged"),
        ("foreign", "is no backup of OpenSCM"),
        ("newer", "newer than this program"),
        ("newer format", "has format 2"),
        ("other head", "the manifest says"),
        ("edited", "entry 2 was edited"),
        ("pages", "damaged"),
    ];
    for (kind, expected) in kinds {
        let file = damaged(kind, &stored, &folder)?;
        let refused = server.command(&["restore", file.to_str().context("UTF-8")?, "--force"])?;
        let said = text(&refused);
        ensure!(
            !refused.status.success() && said.contains(expected) && said.contains("nothing was changed"),
            "{kind}: {said}"
        );
        assert_eq!(server.database_dump()?, before, "{kind} changed something");
    }
    let names = fs::read_dir(server.state())?.map(|entry| Ok(entry?.file_name()));
    let names: Vec<_> = names.collect::<Result<_>>()?;
    let left = names
        .iter()
        .any(|name| name.to_string_lossy().contains("restore"));
    assert!(!left, "{names:?}");
    Ok(())
}

/// Where there are several organizations, none of their owners may have the data of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_of_one_of_several_organizations_gets_no_backup() -> Result<()> {
    let server = start(Database::Sqlite).await?;
    let owner = server.person("jdoe", Role::Owner).await?;
    let backup = make(&owner.api).await?;
    let (_, foreign) = server.organization("other").await?;
    let download = format!("{BACKUPS}/{}", backup.name);
    for api in [&owner.api, &foreign.api] {
        for (method, path) in [("GET", BACKUPS), ("POST", BACKUPS), ("GET", &download)] {
            let refused = api.refused(method, path, &Value::Null).await?;
            assert_eq!(
                refused,
                (409, "several_organizations".to_owned()),
                "{method} {path}"
            );
        }
    }
    make(&server.admin()?).await?;
    assert_eq!(actions(&foreign.api).await?, ["backups.create"], "each is told");
    Ok(())
}
