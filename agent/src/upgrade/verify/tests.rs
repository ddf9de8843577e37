//! What is taken for the released program, and what is not.

use super::super::release_key::{TestKey, fetch, install, script};
use super::super::{Installed, Programs};
use super::*;

fn programs() -> (tempfile::TempDir, Programs) {
    let parent = tempfile::tempdir().unwrap();
    let programs = Programs::of(parent.path());
    (parent, programs)
}

#[test]
fn what_the_release_key_signed_as_ordered_is_installed() {
    use std::os::unix::fs::PermissionsExt;
    let (_parent, programs) = programs();
    let (key, program) = (TestKey::new(), script("1.5.0", ""));
    let order = key.order("1.5.0", &program);
    let installed = install(&programs, &order, &program, &key.policy("1.4.0")).unwrap();
    assert_eq!(std::fs::read(installed.path()).unwrap(), program);
    let mode = std::fs::metadata(installed.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(!programs.partial(&order.sha256).exists());
}

#[test]
fn what_another_key_signed_or_another_order_names_is_not() {
    let (_parent, programs) = programs();
    let (key, other) = (TestKey::new(), TestKey::new());
    let program = script("1.5.0", "");
    let good = key.order("1.5.0", &program);
    let cases = [
        (other.order("1.5.0", &program), "none of the release keys"),
        (
            UpgradeOrder {
                version: "1.6.0".to_owned(),
                ..good.clone()
            },
            "the version 1.5.0, the order is for 1.6.0",
        ),
        (
            UpgradeOrder {
                platform: "sparc-solaris".parse().unwrap(),
                ..good.clone()
            },
            "the order is for sparc-solaris",
        ),
        (
            UpgradeOrder {
                signature: good.signature.replace("1.5.0", "1.6.0"),
                version: "1.6.0".to_owned(),
                ..good.clone()
            },
            "does not fit",
        ),
        (
            UpgradeOrder {
                signature: key.order("1.5.0", b"another program").signature,
                ..good.clone()
            },
            "does not fit",
        ),
    ];
    for (order, expected) in cases {
        let fetched = fetch(&programs, &order, &program).finish().unwrap();
        let said = Verified::of(fetched, &order, &key.policy("1.4.0"))
            .unwrap_err()
            .to_string();
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!programs.partial(&order.sha256).exists(), "it stays");
    }
}

#[test]
fn a_program_that_does_not_start_here_is_found_before_anything_is_stopped() {
    let (_parent, programs) = programs();
    let key = TestKey::new();
    let cases: [(&[u8], &str); 4] = [
        (b"\x7fELF of another machine", "does not start here"),
        (b"#!/bin/sh\nexit 7\n", "it exited with 7"),
        (b"#!/bin/sh\necho scmclient 1.4.0\n", "another version"),
        (b"#!/bin/sh\nkill -9 $$\n", "signal 9"),
    ];
    for (program, expected) in cases {
        let order = key.order("1.5.0", program);
        let fetched = fetch(&programs, &order, program).finish().unwrap();
        let verified = Verified::of(fetched, &order, &key.policy("1.4.0")).unwrap();
        let said = Installed::of(verified, &programs, &order)
            .unwrap_err()
            .to_string();
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!programs.program("1.5.0", &order.sha256).exists(), "it stays");
    }
}
