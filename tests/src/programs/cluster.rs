//! A PostgreSQL of a test's own, over TCP, to be stopped, crashed and started again; and the link to it, to be cut.

use super::process::Process;
use super::{database, eventually};
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Signal, geteuid};
use std::fs::{self, Permissions};
use std::net::TcpListener as StdListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A PostgreSQL.
pub struct Cluster {
    // Declared before the folder: stopped before its files go.
    process: Option<Process>,
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts one.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> Result<Self> {
        let folder = folder()?;
        let mut initdb = as_user("initdb");
        initdb.arg("-D").arg(folder.path().join("data"));
        initdb.args([
            "-U",
            "scm",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]);
        succeed(&mut initdb)?;
        Self::start_in(folder).await
    }

    async fn start_in(folder: TempDir) -> Result<Self> {
        let port = StdListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut cluster = Cluster {
            process: None,
            folder,
            port,
        };
        cluster.start_again().await?;
        Ok(cluster)
    }

    /// A standby of it, which has everything from now on that it acknowledges.
    ///
    /// # Errors
    /// When it does not start, or does not follow.
    pub async fn standby(&self) -> Result<Cluster> {
        let folder = folder()?;
        let mut copy = as_user("pg_basebackup");
        copy.arg("-D").arg(folder.path().join("data"));
        copy.args([
            "--host=127.0.0.1",
            "--username=scm",
            "--checkpoint=fast",
            "--no-sync",
        ]);
        copy.arg(format!("--port={}", self.port));
        succeed(copy.arg("--write-recovery-conf"))?;
        let standby = Self::start_in(folder).await?;
        let acknowledged = [
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        ];
        for statement in acknowledged {
            database::execute(&self.url(), statement)?;
        }
        eventually("the standby to follow", 60, async || {
            let states = database::texts(&self.url(), "SELECT sync_state FROM pg_stat_replication")?;
            Ok((states == ["sync"]).then_some(()))
        })
        .await?;
        Ok(standby)
    }

    /// Makes a standby the one that is written.
    ///
    /// # Errors
    /// When it does not become it.
    pub fn promote(&self) -> Result<()> {
        database::execute(&self.url(), "SELECT pg_promote()")
    }

    /// Starts it after it was stopped, and waits until it takes connections.
    ///
    /// # Errors
    /// When it does not.
    pub async fn start_again(&mut self) -> Result<()> {
        let mut postgres = as_user("postgres");
        postgres.arg("-D").arg(self.folder.path().join("data"));
        postgres.arg("-k").arg(self.folder.path());
        postgres.args(["-p", &self.port.to_string()]);
        for setting in [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "max_connections=100",
            "shared_buffers=32MB",
        ] {
            postgres.args(["-c", setting]);
        }
        let log = self.log();
        let mut process = Process::start("postgres", postgres, &log)?;
        eventually("PostgreSQL to take connections", 60, async || {
            process.must_run()?;
            Ok(database::texts(&self.url(), "SELECT '1'").ok().map(drop))
        })
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// An orderly stop that does not wait for its clients.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::INT)
    }

    /// The end of it at once, as in a crash: the next start recovers.
    ///
    /// # Errors
    /// When it does not end.
    pub fn crash(&mut self) -> Result<()> {
        self.end(Signal::QUIT)
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let mut process = self.process.take().context("PostgreSQL does not run")?;
        process.signal(signal)?;
        process.wait_for_the_end().map(drop)
    }

    /// Where to connect.
    pub fn url(&self) -> String {
        self.url_by(self.port)
    }

    /// A link to it that can be cut.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn link(&self) -> Result<Link> {
        Link::start(self.port).await
    }

    /// Where to connect over a link.
    pub fn url_over(&self, link: &Link) -> String {
        self.url_by(link.port)
    }

    /// Where to connect to whichever of both can be written.
    pub fn url_with(&self, standby: &Cluster) -> String {
        let (first, second) = (self.port, standby.port);
        format!(
            "postgres://scm@127.0.0.1:{first},127.0.0.1:{second}/postgres?target_session_attrs=read-write"
        )
    }

    fn url_by(&self, port: u16) -> String {
        format!("postgres://scm@127.0.0.1:{port}/postgres")
    }

    fn log(&self) -> std::path::PathBuf {
        // Its folder belongs to another user.
        self.folder.path().join("log")
    }
}

/// A folder with one for PostgreSQL's data.
fn folder() -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("scm-cluster-").tempdir()?;
    // Root hands it to another user, who has to get in.
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let data = folder.path().join("data");
    fs::create_dir(&data)?;
    fs::set_permissions(&data, Permissions::from_mode(0o700))?;
    if geteuid().is_root() {
        let mut chown = Command::new("chown");
        succeed(chown.args(["-R", "postgres"]).arg(folder.path()))?;
    }
    Ok(folder)
}

fn as_user(program: &str) -> Command {
    let program = database::program(program);
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--init-groups", "--reset-env"])
        .arg(program);
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .current_dir(Path::new("/"))
        .output()
        .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            command.get_program().display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// What a link does with what is sent over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passing {
    Everything,
    /// Nothing, and nobody is told: it is kept until later.
    Nothing,
    /// Connections are closed, and no new ones are made.
    Cut,
}

/// A TCP proxy.
pub struct Link {
    port: u16,
    passing: watch::Sender<Passing>,
    task: JoinHandle<()>,
}

impl Link {
    async fn start(to: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let (passing, watched) = watch::channel(Passing::Everything);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, to, watched.clone()));
            }
        });
        Ok(Link { port, passing, task })
    }

    /// Nothing gets through any more, and neither side is told.
    pub fn stall(&self) {
        self.passing.send_replace(Passing::Nothing);
    }

    /// Connections are closed and refused.
    pub fn cut(&self) {
        self.passing.send_replace(Passing::Cut);
    }

    /// Everything gets through again, what was stalled included.
    pub fn heal(&self) {
        self.passing.send_replace(Passing::Everything);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Both ways, until either side closes or the link is cut.
async fn pass(client: TcpStream, to: u16, passing: watch::Receiver<Passing>) {
    let mut cut = passing.clone();
    let both = async {
        let server = TcpStream::connect(("127.0.0.1", to)).await?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            done = one_way(from_client, to_server, passing.clone()) => done,
            done = one_way(from_server, to_client, passing) => done,
        }
    };
    tokio::select! {
        _ = cut.wait_for(|passing| *passing == Passing::Cut) => {}
        // A broken connection is what this is for.
        _ = both => {}
    }
}

async fn one_way(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut passing: watch::Receiver<Passing>,
) -> Result<()> {
    let mut part = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut part).await?;
        passing.wait_for(|passing| *passing != Passing::Nothing).await?;
        ensure!(count > 0, "closed");
        to.write_all(&part[..count]).await?;
    }
}
