//! The audit (A1 to A5): what is edited behind the server's back is named, exports verify by themselves, search, retention,
//! and no secret in it.

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use scm_protocol::audit::{AuditChain, AuditPage, ExportLine};
use scm_protocol::auth::{LoginReply, Role};
use scm_protocol::enrollment::{CreateToken, CreatedToken};
use scm_protocol::problem::Problem;
use scm_tests::programs::{Admin, Database, Server, binary, eventually};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

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

/// Makes exactly so many entries: tokens.
async fn make_tokens(admin: &Admin, count: u32) -> Result<()> {
    for number in 0..count {
        let token = CreateToken {
            name: format!("token {number}"),
            ..CreateToken::default()
        };
        let made = admin
            .send("POST", "/api/v1/enrollment/tokens", Some(&token))
            .await?;
        ensure!(made.status() == 201, "{}", made.text().await?);
    }
    Ok(())
}

async fn export(admin: &Admin, query: &str) -> Result<String> {
    let path = format!("/api/v1/audit/export{query}");
    let response = admin.send("GET", &path, None::<&()>).await?;
    ensure!(response.status().is_success(), "{}", response.text().await?);
    Ok(response.text().await?)
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
    make_tokens(&server.admin()?, 8).await?;
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

fn verify_export(file: &Path) -> Result<Output> {
    // No configuration, no server, another folder.
    let mut command = Command::new(binary("scmserver")?);
    command
        .current_dir("/")
        .args(["audit", "verify-export"])
        .arg(file);
    Ok(command.output()?)
}

fn python_verifies(file: &Path) -> Result<Output> {
    let python = std::env::var_os("SCM_PYTHON").unwrap_or_else(|| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/verify_audit.py");
    Ok(Command::new(python).arg(script).arg(file).output()?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_verifies_by_itself_here_and_in_python() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    make_tokens(&admin, 5).await?;
    let exported = export(&admin, "").await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("audit.jsonl");
    let lines: Vec<&str> = exported.lines().collect();
    let at = |start: &str| {
        let found = lines.iter().position(|line| line.starts_with(start));
        found.with_context(|| format!("no line {start}"))
    };
    let fourth = at(r#"{"type":"entry","organization_id":1,"id":4,"#)?;
    let mut edited: Vec<String> = lines.iter().map(ToString::to_string).collect();
    edited[fourth] = edited[fourth].replace("local-admin", "local-nobody");
    let without = |drop: usize| {
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != drop);
        kept.map(|(_, line)| (*line).to_owned()).collect::<Vec<_>>()
    };
    let mut swapped = without(fourth);
    swapped.insert(fourth - 1, lines[fourth].to_owned());
    let cut_off: Vec<String> = lines[..fourth].iter().map(ToString::to_string).collect();
    let unsigned = without(at(r#"{"type":"anchor""#)?);
    let cases = [
        (lines.iter().map(ToString::to_string).collect(), "verified"),
        (edited, "entry 4 was edited"),
        (without(fourth), "deleted"),
        (swapped, "moved"),
        (cut_off, "cut off"),
        (unsigned, "cut off"),
    ];
    for (lines, expected) in cases {
        fs::write(&file, lines.join("\n") + "\n")?;
        for output in [verify_export(&file)?, python_verifies(&file)?] {
            let good = expected == "verified";
            ensure!(
                output.status.success() == good && text(&output).contains(expected),
                "expected {expected}: {}",
                text(&output)
            );
        }
    }
    let last = admin.audit().await?;
    assert_eq!(
        last.items[0].action, "audit.export",
        "the export is recorded itself"
    );
    ensure!(verify_export(Path::new("/etc/hostname"))?.status.code() == Some(1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_are_filtered_and_quoted_and_bad_values_are_named() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    make_tokens(&admin, 3).await?;
    fail_logins(&server, 0, 2).await?;
    let anyone = server.client(None)?;
    let formula = json!({ "username": "=cmd|' /C calc'!A0,\"x\"", "password": "wrong" });
    anyone.send("POST", "/api/v1/sessions", Some(&formula)).await?;

    let csv = export(&admin, "?format=csv&action=auth.login").await?;
    let rows: Vec<&str> = csv
        .split("\r\n")
        .filter(|row| row.starts_with("entry,"))
        .collect();
    assert_eq!(rows.len(), 3, "{csv}");
    assert!(
        rows[2].contains(r#""user:=cmd|' /C calc'!A0,""x""""#),
        "{}",
        rows[2]
    );

    let some = export(&admin, "?action=auth.login&outcome=refused").await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("some.jsonl");
    fs::write(&file, &some)?;
    let verified = verify_export(&file)?;
    ensure!(
        verified.status.success() && text(&verified).contains("filtered"),
        "{}",
        text(&verified)
    );
    let entries = some
        .lines()
        .map(serde_json::from_str::<ExportLine>)
        .filter(|line| matches!(line, Ok(ExportLine::Entry(entry)) if entry.action == "auth.login"));
    assert_eq!(entries.count(), 3);

    for (query, field) in [
        ("format=xml", "format"),
        ("from=soon", "from"),
        ("outcome=maybe", "outcome"),
        ("from=2026-01-02&to=2026-01-01", "from"),
        ("colour=red", "colour"),
    ] {
        for path in ["/api/v1/audit/export", "/api/v1/audit"] {
            let answer = admin.send("GET", &format!("{path}?{query}"), None::<&()>).await?;
            assert_eq!(
                answer.status(),
                StatusCode::UNPROCESSABLE_ENTITY,
                "{path}?{query}"
            );
            let problem: Problem = answer.json().await?;
            let named = problem.field.as_deref() == Some(field) || problem.detail.contains(field);
            assert!(named, "{path}?{query}: {problem:?}");
        }
    }
    Ok(())
}

async fn search_finds(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    make_tokens(&admin, 3).await?;
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
    assert_eq!(found("text=TOKEN%201").await?, [2]);
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

/// Reads an export to its end; its size, and the most memory that the server had meanwhile.
async fn exported_kib(server: &mut Server, admin: &Admin) -> Result<(u64, u64)> {
    let path = "/api/v1/audit/export?action=x";
    let mut response = admin.send("GET", path, None::<&()>).await?;
    let (mut bytes, mut most) = (0_usize, 0);
    while let Some(chunk) = response.chunk().await? {
        if bytes / 1_000_000 != (bytes + chunk.len()) / 1_000_000 {
            most = most.max(server.resident_kib()?);
        }
        bytes += chunk.len();
    }
    Ok((u64::try_from(bytes / 1024)?, most))
}

/// A thousand times what a screen shows, and the server grows by no more than a few chunks of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_entries_are_exported_in_constant_memory() -> Result<()> {
    let mut server = Server::start_default().await?;
    make_tokens(&server.admin()?, 1).await?;
    // Filtered by an action, an export may have gaps: copies of one entry will do.
    server.database_execute(
        "INSERT INTO audit_entries WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) \
         SELECT organization_id, 1000000 + i, at_ms, actor, address, 'x', target, outcome, \
         '{\"padding\":\"' || hex(zeroblob(200)) || '\"}', previous_hash, hash FROM audit_entries, n WHERE id = 1; \
         UPDATE organizations SET audit_head = 1050000",
    )?;
    let admin = server.admin()?;
    export(&admin, "?limit=1")
        .await
        .expect_err("an export has no limit");
    let small = export(&admin, "?action=auth.login").await?;
    assert!(small.lines().count() < 5);
    // The first one warms the database's caches, which are bounded on their own.
    let (first, _) = exported_kib(&mut server, &admin).await?;
    let before = server.resident_kib()?;
    let (second, most) = exported_kib(&mut server, &admin).await?;
    assert!(first > 30_000 && second == first, "{first} and {second} KiB");
    let grown = most.saturating_sub(before);
    assert!(
        grown < second / 8,
        "the server grew by {grown} KiB for an export of {second} KiB"
    );
    // A client that goes away frees its place.
    for _ in 0..5 {
        let gone = admin
            .send("GET", "/api/v1/audit/export?action=x", None::<&()>)
            .await?;
        if gone.status().is_success() {
            drop(gone);
        }
    }
    eventually("a place for another export", 20, async || {
        let answer = admin
            .send("GET", "/api/v1/audit/export?action=auth.login", None::<&()>)
            .await?;
        Ok(answer.status().is_success().then_some(()))
    })
    .await
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
    let off = admin
        .send(
            "PUT",
            "/api/v1/settings/audit.heartbeat_minutes",
            Some(&json!({ "value": 0 })),
        )
        .await?;
    ensure!(off.status().is_success(), "{}", off.text().await?);
    let mut other = server.rogue()?;
    other.register("other").await?;
    let checkin = other.checkin()?;
    other.accepted(&checkin).await?;
    assert_eq!(heartbeats().await?, 1);
    Ok(())
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

    let audit = export(&admin, "").await?;
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
