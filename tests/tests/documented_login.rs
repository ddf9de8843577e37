//! The login by SSH key as `docs/api.md` shows it, run by a shell with the stock tools.

use anyhow::{Context, Result, ensure};
use scm_protocol::auth::{Role, Session};
use scm_tests::programs::Server;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// The commands between the fences after the marker that names this file.
fn documented() -> Result<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    let page = fs::read_to_string(page)?;
    let marked = page
        .split("<!-- run by tests/tests/documented_login.rs -->")
        .nth(1);
    let block = marked.and_then(|rest| rest.split("```").nth(1));
    let block = block.context("docs/api.md has no marked example")?;
    let first = block.trim_start().lines().next().unwrap_or_default();
    ensure!(
        first.starts_with("URL="),
        "the example begins with another line: {first}"
    );
    // The test's own server instead.
    Ok(block.replace(first, ""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_commands_log_in() -> Result<()> {
    let server = Server::start_default().await?;
    let person = server.person("jdoe", Role::Viewer).await?;
    let folder = tempfile::tempdir()?;
    let key = folder.path().join("key");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()?;
    ensure!(made.success(), "ssh-keygen: {made}");
    let body = json!({ "public_key": fs::read_to_string(folder.path().join("key.pub"))? });
    person
        .api
        .call::<Value>("POST", "/api/v1/ssh-keys", &body)
        .await?;

    let script = format!("set -eu\n{}\nprintf %s \"$TOKEN\" > token\n", documented()?);
    let run = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("URL", server.url())
        .env("CA", server.ca_file())
        .env("KEY", &key)
        .output()
        .context("sh")?;
    ensure!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let token = fs::read_to_string(folder.path().join("token"))?;
    let session: Session = server
        .client(Some(token.trim()))?
        .get("/api/v1/sessions/current")
        .await?;
    assert_eq!(session.username, "jdoe");
    Ok(())
}
