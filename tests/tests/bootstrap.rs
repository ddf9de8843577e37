//! One string on a new machine (E8): first contact is pinned, and no token is spent on a machine that cannot keep it.

use anyhow::{Context, Result, ensure};
use scm_protocol::bootstrap::{Bootstrap, BootstrapReply, BootstrapRequest};
use scm_protocol::enrollment::{CreateToken, CreatedToken, TokenPage};
use scm_protocol::problem::Problem;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Process, Server, binary, eventually, mode};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const BOOTSTRAP: &str = "/api/v1/enrollment/bootstrap";

async fn bootstrap(server: &Server, token: Option<&str>) -> Result<BootstrapReply> {
    let request = BootstrapRequest {
        url: None,
        enrollment_token: token.map(str::to_owned),
    };
    let response = server.admin()?.send("POST", BOOTSTRAP, Some(&request)).await?;
    ensure!(response.status() == 200, "{}", response.text().await?);
    assert_eq!(response.headers()["cache-control"], "no-store");
    Ok(response.json().await?)
}

async fn token(server: &Server) -> Result<String> {
    let create = CreateToken {
        name: "new machines".to_owned(),
        ..CreateToken::default()
    };
    let path = "/api/v1/enrollment/tokens";
    let response = server.admin()?.send("POST", path, Some(&create)).await?;
    Ok(response.json::<CreatedToken>().await?.secret)
}

async fn uses(server: &Server) -> Result<i64> {
    let page: TokenPage = server.admin()?.get("/api/v1/enrollment/tokens").await?;
    Ok(page.items.first().context("no token")?.uses)
}

/// A machine on which nothing is yet.
struct Machine {
    folder: TempDir,
    state: PathBuf,
}

/// What a command said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Machine {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("scm-machine-").tempdir()?;
        let state = folder.path().join("state");
        Ok(Machine { folder, state })
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("scmclient.config")
    }

    /// Pastes `text` into standard input.
    fn paste(&self, text: &str, more: &[&str]) -> Result<Said> {
        let mut command = self.command("-", more)?;
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        child.stdin.take().context("stdin")?.write_all(text.as_bytes())?;
        Ok(said(&child.wait_with_output()?))
    }

    /// Gives `text` as the argument.
    fn enroll(&self, text: &str, more: &[&str]) -> Result<Said> {
        said_of(&mut self.command(text, more)?)
    }

    fn command(&self, text: &str, more: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("scmclient")?);
        command.args(["enroll", text, "--config"]).arg(self.config());
        command.arg("--state-folder").arg(&self.state).args(more);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    fn run(&self) -> Result<Process> {
        let mut command = Command::new(binary("scmclient")?);
        command.args(["run", "--config"]).arg(self.config());
        Process::start("the agent", command, &self.folder.path().join("log"))
    }

    /// The only file of the state folder that begins and ends so.
    fn state_file(&self, begins: &str, ends: &str) -> Result<Vec<u8>> {
        for entry in fs::read_dir(&self.state)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(begins) && name.ends_with(ends) {
                return Ok(fs::read(entry.path())?);
            }
        }
        anyhow::bail!("there is no {begins}*{ends}")
    }
}

