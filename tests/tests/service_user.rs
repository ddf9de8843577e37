//! Root enrolls, the service runs as a user of its own (as the packages install it): the identity is that user's, the
//! configuration stays root's.

use anyhow::{Result, ensure};
use scm_protocol::bootstrap::{BootstrapReply, BootstrapRequest};
use scm_protocol::enrollment::{CreateToken, CreatedToken};
use scm_tests::programs::{Server, binary};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// The user and group `nobody` of every Unix.
const NOBODY: u32 = 65534;

/// A machine as the package leaves it: everyone may run the program, the state folder is the service's own.
struct Installed {
    folder: TempDir,
}

impl Installed {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("scm-installed-").tempdir()?;
        let installed = Installed { folder };
        fs::set_permissions(installed.folder.path(), Permissions::from_mode(0o755))?;
        fs::copy(binary("scmclient")?, installed.path("scmclient"))?;
        fs::create_dir(installed.path("state"))?;
        fs::set_permissions(installed.path("state"), Permissions::from_mode(0o700))?;
        chown(installed.path("state"), Some(NOBODY), Some(NOBODY))?;
        Ok(installed)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn enroll(&self, text: &str) -> Result<Output> {
        let mut command = Command::new(self.path("scmclient"));
        command
            .args(["enroll", text, "--config"])
            .arg(self.path("config"));
        command.arg("--state-folder").arg(self.path("state"));
        Ok(command.output()?)
    }
}

/// A bootstrap string with a secret in it.
async fn bootstrap(server: &Server) -> Result<String> {
    let admin = server.admin()?;
    let create = CreateToken {
        name: "new machines".to_owned(),
        ..CreateToken::default()
    };
    let token = admin
        .send("POST", "/api/v1/enrollment/tokens", Some(&create))
        .await?;
    let request = BootstrapRequest {
        url: None,
        enrollment_token: Some(token.json::<CreatedToken>().await?.secret),
    };
    let path = "/api/v1/enrollment/bootstrap";
    let response = admin.send("POST", path, Some(&request)).await?;
    ensure!(response.status() == 200, "{}", response.text().await?);
    Ok(response.json::<BootstrapReply>().await?.bootstrap)
}

/// Only root may act for another user; without it there is nothing to see here.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_identity_is_the_services_and_the_configuration_roots() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let server = Server::start_default().await?;
    let machine = Installed::new()?;
    let said = machine.enroll(&bootstrap(&server).await?)?;
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let mut files = 0;
    for entry in fs::read_dir(machine.path("state"))? {
        let path = entry?.path();
        assert_eq!(fs::metadata(&path)?.uid(), NOBODY, "{}", path.display());
        files += 1;
    }
    assert!(files > 2, "key, id and lock at least");
    let config = fs::metadata(machine.path("config"))?;
    // It holds the secret: the agent may read it, nobody else, and only root may write it.
    assert_eq!(
        (config.uid(), config.gid(), config.mode() & 0o777),
        (0, NOBODY, 0o640)
    );
    let status = Command::new(machine.path("scmclient"))
        .args(["check-config", "--config"])
        .arg(machine.path("config"))
        .output()?;
    assert!(status.status.success() && status.stderr.is_empty(), "{status:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_user_cannot_write_is_said_before_anything_is_changed() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let server = Server::start_default().await?;
    let machine = Installed::new()?;
    // In the way of what is written for trial.
    fs::create_dir(machine.path("state/trial.tmp"))?;
    let said = machine.enroll(&bootstrap(&server).await?)?;
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let errors = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(errors.contains("nothing was sent"), "{errors}");
    assert!(!machine.path("config").exists());
    assert!(server.admin()?.systems().await?.is_empty());
    Ok(())
}
