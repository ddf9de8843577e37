//! `cargo xtask demo`: starts everything, and leaves nothing behind, however it ends.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use scm_tests::programs::{Process, binary, eventually};
use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// A running demo, and the folder in which it makes its own.
struct Demo {
    process: Process,
    temporary: TempDir,
    _log: TempDir,
}

impl Demo {
    async fn start() -> Result<Self> {
        let temporary = tempfile::Builder::new().prefix("scm-demo-").tempdir()?;
        let log = tempfile::Builder::new().prefix("scm-demo-log-").tempdir()?;
        let mut command = Command::new(binary("xtask")?);
        command
            .args(["demo", "--no-console", "--agents", "3"])
            .env("TMPDIR", temporary.path());
        let mut demo = Demo {
            process: Process::start("the demo", command, &log.path().join("log"))?,
            temporary,
            _log: log,
        };
        eventually("the demo to run", 150, async || {
            demo.process.must_run()?;
            Ok(demo.process.log().contains("everything runs").then_some(()))
        })
        .await?;
        Ok(demo)
    }

    /// The programs that work in its folder, by process id.
    fn programs(&self) -> Result<BTreeMap<i32, String>> {
        let folder = self.temporary.path().to_string_lossy().into_owned();
        let mut found = BTreeMap::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A process may end while it is looked at.
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&folder) {
                found.insert(id, line);
            }
        }
        Ok(found)
    }

    async fn assert_gone(&mut self, success: bool) -> Result<()> {
        let status = eventually("the demo to end", 40, async || self.process.finished()).await?;
        assert_eq!(status.success(), success, "{status}");
        assert_eq!(self.programs()?, BTreeMap::new(), "programs are left running");
        let left: Vec<_> = fs::read_dir(self.temporary.path())?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        assert!(left.is_empty(), "files are left lying: {left:?}");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_shows_everything_and_cleans_up_after_a_signal() -> Result<()> {
    let mut demo = Demo::start().await?;
    let programs = demo.programs()?;
    for name in ["scmserver", "scmclient", "fleet"] {
        assert!(
            programs.values().any(|line| line.contains(name)),
            "no {name} in {programs:?}"
        );
    }
    demo.process.terminate()?;
    demo.assert_gone(true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_whose_server_dies_says_so_and_cleans_up() -> Result<()> {
    let mut demo = Demo::start().await?;
    let programs = demo.programs()?;
    let Some((id, _)) = programs
        .into_iter()
        .find(|(_, line)| line.contains("scmserver run"))
    else {
        bail!("no server");
    };
    kill_process(Pid::from_raw(id).context("pid")?, Signal::KILL)?;
    demo.assert_gone(false).await?;
    assert!(
        demo.process.log().contains("the server ended"),
        "{}",
        demo.process.log()
    );
    Ok(())
}
