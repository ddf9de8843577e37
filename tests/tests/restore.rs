//! Restores (D2): the drill of docs/backup.md, never over a database in use, whole after a kill, and damaged backups refused.

use anyhow::{Context, Result, ensure};
use scm_protocol::auth::Role;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{BACKUPS, Database, Server, execute, mode, printed};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The drill of docs/backup.md.
async fn drill(database: Database) -> Result<()> {
    let mut server = Server::start_with_backups(database).await?;
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
    let backup = owner.api.make_backup().await?;
    assert!(
        taken.load(Ordering::Relaxed) > before,
        "check-ins waited for the backup"
    );
    stop.store(true, Ordering::Relaxed);
    let mut rogue = writing.await??;
    let stored = server.backup_file(&backup.name);
    assert_eq!(mode(&stored)?, 0o600);
    let list = admin.backups().await?;
    assert_eq!(list.items, std::slice::from_ref(&backup));
    let check = backup.check.as_ref().context("it was not checked")?;
    assert_eq!((check.fault.as_deref(), list.failure), (None, None));
    for name in ["none", "..%2fmaster.key", "openscm-x.backup"] {
        assert_eq!(
            admin.status("GET", &format!("{BACKUPS}/{name}")).await?,
            404,
            "{name}"
        );
    }
    let folder = tempfile::tempdir()?;
    let file = owner.api.download_backup(&backup, folder.path()).await?;
    assert_eq!(Some(sha256(&fs::read(&file)?)), backup.sha256);
    assert_eq!(
        admin.backup_actions().await?,
        ["backups.download", "backups.create"]
    );

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
    assert_eq!(there.backup_actions().await?, ["backups.restored"]);
    let verified = restored.command(&["audit", "verify"])?;
    ensure!(verified.status.success(), "{}", printed(&verified));
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
        !running.status.success() && printed(&running).contains("stop it first"),
        "{}",
        printed(&running)
    );
    let mut replica = server.replica().await?;
    server.stop()?;
    let elsewhere = server.command(&["restore", file, "--force"])?;
    ensure!(
        !elsewhere.status.success() && printed(&elsewhere).contains("stop every scmserver"),
        "{}",
        printed(&elsewhere)
    );
    assert_eq!(replica.admin()?.systems().await?.len(), 2, "nothing was changed");
    replica.stop()?;
    let unforced = server.command(&["restore", file])?;
    ensure!(
        !unforced.status.success() && printed(&unforced).contains("--force"),
        "{}",
        printed(&unforced)
    );
    let forced = server.command(&["restore", file, "--force"])?;
    ensure!(
        forced.status.success() && printed(&forced).contains("before"),
        "{}",
        printed(&forced)
    );
    server.start().await?;
    assert_eq!(server.admin()?.systems().await?.len(), 1);
    // And the command line makes another one, beside the running server.
    let made = server.command(&["backup"])?;
    ensure!(
        made.status.success() && printed(&made).contains("master.key"),
        "{}",
        printed(&made)
    );
    assert_eq!(
        server.admin()?.backup_actions().await?,
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

/// PostgreSQL goes on with an exchange of databases whose client was killed, and who connects at that very moment is told that
/// the database was just renamed: a second start finds it.
async fn start_beside_an_exchange(server: &mut Server) -> Result<()> {
    match server.start().await {
        Err(error) if format!("{error:#}").contains("just been dropped or renamed") => server.start().await,
        started => started,
    }
}

/// A restore that is killed at any moment leaves the database as it was or as it was to become, and the next one is not in
/// its way.
async fn killed(database: Database) -> Result<()> {
    let mut server = Server::start_with_backups(database).await?;
    let backup = server.admin()?.make_backup().await?;
    server.rogue()?.register("later").await?;
    server.stop()?;
    let file = server.backup_file(&backup.name);
    let restore = ["restore", &file.to_string_lossy(), "--force"].map(str::to_owned);
    let restore = restore.each_ref().map(String::as_str);
    let (mut delay, mut done) = (Duration::ZERO, false);
    while !done {
        let mut process = server
            .prepared(&restore)?
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        std::thread::sleep(delay);
        // One that has ended by itself has restored: nothing is in its way.
        done = process.try_wait()?.is_some();
        process.kill()?;
        let status = process.wait()?;
        ensure!(!done || status.success(), "after {delay:?}: {status}");
        start_beside_an_exchange(&mut server).await?;
        let admin = server.admin()?;
        let (systems, restored) = (admin.systems().await?.len(), admin.backup_actions().await?);
        let old = (1, vec!["backups.create".to_owned()]);
        let new = (0, vec!["backups.restored".to_owned()]);
        ensure!(
            (systems, &restored) == (old.0, &old.1) || (systems, &restored) == (new.0, &new.1),
            "killed after {delay:?}: {systems} systems, {restored:?}"
        );
        // The entry of a restore that was killed just after it had replaced the database.
        ensure!(!done || systems == 0, "restored, and nothing is");
        done = systems == 0;
        server.stop()?;
        delay = (delay * 2).max(Duration::from_millis(15));
    }
    let verified = server.command(&["audit", "verify"])?;
    ensure!(verified.status.success(), "{}", printed(&verified));
    let again = server.command(&restore)?;
    ensure!(again.status.success(), "{}", printed(&again));
    assert_eq!(left_over(&server)?, Vec::<String>::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_restore_leaves_the_old_or_the_new_on_sqlite() -> Result<()> {
    killed(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_restore_leaves_the_old_or_the_new_on_postgres() -> Result<()> {
    killed(Database::Postgres).await
}

/// What a restore that failed has left in the state folder.
fn left_over(server: &Server) -> Result<Vec<String>> {
    let names =
        fs::read_dir(server.state())?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: Vec<String> = names.collect::<Result<_>>()?;
    Ok(names
        .into_iter()
        .filter(|name| name.starts_with(".openscm"))
        .collect())
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
        members.pop().context("no sums")?;
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
        let sums = format!(
            "{}  manifest.json\n{}  database\n",
            sha256(&manifest),
            sha256(&self.database)
        );
        let members = [
            ("manifest.json", manifest),
            ("database", self.database),
            ("SHA256SUMS", sums.into_bytes()),
        ];
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(0o600);
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
        "appended" => fs::write(&to, [bytes.as_slice(), b"more"].concat())?,
        "a path" => {
            bytes[..16].copy_from_slice(b"../manifest.json");
            fs::write(&to, bytes)?;
        }
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
    let mut server = Server::start_with_backups(Database::Sqlite).await?;
    server.admin()?.make_tokens(0..40).await?;
    let backup = server.admin()?.make_backup().await?;
    server.stop()?;
    let stored = server.backup_file(&backup.name);
    let before = server.database_dump()?;
    let folder = tempfile::tempdir()?;
    let kinds = [
        ("flipped", "damaged"),
        ("truncated", "damaged"),
        ("appended", "behind its end"),
        ("a path", "does not hold `manifest.json`"),
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
        let said = printed(&refused);
        ensure!(
            !refused.status.success() && said.contains(expected) && said.contains("nothing was changed"),
            "{kind}: {said}"
        );
        assert_eq!(server.database_dump()?, before, "{kind} changed something");
    }
    assert_eq!(left_over(&server)?, Vec::<String>::new());
    Ok(())
}
