//! A release key of the tests', and what it signs.

use super::{Fetching, Installed, Policy, Programs, Trouble, Verified};
use crate::random::hex;
use minisign::KeyPair;
use scm_protocol::upgrades::PACKAGE_PART_BYTES;
use scm_protocol::upgrades::order::UpgradeOrder;
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::release::ReleaseKey;
use scm_protocol::upgrades::statement::PackageStatement;
use sha2::{Digest, Sha256};

/// The key.
pub(super) struct TestKey(KeyPair);

impl TestKey {
    pub(super) fn new() -> Self {
        TestKey(KeyPair::generate_unencrypted_keypair().unwrap())
    }

    /// A machine that knows the key and runs this version.
    pub(super) fn policy(&self, version: &str) -> Policy {
        Policy {
            enabled: true,
            keys: vec![ReleaseKey::parse(&self.0.pk.to_base64()).unwrap()],
            platform: Platform::of_this_program(),
            version: version.to_owned(),
        }
    }

    /// An order for this program, truly signed.
    pub(super) fn order(&self, version: &str, program: &[u8]) -> UpgradeOrder {
        let platform = Platform::of_this_program().unwrap();
        let sha256 = hex(&Sha256::digest(program));
        let statement = PackageStatement::of_agent(version, platform.clone(), &sha256).to_string();
        let signed = minisign::sign(Some(&self.0.pk), &self.0.sk, program, Some(&statement), None);
        UpgradeOrder {
            platform,
            version: version.to_owned(),
            size: i64::try_from(program.len()).unwrap(),
            sha256,
            signature: signed.unwrap().into_string(),
            deadline_secs: 180,
        }
    }
}

/// A script that says that version, and runs these lines otherwise.
pub(super) fn script(version: &str, lines: &str) -> Vec<u8> {
    format!("#!/bin/sh\n[ \"$1\" = --version ] && echo \"scmclient {version}\" && exit\n{lines}\n")
        .into_bytes()
}

/// All of it, part by part, from where it is.
pub(super) fn fetch(programs: &Programs, order: &UpgradeOrder, program: &[u8]) -> Fetching {
    let mut fetching = Fetching::open(programs, order).unwrap();
    while let Some(start) = fetching.next_start() {
        let start = usize::try_from(start).unwrap();
        let end = program.len().min(start + PACKAGE_PART_BYTES);
        fetching.take(&program[start..end]).unwrap();
    }
    fetching
}

/// From nothing to a program that can be tried.
pub(super) fn install(
    programs: &Programs,
    order: &UpgradeOrder,
    program: &[u8],
    policy: &Policy,
) -> Result<Installed, Trouble> {
    let fetched = fetch(programs, order, program).finish().unwrap();
    Installed::of(Verified::of(fetched, order, policy)?, programs, order)
}
