//! Agents that came with the server's own package: taken at the start, by the same rules as by hand.

use crate::{PLATFORM, Release, audited};
use anyhow::{Context, Result, ensure};
use scm_protocol::upgrades::package::PackageList;
use scm_tests::programs::{Admin, Server};

const PROGRAM: &[u8] = b"#!/bin/sh\nexit 0\n";

/// `version by`, of every package.
async fn offered(admin: &Admin) -> Result<Vec<String>> {
    let list: PackageList = admin.get("/api/v1/packages").await?;
    let shown = list
        .items
        .iter()
        .map(|package| format!("{} {}", package.version, package.added_by));
    Ok(shown.collect())
}

fn carry(release: &Release, version: &str) -> Result<()> {
    let comment = Release::comment(version, PLATFORM, PROGRAM);
    release.signed(&format!("scmclient-{version}-{PLATFORM}"), PROGRAM, &comment)?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_with_the_server_is_taken_once_and_only_with_a_release_key() -> Result<()> {
    let (release, stranger) = (Release::new()?, Release::new()?);
    carry(&release, "1.4.0")?;
    carry(&stranger, "1.5.0")?;
    for name in [
        "scmclient-1.5.0-x86_64-linux",
        "scmclient-1.5.0-x86_64-linux.minisig",
    ] {
        std::fs::copy(stranger.path(name), release.path(name))?;
    }
    let folder = format!("folder = \"{}\"\n", release.path("").display());

    let trusting_nobody = Server::builder()
        .sections(&format!("[packages]\n{folder}"))
        .start()
        .await?;
    ensure!(offered(&trusting_nobody.admin()?).await?.is_empty());
    let log = trusting_nobody.log();
    ensure!(log.contains("no release key is configured"), "{log}");
    drop(trusting_nobody);

    let sections = format!("{}{folder}", release.sections());
    let mut server = Server::builder().sections(&sections).start().await?;
    assert_eq!(offered(&server.admin()?).await?, ["1.4.0 server-package"]);
    ensure!(audited(&server.admin()?, "packages.add").await? == 1);
    let log = server.log();
    ensure!(
        log.contains("1.5.0") && log.contains("none of the release keys"),
        "{log}"
    );

    let removed = server.command(&["packages", "remove", PLATFORM, "1.4.0"])?;
    ensure!(removed.status.success(), "{removed:?}");
    carry(&release, "1.6.0")?;
    server.stop()?;
    server.start().await.context("the second start")?;
    assert_eq!(
        offered(&server.admin()?).await?,
        ["1.6.0 server-package"],
        "what was removed came back, or what is new did not come"
    );
    Ok(())
}