fn said(output: &std::process::Output) -> Said {
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn is_pinned(config: &Path) -> Result<bool> {
    let text = fs::read_to_string(config)?;
    Ok(text.contains("\nca_pin = \"sha256:") && text.contains("\nserver_key_pin = \""))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pasted_line_makes_a_pinned_machine_that_waits_and_goes_on() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let made = bootstrap(&server, None).await?;
    assert_eq!(made.install_line, format!("scmclient enroll {}", made.bootstrap));
    let read: Bootstrap = made.bootstrap.parse()?;
    assert_eq!(
        (read.url.as_str(), &read.enrollment_token),
        (&*server.url(), &None)
    );
    assert_eq!(made.config, read.configuration());

    let machine = Machine::new()?;
    let said = machine.enroll(&made.bootstrap, &[])?;
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
    assert!(is_pinned(&machine.config())?);
    assert_eq!(mode(&machine.config())?, 0o644);
    let system = admin.await_status(SystemStatus::Pending).await?;
    let words = admin.system(system.id).await?.fingerprint.words();
    for expected in ["Pending", "compare these words", "scmclient run", &words] {
        assert!(said.out.contains(expected), "{expected} is not in\n{}", said.out);
    }
    let key = machine.state_file("client_", ".key")?;

    // A second time changes nothing.
    assert_eq!(machine.enroll(&made.bootstrap, &[])?.code, Some(3));
    assert_eq!(admin.systems().await?.len(), 1);

    let mut agent = machine.run()?;
    admin.decide(system.id, "approve").await?;
    eventually("the server's key to be pinned", 20, async || {
        agent.must_run()?;
        Ok(machine.state_file("server_", ".pub").ok())
    })
    .await?;
    let running = machine.enroll(&made.bootstrap, &[])?;
    assert_eq!(running.code, Some(1));
    assert!(running.err.contains("the agent is running on"), "{}", running.err);
    agent.stop()?;
    let said = machine.enroll(&made.bootstrap, &[])?;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert_eq!(machine.state_file("client_", ".key")?, key);
    assert_eq!(admin.systems().await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_token_it_is_active_and_pinned_at_once() -> Result<()> {
    let server = Server::start_default().await?;
    let secret = token(&server).await?;
    let made = bootstrap(&server, Some(&secret)).await?;
    assert_eq!(
        made.install_line,
        format!("printf %s {} | scmclient enroll -", made.bootstrap)
    );
    let machine = Machine::new()?;
    let lines: Vec<&str> = made
        .bootstrap
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).unwrap_or_default())
        .collect();
    let said = machine.paste(&format!("  {}\n", lines.join("\r\n")), &[])?;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(
        said.out.contains("Active") && said.out.contains("systemctl"),
        "{}",
        said.out
    );
    assert!(is_pinned(&machine.config())?);
    assert_eq!((mode(&machine.config())?, uses(&server).await?), (0o600, 1));
    machine.state_file("server_", ".pub")?;

    let mut agent = machine.run()?;
    let admin = server.admin()?;
    admin
        .await_system("telemetry of the same system", |system| {
            system.status == SystemStatus::Active && system.cpu_percent.is_some()
        })
        .await?;
    agent.must_run()?;
    assert_eq!((admin.systems().await?.len(), uses(&server).await?), (1, 1));

    // The secret is where it was put, and nowhere else.
    let random = secret.trim_start_matches("oscm_");
    let audit = serde_json::to_string(&admin.audit().await?)?;
    for text in [server.log(), audit, agent.log(), said.out, said.err] {
        assert!(!text.contains(random) && !text.contains(&made.bootstrap));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_spent_where_nothing_can_be_kept() -> Result<()> {
    let server = Server::start_default().await?;
    let made = bootstrap(&server, Some(&token(&server).await?)).await?;
    let mut machine = Machine::new()?;
    let blocked = machine.folder.path().join("a-file");
    fs::write(&blocked, "")?;
    machine.state = blocked.join("state");
    let said = machine.enroll(&made.bootstrap, &[])?;
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("nothing was sent") && said.err.contains("a-file/state"),
        "{}",
        said.err
    );
    assert!(!machine.config().exists());

    machine.state = machine.folder.path().join("state");
    let below = blocked.join("scmclient.config");
    let mut command = Command::new(binary("scmclient")?);
    command.args(["enroll", &made.bootstrap, "--config"]).arg(&below);
    let said = said_of(command.arg("--state-folder").arg(&machine.state))?;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("a-file"), "{}", said.err);

    assert_eq!(uses(&server).await?, 0);
    assert!(server.admin()?.systems().await?.is_empty());
    assert_eq!(machine.enroll(&made.bootstrap, &[])?.code, Some(0));
    assert_eq!(uses(&server).await?, 1);
    Ok(())
}

fn said_of(command: &mut Command) -> Result<Said> {
    Ok(said(&command.stdin(Stdio::null()).output()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_and_another_configuration_change_nothing() -> Result<()> {
    let server = Server::start_default().await?;
    let made = bootstrap(&server, None).await?;
    let machine = Machine::new()?;
    let middle = made.bootstrap.len() / 2;
    let mut damaged = made.bootstrap.clone();
    let other = if damaged[middle..].starts_with('x') {
        "y"
    } else {
        "x"
    };
    damaged.replace_range(middle..=middle, other);
    for (text, expected) in [
        (damaged.as_str(), "damaged"),
        (&made.bootstrap[..middle], "truncated"),
        (&made.bootstrap.replacen("-1.", "-7.", 1), "version 7"),
        ("https://scm.example.com", "not a bootstrap string"),
    ] {
        let said = machine.enroll(text, &[])?;
        assert_eq!(said.code, Some(1));
        assert!(said.err.contains(expected), "{}", said.err);
    }
    assert!(!machine.config().exists() && !machine.state.exists());

    fs::write(machine.config(), "# mine\n")?;
    let said = machine.enroll(&made.bootstrap, &[])?;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("--force"), "{}", said.err);
    assert_eq!(fs::read_to_string(machine.config())?, "# mine\n");
    assert!(server.admin()?.systems().await?.is_empty());

    let said = machine.enroll(&made.bootstrap, &["--force"])?;
    assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
    let line = said.out.lines().next().context("nothing said")?;
    let former = line.rsplit(' ').next().context("no name")?;
    assert_eq!(fs::read_to_string(former)?, "# mine\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_is_refused_by_the_pins() -> Result<()> {
    let server = Server::start_default().await?;
    let other = Server::start_default().await?;
    let secret = token(&other).await?;
    let ours: Bootstrap = bootstrap(&server, None).await?.bootstrap.parse()?;
    let theirs: Bootstrap = bootstrap(&other, Some(&secret)).await?.bootstrap.parse()?;

    let wrong_ca = Bootstrap {
        ca_pin: ours.ca_pin,
        ..theirs.clone()
    };
    let machine = Machine::new()?;
    let said = machine.enroll(&wrong_ca.to_string(), &[])?;
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    for expected in ["certificate was refused", "the configuration is kept"] {
        assert!(said.err.contains(expected), "{}", said.err);
    }
    assert!(machine.config().exists());
    assert_eq!(uses(&other).await?, 0, "the token went to another server");

    let wrong_key = Bootstrap {
        server_key_pin: ours.server_key_pin,
        ..theirs.clone()
    };
    let said = machine.enroll(&wrong_key.to_string(), &["--force"])?;
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(said.err.contains("the key was refused"), "{}", said.err);
    assert!(!said.out.contains("Active"), "{}", said.out);
    assert!(
        machine.state_file("server_", ".pub").is_err(),
        "the wrong key was pinned"
    );

    let wrong_organization = Bootstrap {
        organization: "nobody".parse()?,
        ..theirs.clone()
    };
    let said = Machine::new()?.enroll(&wrong_organization.to_string(), &[])?;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("unknown_organization"), "{}", said.err);

    let nobody = Bootstrap {
        url: "https://localhost:1".to_owned(),
        ..theirs
    };
    let said = Machine::new()?.enroll(&nobody.to_string(), &[])?;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("run this again"), "{}", said.err);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_and_nothing_is_recorded() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let before = admin.audit().await?.items.len();
    for (url, token, field) in [
        (Some("http://scm.example.com"), None, "url"),
        (Some("https://scm.example.com/x"), None, "url"),
        (None, Some("hunter2-is-no-token"), "enrollment_token"),
    ] {
        let request = BootstrapRequest {
            url: url.map(str::to_owned),
            enrollment_token: token.map(str::to_owned),
        };
        let response = admin.send("POST", BOOTSTRAP, Some(&request)).await?;
        assert!(response.status().is_client_error());
        let text = response.text().await?;
        assert!(!text.contains("hunter2"), "{text}");
        let problem: Problem = serde_json::from_str(&text)?;
        assert_eq!(problem.field.as_deref(), Some(field));
    }
    let request = BootstrapRequest {
        url: Some("https://scm.example.com:8443/".to_owned()),
        enrollment_token: None,
    };
    let response = admin.send("POST", BOOTSTRAP, Some(&request)).await?;
    let made: BootstrapReply = response.json().await?;
    assert_eq!(
        made.bootstrap.parse::<Bootstrap>()?.url,
        "https://scm.example.com:8443"
    );
    assert_eq!(server.client(None)?.status("POST", BOOTSTRAP).await?, 401);
    assert_eq!(admin.audit().await?.items.len(), before);
    assert!(!server.log().contains("hunter2"));
    Ok(())
}
