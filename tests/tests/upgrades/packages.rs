//! What is stored as a package, and what is not.

use crate::{PLATFORM, Release, audited, server};
use anyhow::{Context, Result, ensure};
use minisign::KeyPair;
use scm_protocol::upgrades::package::PackageList;
use scm_tests::programs::Server;
use std::fs;
use std::process::Command;
use std::process::Stdio;

const PROGRAM: &[u8] = b"#!/bin/sh\nexit 0\n";

/// What `scmserver packages` said; an error where it failed.
fn packages(server: &Server, arguments: &[&str]) -> Result<Result<String, String>> {
    let all: Vec<&str> = ["packages"].iter().chain(arguments).copied().collect();
    let output = server.command(&all)?;
    Ok(if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(String::from_utf8(output.stderr)?)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_a_release_key_signed_as_an_agent_is_stored() -> Result<()> {
    let release = Release::new()?;
    let server = server(&release).await?;
    let admin = server.admin()?;
    let right = Release::comment("1.4.0", PLATFORM, PROGRAM);
    let stranger = Release {
        pair: KeyPair::generate_unencrypted_keypair()?,
        ..Release::new()?
    };
    let refused = |file: &std::path::Path, expected: &str| -> Result<()> {
        let said = packages(&server, &["add", &file.to_string_lossy()])?;
        let said = said.err().with_context(|| format!("{expected}: it was added"))?;
        ensure!(
            said.contains("was not added") && said.contains(expected),
            "{expected}: {said}"
        );
        Ok(())
    };
    refused(
        &stranger.signed("other-key", PROGRAM, &right)?,
        "none of the release keys",
    )?;
    let changed = release.signed("changed", PROGRAM, &right)?;
    fs::write(&changed, b"#!/bin/sh\nexit 1\n")?;
    refused(&changed, "does not fit")?;
    let hash = Release::comment("1.4.0", PLATFORM, b"another");
    refused(&release.signed("hash", PROGRAM, &hash)?, "another SHA-256")?;
    let product = right.replace("scmclient", "scmserver");
    refused(&release.signed("product", PROGRAM, &product)?, "for `scmserver`")?;
    let version = right.replace("1.4.0", "1.4");
    refused(&release.signed("version", PROGRAM, &version)?, "the version")?;
    refused(
        &release.signed("comment", PROGRAM, "timestamp:1")?,
        "trusted comment",
    )?;
    refused(
        &release.signed("empty", b"", &Release::comment("1.4.0", PLATFORM, b""))?,
        "1 to",
    )?;
    let bare = release.path("bare");
    fs::write(&bare, PROGRAM)?;
    refused(&bare, "--signature")?;
    let list: PackageList = admin.get("/api/v1/packages").await?;
    ensure!(list.items.is_empty(), "a refused package was stored: {list:?}");
    ensure!(audited(&admin, "packages.add").await? == 0);

    let good = release.signed("good", PROGRAM, &right)?;
    let good = good.to_string_lossy();
    ensure!(packages(&server, &["add", &good])?.is_ok_and(|said| said.contains("1.4.0")));
    let again = packages(&server, &["add", &good])?
        .err()
        .context("it was added twice")?;
    ensure!(again.contains("already"), "{again}");
    let list: PackageList = admin.get("/api/v1/packages").await?;
    let package = list.items.first().context("nothing was stored")?;
    assert_eq!(
        (package.version.as_str(), package.platform.as_str()),
        ("1.4.0", PLATFORM)
    );
    assert_eq!((package.size_bytes, package.offered), (17, true));
    ensure!(packages(&server, &["list"])?.is_ok_and(|said| said.contains(&package.sha256)));
    assert_eq!(audited(&admin, "packages.add").await?, 1);
    nobody_reads(&server)?;

    ensure!(packages(&server, &["remove", PLATFORM, "1.5.0"])?.is_err());
    ensure!(packages(&server, &["remove", PLATFORM, "1.4.0"])?.is_ok());
    let list: PackageList = admin.get("/api/v1/packages").await?;
    ensure!(list.items.is_empty());
    assert_eq!(audited(&admin, "packages.remove").await?, 1);
    Ok(())
}

/// `scmserver packages list | head -0`: the reader is gone before anything is printed.
fn nobody_reads(server: &Server) -> Result<()> {
    let mut list = server.prepared(&["packages", "list"])?;
    let mut list = list.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    drop(list.stdout.take());
    let ended = list.wait_with_output()?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success() && !said.contains("panicked"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_release_key_nothing_is_stored() -> Result<()> {
    let release = Release::new()?;
    let server = Server::start_default().await?;
    let file = release.signed("good", PROGRAM, &Release::comment("1.4.0", PLATFORM, PROGRAM))?;
    let said = packages(&server, &["add", &file.to_string_lossy()])?;
    let said = said.err().context("it was added")?;
    ensure!(said.contains("no release key is configured"), "{said}");
    Ok(())
}

/// U1: the stock tool signs what the server takes, and verifies what it took.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_tool_signs_and_verifies() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("scm-minisign-").tempdir()?;
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let minisign = |arguments: &[&str]| -> Result<()> {
        let output = Command::new("minisign").args(arguments).output();
        let output = output.context("minisign, of the package of that name")?;
        ensure!(
            output.status.success(),
            "minisign {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    };
    let (public, secret, program) = (path("release.pub"), path("release.key"), path("scmclient"));
    fs::write(&program, PROGRAM)?;
    minisign(&["-G", "-W", "-p", &public, "-s", &secret])?;
    let comment = Release::comment("2.0.0", "aarch64-linux", PROGRAM);
    minisign(&["-S", "-s", &secret, "-m", &program, "-t", &comment])?;
    let key = fs::read_to_string(&public)?;
    let key = key.lines().nth(1).context("release.pub has no second line")?;
    let sections = format!("[packages]\nrelease_keys = [\"{key}\"]\n");
    let server = Server::builder().sections(&sections).start().await?;
    let added = packages(&server, &["add", &program])?;
    ensure!(
        added.as_ref().is_ok_and(|said| said.contains("aarch64-linux")),
        "{added:?}"
    );
    minisign(&["-V", "-p", &public, "-m", &program])?;
    // The old kind, which signs the program itself instead of its hash, is not taken.
    let old = path("old");
    fs::write(&old, PROGRAM)?;
    minisign(&[
        "-S",
        "-l",
        "-s",
        &secret,
        "-m",
        &old,
        "-t",
        &comment.replace("2.0.0", "2.0.1"),
    ])?;
    let refused = packages(&server, &["add", &old])?;
    ensure!(
        refused.as_ref().is_err_and(|said| said.contains("old kind")),
        "{refused:?}"
    );
    Ok(())
}
