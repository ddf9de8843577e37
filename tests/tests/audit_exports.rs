//! Exports of the audit: they verify by themselves, are filtered and quoted, and take constant memory.

use anyhow::{Context, Result, ensure};
use reqwest::StatusCode;
use scm_protocol::audit::ExportLine;
use scm_protocol::problem::Problem;
use scm_tests::programs::{Admin, Server, binary, eventually};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

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
    admin.make_tokens(0..5).await?;
    let exported = admin.export_audit("").await?;
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
    admin.make_tokens(0..3).await?;
    fail_logins(&server, 0, 2).await?;
    let anyone = server.client(None)?;
    let formula = json!({ "username": "=cmd|' /C calc'!A0,\"x\"", "password": "wrong" });
    anyone.send("POST", "/api/v1/sessions", Some(&formula)).await?;

    let csv = admin.export_audit("?format=csv&action=auth.login").await?;
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

    let some = admin.export_audit("?action=auth.login&outcome=refused").await?;
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

/// A thousand times what a screen shows, and the server does not grow by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_entries_are_exported_in_constant_memory() -> Result<()> {
    let mut server = Server::start_default().await?;
    server.admin()?.make_tokens(0..1).await?;
    // Filtered by an action, an export may have gaps: copies of one entry will do.
    server.database_execute(
        "INSERT INTO audit_entries WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) \
         SELECT organization_id, 1000000 + i, at_ms, actor, address, 'x', target, outcome, \
         '{\"padding\":\"' || hex(zeroblob(400)) || '\"}', previous_hash, hash FROM audit_entries, n WHERE id = 1; \
         UPDATE organizations SET audit_head = 1050000",
    )?;
    let admin = server.admin()?;
    admin
        .export_audit("?limit=1")
        .await
        .expect_err("an export has no limit");
    let small = admin.export_audit("?action=auth.login").await?;
    assert!(small.lines().count() < 5);
    // The first one warms the cache of a reading connection. Another one's may warm up meanwhile, with 16 MiB at most: the
    // bound is between that and what a server would need that holds the export whole.
    let (first, _) = exported_kib(&mut server, &admin).await?;
    let before = server.resident_kib()?;
    let (second, most) = exported_kib(&mut server, &admin).await?;
    assert!(first > 50_000 && second == first, "{first} and {second} KiB");
    let grown = most.saturating_sub(before);
    assert!(
        grown < second / 2,
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
