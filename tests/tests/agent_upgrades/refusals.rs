//! A server whose packages were exchanged behind its back, and what its agents make of it.

use crate::OWN;
use anyhow::{Context, Result};
use minisign::KeyPair;
use scm_protocol::upgrades::statement::PackageStatement;
use scm_protocol::upgrades::upgrade::UpgradeState;
use scm_tests::programs::{Upgraded, platform};
use sha2::{Digest, Sha256};

const PROGRAM: &str = "echo a program that must never run > \"$0.ran\"";

/// Orders it; the reason for which the agent does not do it.
async fn refused(world: &mut Upgraded, version: &str) -> Result<String> {
    world.order(version).await?;
    let upgrade = world.until(UpgradeState::Refused).await?;
    world.agent.process()?.must_run()?;
    world.runs(OWN).await?;
    upgrade.reason.context("no reason")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_release_key_did_not_sign_is_installed() -> Result<()> {
    let mut world = Upgraded::start("").await?;
    let process = world.agent.process()?.id();
    for version in ["1.0.0", "1.0.1", "1.0.2"] {
        world.add_script(version, PROGRAM)?;
    }
    let execute = |world: &Upgraded, statement: &str| world.server.database_execute(statement);

    // Another byte, of the same size.
    execute(
        &world,
        "UPDATE package_parts SET data = X'20' || substr(data, 2) WHERE package_id = (SELECT id FROM packages WHERE version = '1.0.0')",
    )?;
    let reason = refused(&mut world, "1.0.0").await?;
    assert!(reason.contains("another SHA-256"), "{reason}");

    // A signature by somebody else, who says the same.
    let other = KeyPair::generate_unencrypted_keypair()?;
    let program =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && echo \"scmclient 1.0.1\" && exit\n{PROGRAM}\n");
    let hash: String = Sha256::digest(&program)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let statement = PackageStatement::of_agent("1.0.1", platform()?, &hash).to_string();
    let forged = minisign::sign(
        Some(&other.pk),
        &other.sk,
        program.as_bytes(),
        Some(&statement),
        None,
    )?;
    let forged = forged.into_string();
    execute(
        &world,
        &format!("UPDATE packages SET signature = '{forged}' WHERE version = '1.0.1'"),
    )?;
    let reason = refused(&mut world, "1.0.1").await?;
    assert!(reason.contains("none of the release keys"), "{reason}");

    // An older program, truly signed, under a newer name.
    execute(
        &world,
        "UPDATE packages SET version = '7.0.0' WHERE version = '1.0.2'",
    )?;
    let reason = refused(&mut world, "7.0.0").await?;
    assert!(
        reason.contains("the version 1.0.2, the order is for 7.0.0"),
        "{reason}"
    );

    assert_eq!(
        world.agent.process()?.id(),
        process,
        "it was never stopped for any of them"
    );
    assert!(!world.agent.log().contains("on trial"), "none was tried");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_whose_owner_does_not_want_it_stays_as_it_is() -> Result<()> {
    let mut world = Upgraded::start("enabled = false").await?;
    world.add_script("1.0.0", PROGRAM)?;
    let reason = refused(&mut world, "1.0.0").await?;
    assert!(
        reason.contains("upgrades are switched off on this machine"),
        "{reason}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_does_not_start_here_is_not_tried() -> Result<()> {
    let mut world = Upgraded::start("").await?;
    world.add("1.0.0", b"\x7fELF of another machine")?;
    let reason = refused(&mut world, "1.0.0").await?;
    assert!(reason.contains("the new program does not start here"), "{reason}");
    world.add("1.0.1", b"#!/bin/sh\necho scmclient 0.0.1\n")?;
    let reason = refused(&mut world, "1.0.1").await?;
    assert!(reason.contains("it says that it is another version"), "{reason}");
    Ok(())
}
