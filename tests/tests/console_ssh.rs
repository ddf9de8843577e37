//! The real console logs in with a key of a real `ssh-agent`: the file of the private key is gone by then.

use anyhow::{Context, Result, ensure};
use scm_protocol::auth::{LoginMethod, Role};
use scm_protocol::sessions::SessionPage;
use scm_tests::programs::{Console, Server, eventually};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};
use tempfile::TempDir;

/// An agent that ends with the test.
struct SshAgent {
    folder: TempDir,
    process: Child,
}

impl SshAgent {
    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let process = Command::new("ssh-agent")
            .args(["-D", "-a"])
            .arg(folder.path().join("socket"))
            .spawn()
            .context("ssh-agent is missing: it comes with ssh-keygen")?;
        let agent = SshAgent { folder, process };
        eventually("the agent's socket", 10, async || {
            Ok(agent.socket().exists().then_some(()))
        })
        .await?;
        Ok(agent)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// Makes a key that only the agent keeps; answers its public half.
    fn make_key(&self, kind: &[&str]) -> Result<String> {
        let file = self.folder.path().join("key");
        let mut make = Command::new("ssh-keygen");
        make.args(["-q", "-N", "", "-C", "jdoe@desk", "-f"]);
        done(make.arg(&file).args(kind))?;
        let mut add = Command::new("ssh-add");
        done(add.arg("-q").arg(&file).env("SSH_AUTH_SOCK", self.socket()))?;
        let public = self.folder.path().join("key.pub");
        let line = fs::read_to_string(&public)?;
        for gone in [&file, &public] {
            fs::remove_file(gone)?;
        }
        Ok(line)
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn done(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

async fn logs_in_with(kind: &[&str]) -> Result<()> {
    let server = Server::start_default().await?;
    let person = server.person("jdoe", Role::Editor).await?;
    let agent = SshAgent::start().await?;
    let public = agent.make_key(kind)?;
    let body = json!({ "public_key": public });
    let path = "/api/v1/ssh-keys";
    person.api.call::<Value>("POST", path, &body).await?;

    let console = Console::start_with_agent(&server, &agent.socket()).await?;
    console.await_text("or SSH key    jdoe@desk SHA256:", 20).await?;
    console.type_text("jdoe")?;
    console.key("Down")?;
    console.key("Down")?;
    console.await_text("> or SSH key", 10).await?;
    console.key("Enter")?;
    console.await_text("jdoe(editor)", 20).await?;

    let sessions: SessionPage = person.api.get("/api/v1/sessions").await?;
    let by_key = |method: LoginMethod| sessions.items.iter().filter(|one| one.method == method).count();
    assert_eq!((by_key(LoginMethod::Ssh), by_key(LoginMethod::Password)), (1, 1));

    // The new session is on page 8, and users are out of an editor's reach, with the reason.
    console.key("8")?;
    console.await_text("needs owner", 10).await?;
    console.key("Tab")?;
    console
        .await_screen("the session", 10, |screen| {
            screen
                .lines()
                .any(|line| line.contains("jdoe *") && line.contains("ssh"))
        })
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ed25519_key_of_the_agent_logs_in() -> Result<()> {
    logs_in_with(&["-t", "ed25519"]).await
}

/// RSA needs the agent to be asked for SHA-512.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_rsa_key_of_the_agent_logs_in() -> Result<()> {
    logs_in_with(&["-t", "rsa", "-b", "3072"]).await
}
