//! Backups (D2): checked, scheduled, swept, and for whom they are. How they are restored: `restore.rs`.

use anyhow::{Context, Result};
use scm_protocol::audit::AuditPage;
use scm_protocol::auth::Role;
use scm_protocol::backups::Backup;
use scm_tests::programs::{BACKUPS, Database, Server, eventually};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A check finds what happened to a file since it was made, and a folder that cannot be written is said to be the reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_and_a_failure_are_shown() -> Result<()> {
    let server = Server::start_with_backups(Database::Sqlite).await?;
    let owner = server.person("jdoe", Role::Owner).await?.api;
    let backup = owner.make_backup().await?;
    let check = format!("{BACKUPS}/{}/check", backup.name);
    let sound: Backup = owner.call("POST", &check, &Value::Null).await?;
    assert_eq!(sound.check.context("it was not checked")?.fault, None);
    let folder = server.state().join("backups");
    let file = folder.join(&backup.name);
    let mut bytes = fs::read(&file)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes)?;
    let damaged: Backup = owner.call("POST", &check, &Value::Null).await?;
    let fault = damaged
        .check
        .clone()
        .and_then(|check| check.fault)
        .context("no fault")?;
    assert!(fault.contains("damaged"), "{fault}");
    assert_eq!(owner.backups().await?.items, [damaged]);
    let missing = format!("{BACKUPS}/openscm-20260921T141320123Z.backup/check");
    assert_eq!(owner.refused("POST", &missing, &Value::Null).await?.0, 404);

    fs::remove_dir_all(&folder)?;
    fs::write(&folder, b"in the way")?;
    let refused = owner.refused("POST", BACKUPS, &Value::Null).await?;
    assert_eq!(refused, (409, "backup_failed".to_owned()));
    fs::remove_file(&folder)?;
    let failure = owner.backups().await?.failure.context("no failure")?;
    assert!(failure.reason.contains("backups"), "{}", failure.reason);
    owner.make_backup().await?;
    assert_eq!(owner.backups().await?.failure, None);
    assert_eq!(
        server.admin()?.backup_actions().await?,
        [
            "backups.create",
            "backups.create",
            "backups.check",
            "backups.check",
            "backups.create"
        ]
    );
    Ok(())
}

/// The schedule makes one that is due, and takes away the oldest; the time is shifted by a library that is put into the
/// server's process, which is noticed and recorded (D7).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduled_one_is_made_and_the_oldest_goes() -> Result<()> {
    let sections = "[backup]\nevery_hours = 1\nkeep = 2\n";
    let mut server = Server::builder().sections(sections).start().await?;
    let admin = server.admin()?;
    let (oldest, newer) = (admin.make_backup().await?, admin.make_backup().await?);
    let next = admin.backups().await?.next_ms;
    assert_eq!(next, Some(newer.created_ms.plus(3_600_000)));
    server.stop()?;
    server.start_with_clock("+2h").await?;
    let admin = server.admin()?;
    // Made, swept and recorded: the audit of the sweep comes last.
    let done = eventually("the scheduled backup and the sweep after it", 60, async || {
        let done = admin.backup_actions().await?;
        Ok(done
            .iter()
            .any(|action| action == "backups.retention")
            .then_some(done))
    });
    assert_eq!(
        done.await?,
        [
            "backups.retention",
            "backups.scheduled",
            "backups.create",
            "backups.create"
        ]
    );
    let kept = admin.backups().await?.items;
    assert_eq!((kept.len(), &kept[1]), (2, &newer));
    let gone = server.backup_file(&oldest.name);
    for suffix in ["", ".sha256", ".checked"] {
        let path = format!("{}{suffix}", gone.display());
        assert!(!Path::new(&path).exists(), "{path} is still there");
    }
    let audit: AuditPage = admin.get("/api/v1/audit?action=server.preloaded").await?;
    let found = audit
        .items
        .first()
        .context("an injected library was not recorded")?;
    assert!(
        found.detail["found"].to_string().contains("faketime"),
        "{}",
        found.detail
    );
    Ok(())
}

/// Where there are several organizations, none of their owners may have the data of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_of_one_of_several_organizations_gets_no_backup() -> Result<()> {
    let server = Server::start_with_backups(Database::Sqlite).await?;
    let owner = server.person("jdoe", Role::Owner).await?;
    let backup = owner.api.make_backup().await?;
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
    server.admin()?.make_backup().await?;
    assert_eq!(
        foreign.api.backup_actions().await?,
        ["backups.create"],
        "each is told"
    );
    Ok(())
}
