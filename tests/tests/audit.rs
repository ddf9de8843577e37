//! The audit (A1, A2, A4, A5): what is edited behind the server's back is named, search, heartbeats, and no secret in it.

use anyhow::{Result, ensure};
use scm_protocol::audit::{AuditChain, AuditPage};
use scm_protocol::auth::{LoginReply, Role};
use scm_protocol::enrollment::{CreateToken, CreatedToken};
use scm_tests::programs::{Database, Server, eventually};
use serde_json::json;
use std::fs;
use std::process::Output;

const PASSWORD: &str = "a correct horse battery staple";

/// What a command printed.
fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Makes audit entries: logins that fail.
async fn fail_logins(server: &Server, from: u32, count: u32) -> Result<()> {
    let anyone = server.client(None)?;
    for number in from..from + count {
        let login = json!({ "username": format!("user{number}"), "password": "wrong" });
        // Throttled ones leave no entry: the caller counts entries, not attempts.
        anyone.send("POST", "/api/v1/sessions", Some(&login)).await?;
    }
    Ok(())
}

/// Each of these is done to the database of a stopped server, found by `audit verify`, and undone.
const TAMPERINGS: &[(&str, &str, &str)] = &[
    (
        "UPDATE audit_entries SET actor = 'user:nobody' WHERE id = 4",
        "UPDATE audit_entries SET actor = 'local-admin' WHERE id = 4",
        "entry 4 was edited",
    ),
    (
        "CREATE TABLE aside AS SELECT * FROM audit_entries WHERE id = 5; DELETE FROM audit_entries WHERE id = 5",
        "INSERT INTO audit_entries SELECT * FROM aside; DROP TABLE aside",
        "entry 5 was deleted",
    ),
    (
        "UPDATE audit_entries SET id = 1000 WHERE id = 3; UPDATE audit_entries SET id = 3 WHERE id = 6; \
         UPDATE audit_entries SET id = 6 WHERE id = 1000",
        "UPDATE audit_entries SET id = 1000 WHERE id = 3; UPDATE audit_entries SET id = 3 WHERE id = 6; \
         UPDATE audit_entries SET id = 6 WHERE id = 1000",
        "entry 3 was moved: this is what entry 6 was",
    ),
    (
        "CREATE TABLE aside AS SELECT * FROM audit_entries WHERE id >= 7; DELETE FROM audit_entries WHERE id >= 7",
        "INSERT INTO audit_entries SELECT * FROM aside; DROP TABLE aside",
        "entries 7 to 8 were cut off",
    ),
    (
        "CREATE TABLE aside AS SELECT * FROM audit_entries WHERE id = 8; UPDATE aside SET id = 9; \
         INSERT INTO audit_entries SELECT * FROM aside",
        "DELETE FROM audit_entries WHERE id = 9; DROP TABLE aside",
        "entry 9 was inserted",
    ),
    (
        "UPDATE audit_anchors SET at_ms = at_ms + 1 WHERE entry_id = 8",
        "UPDATE audit_anchors SET at_ms = at_ms - 1 WHERE entry_id = 8",
        "the anchor at entry 8 does not hold",
    ),
];

