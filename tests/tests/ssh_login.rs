//! Logging in with an SSH key (X4): the real `ssh-keygen` signs, as `docs/api.md` shows.

use anyhow::{Context, Result, ensure};
use scm_protocol::auth::{LoginMethod, LoginReply, Role};
use scm_protocol::sessions::SessionPage;
use scm_protocol::ssh_keys::{LOGIN_NAMESPACE, LoginChallenge, SshKey, SshKeyList};
use scm_tests::programs::{Admin, Database, Person, Server};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A key pair made by `ssh-keygen`.
struct Key {
    folder: TempDir,
}

impl Key {
    fn make(kind: &[&str]) -> Result<Key> {
        let folder = tempfile::tempdir()?;
        let made = Command::new("ssh-keygen")
            .args(["-q", "-N", "", "-C", "jdoe@desk", "-f"])
            .arg(folder.path().join("key"))
            .args(kind)
            .status()
            .context("ssh-keygen is missing: `cargo xtask test` installs it")?;
        ensure!(made.success(), "ssh-keygen {kind:?}: {made}");
        Ok(Key { folder })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    fn public(&self) -> Result<String> {
        Ok(fs::read_to_string(self.folder.path().join("key.pub"))?)
    }

    fn sign(&self, text: &str, options: &[&str]) -> Result<String> {
        sign(&self.path(), text, options)
    }
}

fn sign(key: &Path, text: &str, options: &[&str]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("challenge");
    fs::write(&file, text)?;
    let output = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-f"])
        .arg(key)
        .args(options)
        .arg(&file)
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(fs::read_to_string(folder.path().join("challenge.sig"))?)
}

const NAMESPACE: [&str; 2] = ["-n", LOGIN_NAMESPACE];

async fn challenge(anyone: &Admin, username: &str) -> Result<LoginChallenge> {
    let body = json!({ "username": username });
    anyone.call("POST", "/api/v1/sessions/challenge", &body).await
}

async fn register(person: &Person, key: &Key) -> Result<SshKey> {
    let body = json!({ "public_key": key.public()? });
    person.api.call("POST", "/api/v1/ssh-keys", &body).await
}

fn login(username: &str, challenge: &LoginChallenge, signature: &str) -> Value {
    json!({ "username": username, "challenge": challenge.challenge, "signature": signature })
}

const PATH: &str = "/api/v1/sessions/ssh";

async fn every_kind_of_key_logs_in_once_per_challenge(server: Server) -> Result<()> {
    let anyone = server.client(None)?;
    let person = server.person("jdoe", Role::Editor).await?;
    let kinds: [&[&str]; 5] = [
        &["-t", "ed25519"],
        &["-t", "ecdsa", "-b", "256"],
        &["-t", "ecdsa", "-b", "384"],
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "3072"],
    ];
    for (number, kind) in kinds.into_iter().enumerate() {
        let key = Key::make(kind)?;
        let registered = register(&person, &key).await?;
        let shown = Command::new("ssh-keygen")
            .args(["-l", "-f"])
            .arg(key.folder.path().join("key.pub"))
            .output()?;
        let shown = String::from_utf8(shown.stdout)?;
        assert!(shown.contains(&registered.fingerprint), "{shown}");
        assert_eq!(registered.name, "jdoe@desk");

        // OpenSSH signs with RSA and SHA-512 unless it is told otherwise; SHA-256 is taken as well.
        let hash: &[&str] = if number == 4 {
            &["-O", "hashalg=sha256"]
        } else {
            &[]
        };
        let asked = challenge(&anyone, "jdoe").await?;
        let signature = key.sign(&asked.challenge, &[&NAMESPACE, hash].concat())?;
        let body = login("jdoe", &asked, &signature);
        let reply: LoginReply = anyone.call("POST", PATH, &body).await?;
        assert_eq!(
            (reply.session.username.as_str(), reply.session.role),
            ("jdoe", Role::Editor)
        );
        let api = server.client(Some(&reply.token))?;
        let sessions: SessionPage = api.get("/api/v1/sessions").await?;
        let current = sessions.items.iter().find(|session| session.current);
        assert_eq!(current.context("no session")?.method, LoginMethod::Ssh);
        let (status, _) = anyone.refused("POST", PATH, &body).await?;
        assert_eq!(status, 401, "a challenge logged in twice");
    }
    let keys: SshKeyList = person.api.get("/api/v1/ssh-keys").await?;
    assert_eq!(keys.items.len(), kinds.len());
    assert!(keys.items.iter().all(|key| key.last_used_ms.is_some()));
    let audit = server.admin()?.audit().await?.items;
    let logins = audit.iter().filter(|entry| entry.action == "auth.login");
    let by_key = logins.filter(|entry| entry.detail["method"] == "ssh" && entry.outcome == "ok");
    assert_eq!(by_key.count(), kinds.len());
    assert!(audit.iter().any(|entry| entry.action == "ssh_keys.add"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_key_logs_in_once_per_challenge_on_sqlite() -> Result<()> {
    every_kind_of_key_logs_in_once_per_challenge(Server::start_default().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_key_logs_in_once_per_challenge_on_postgres() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    every_kind_of_key_logs_in_once_per_challenge(server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_a_registered_key_over_this_challenge_for_this_purpose_logs_in() -> Result<()> {
    let server = Server::start_default().await?;
    let anyone = server.client(None)?;
    let person = server.person("jdoe", Role::Viewer).await?;
    let other = server.person("other", Role::Viewer).await?;
    let (key, unknown, others) = (
        Key::make(&["-t", "ed25519"])?,
        Key::make(&["-t", "ed25519"])?,
        Key::make(&["-t", "ed25519"])?,
    );
    register(&person, &key).await?;
    register(&other, &others).await?;
    let asked = challenge(&anyone, "jdoe").await?;
    let good = key.sign(&asked.challenge, &NAMESPACE)?;
    let changed = LoginChallenge {
        challenge: asked.challenge.replace("expires: 1", "expires: 2"),
        ..asked.clone()
    };
    let refused = [
        (
            "a key of nobody",
            login("jdoe", &asked, &unknown.sign(&asked.challenge, &NAMESPACE)?),
        ),
        (
            "a key of another",
            login("jdoe", &asked, &others.sign(&asked.challenge, &NAMESPACE)?),
        ),
        (
            "another namespace",
            login("jdoe", &asked, &key.sign(&asked.challenge, &["-n", "git"])?),
        ),
        (
            "another text",
            login("jdoe", &asked, &key.sign("anything else", &NAMESPACE)?),
        ),
        ("another user", login("other", &asked, &good)),
        ("an unknown user", login("nobody", &asked, &good)),
        (
            "a changed challenge",
            login("jdoe", &changed, &key.sign(&changed.challenge, &NAMESPACE)?),
        ),
        (
            "garbage",
            login(
                "jdoe",
                &asked,
                "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----",
            ),
        ),
        ("nothing", login("jdoe", &asked, "")),
    ];
    for (what, body) in &refused {
        // What is refused is throttled: waited out here, as anyone has to.
        let status = loop {
            let response = anyone.send("POST", PATH, Some(body)).await?;
            if response.status() != 429 {
                break response.status();
            }
            let problem: Value = response.json().await?;
            let secs = problem["retry_after_secs"].as_u64().context("no time to wait")?;
            ensure!(secs <= 10, "the wait grew to {secs} s");
            tokio::time::sleep(std::time::Duration::from_secs(secs)).await;
        };
        assert_eq!(status, 401, "{what}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenge_says_nothing_about_who_exists() -> Result<()> {
    let server = Server::start_default().await?;
    let anyone = server.client(None)?;
    server.person("jdoe", Role::Viewer).await?;
    let shape = |challenge: &LoginChallenge| {
        let lines = challenge.challenge.lines();
        let lines = lines.map(|line| line.split(':').next().unwrap_or_default().to_owned());
        (lines.collect::<Vec<_>>(), challenge.namespace.clone())
    };
    let (known, unknown) = (
        challenge(&anyone, "jdoe").await?,
        challenge(&anyone, "nobody").await?,
    );
    assert_eq!(shape(&known), shape(&unknown));
    assert!(
        known.challenge.contains("\nserver: test\nuser: jdoe\n"),
        "{}",
        known.challenge
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weak_keys_are_not_registered_and_a_removed_one_logs_nobody_in() -> Result<()> {
    let server = Server::start_default().await?;
    let anyone = server.client(None)?;
    let person = server.person("jdoe", Role::Viewer).await?;
    for (kind, word) in [
        (["-t", "rsa", "-b", "1024"], "1024 bits"),
        (["-t", "ecdsa", "-b", "521"], "of the kind"),
    ] {
        let body = json!({ "public_key": Key::make(&kind)?.public()? });
        let response = person.api.send("POST", "/api/v1/ssh-keys", Some(&body)).await?;
        let problem: Value = response.json().await?;
        assert_eq!(problem["field"], "public_key");
        assert!(
            problem["detail"].as_str().unwrap_or_default().contains(word),
            "{problem}"
        );
    }
    let key = Key::make(&["-t", "ed25519"])?;
    let registered = register(&person, &key).await?;
    let twice = json!({ "public_key": key.public()? });
    assert_eq!(
        person.api.refused("POST", "/api/v1/ssh-keys", &twice).await?.1,
        "key_taken"
    );
    let asked = challenge(&anyone, "jdoe").await?;
    let body = login("jdoe", &asked, &key.sign(&asked.challenge, &NAMESPACE)?);
    let other = server.person("other", Role::Admin).await?;
    let path = format!("/api/v1/ssh-keys/{}", registered.id);
    assert_eq!(other.api.refused("DELETE", &path, &Value::Null).await?.0, 404);
    person.api.call::<()>("DELETE", &path, &Value::Null).await?;
    assert_eq!(anyone.refused("POST", PATH, &body).await?.0, 401);
    Ok(())
}