async fn tampering_is_named(database: Database) -> Result<()> {
    let mut server = Server::builder().database(database).start().await?;
    server.admin()?.make_tokens(0..8).await?;
    let verify = |server: &Server| server.command(&["audit", "verify"]);
    let running = verify(&server)?;
    ensure!(running.status.success(), "beside the server: {}", text(&running));
    server.stop()?;
    let stopped = verify(&server)?;
    ensure!(
        stopped.status.success() && text(&stopped).contains("the newest is at entry 8"),
        "the end of the server leaves an anchor: {}",
        text(&stopped)
    );
    for (tamper, undo, expected) in TAMPERINGS {
        server.database_execute(tamper)?;
        let found = verify(&server)?;
        ensure!(
            !found.status.success() && text(&found).contains(expected),
            "{tamper}\nshould give: {expected}\ngave: {}",
            text(&found)
        );
        server.database_execute(undo)?;
        let again = verify(&server)?;
        ensure!(again.status.success(), "after {undo}: {}", text(&again));
    }
    // A running server finds it by itself.
    server.database_execute(TAMPERINGS[0].0)?;
    server.start().await?;
    let admin = server.admin()?;
    let chain = eventually("the server to notice", 30, async || {
        let chain: AuditChain = admin.get("/api/v1/audit/chain").await?;
        Ok((!chain.faults.is_empty()).then_some(chain))
    })
    .await?;
    assert!(
        chain.faults[0].contains("entry 4 was edited"),
        "{:?}",
        chain.faults
    );
    assert!(server.log().contains("the audit does not verify"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tampering_is_named_on_sqlite() -> Result<()> {
    tampering_is_named(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tampering_is_named_on_postgres() -> Result<()> {
    tampering_is_named(Database::Postgres).await
}

async fn search_finds(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    admin.make_tokens(0..3).await?;
    fail_logins(&server, 0, 2).await?;
    let found = async |query: &str| -> Result<Vec<i64>> {
        let page: AuditPage = admin.get(&format!("/api/v1/audit?{query}")).await?;
        Ok(page.items.iter().map(|entry| entry.id).collect())
    };
    assert_eq!(found("actor=local-admin").await?, [3, 2, 1]);
    assert_eq!(found("action=auth.*").await?, [5, 4]);
    assert_eq!(found("action=!auth.login").await?, [3, 2, 1]);
    assert_eq!(found("target=user:user1").await?, [5]);
    assert_eq!(found("outcome=refused&limit=1").await?, [5]);
    assert_eq!(found("text=TOKEN%20%5B1").await?, [2]);
    assert_eq!(found("text=100%25").await?, [0; 0], "% stands for itself");
    assert_eq!(found("to=2020-01-01").await?, [0; 0]);
    assert_eq!(found("from=2020-01-01&outcome=ok").await?, [3, 2, 1]);
    assert_eq!(found("cursor=3&limit=1").await?, [2]);
    let page: AuditPage = admin.get("/api/v1/audit?limit=2").await?;
    assert_eq!(page.items[0].previous_hash, page.items[1].hash);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_finds_by_every_field_on_both_databases() -> Result<()> {
    search_finds(Database::Sqlite).await?;
    search_finds(Database::Postgres).await
}

/// A1: heartbeats are recorded once per period, not with every check-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_heartbeat_is_recorded_once_and_not_where_it_is_switched_off() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut rogue = server.active_rogue().await?;
    for _ in 0..3 {
        let checkin = rogue.checkin()?;
        rogue.accepted(&checkin).await?;
    }
    let heartbeats = async || -> Result<usize> {
        Ok(admin
            .get::<AuditPage>("/api/v1/audit?action=systems.checkin")
            .await?
            .items
            .len())
    };
    assert_eq!(heartbeats().await?, 1);
    admin.change_setting("audit.heartbeat_minutes", json!(0)).await?;
    let mut other = server.rogue()?;
    other.register("other").await?;
    let checkin = other.checkin()?;
    other.accepted(&checkin).await?;
    assert_eq!(heartbeats().await?, 1);
    Ok(())
}

/// A3: what is old goes, what remains verifies, and that it was retention is signed.
async fn retention_leaves_what_verifies(database: Database) -> Result<()> {
    let mut server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    admin.make_tokens(0..5).await?;
    admin.change_setting("audit.retention_days", json!(1)).await?;
    server.stop()?;
    server.start_with_clock("+3d").await?;
    let admin = server.admin()?;
    let chain = eventually("old entries to go", 30, async || {
        let chain: AuditChain = admin.get("/api/v1/audit/chain").await?;
        Ok((chain.first_id == 7).then_some(chain))
    })
    .await?;
    assert_eq!(chain.faults, [""; 0]);
    let sweeps: AuditPage = admin.get("/api/v1/audit?action=audit.retention").await?;
    let detail = &sweeps.items[0].detail;
    assert_eq!(
        (detail["last"].as_i64(), detail["deleted"].as_i64()),
        (Some(6), Some(6))
    );
    assert!(admin.export_audit("").await?.contains(r#""start_id":6"#));
    let verified = server.command(&["audit", "verify"])?;
    ensure!(verified.status.success(), "{}", text(&verified));
    server.database_execute("DELETE FROM audit_anchors WHERE kind = 'cut'")?;
    let unsigned = server.command(&["audit", "verify"])?;
    ensure!(
        !unsigned.status.success() && text(&unsigned).contains("entries 1 to 6 were deleted"),
        "{}",
        text(&unsigned)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_leaves_what_verifies_on_both_databases() -> Result<()> {
    retention_leaves_what_verifies(Database::Sqlite).await?;
    retention_leaves_what_verifies(Database::Postgres).await
}

/// A5: nothing that opens anything stands in the audit or in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_the_audit_or_the_log() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let code = fs::read_to_string(server.state().join("setup-code"))?
        .trim()
        .to_owned();
    let anyone = server.client(None)?;
    let setup = json!({ "setup_code": code, "username": "jdoe", "password": PASSWORD });
    let owner: LoginReply = anyone
        .send("POST", "/api/v1/setup", Some(&setup))
        .await?
        .json()
        .await?;
    assert_eq!(owner.session.role, Role::Owner);
    let wrong = json!({ "username": "jdoe", "password": "not-the-password-4711" });
    anyone.send("POST", "/api/v1/sessions", Some(&wrong)).await?;
    let login = json!({ "username": "jdoe", "password": PASSWORD });
    let session = eventually("the throttle to let the right password in", 30, async || {
        let answer = anyone.send("POST", "/api/v1/sessions", Some(&login)).await?;
        Ok(if answer.status().is_success() {
            Some(answer.json::<LoginReply>().await?)
        } else {
            None
        })
    })
    .await?;
    let token = CreateToken {
        name: "site".to_owned(),
        ..CreateToken::default()
    };
    let made = admin
        .send("POST", "/api/v1/enrollment/tokens", Some(&token))
        .await?;
    let created: CreatedToken = made.json().await?;
    let mut rogue = server.rogue()?;
    rogue.register_with("web-1", Some(&created.secret)).await?;
    server
        .client(Some(&session.token))?
        .status("DELETE", "/api/v1/sessions/current")
        .await?;
    let local = fs::read_to_string(server.token_file())?;

    let audit = admin.export_audit("").await?;
    assert!(audit.lines().count() > 6, "{audit}");
    let log = server.log();
    let secrets = [
        ("password", PASSWORD),
        ("wrong password", "not-the-password-4711"),
        ("setup code", &code),
        ("session", &owner.token),
        ("session", &session.token),
        ("enrollment token", &created.secret),
        ("local token", local.trim()),
    ];
    for (name, secret) in secrets {
        assert!(!audit.contains(secret), "a {name} is in the audit");
        // The setup code is printed for the person in front of the first start, and nowhere in the log's lines.
        let logged = log
            .lines()
            .any(|line| line.contains(secret) && !line.contains("Setup code"));
        assert!(!logged, "a {name} is in the log");
    }
    Ok(())
}
