//! Program and installer under wine, against a real server: `packaging/trial/wine.sh`.

use super::super::Release;
use super::msi;
use crate::build::root;
use crate::needs::{self, Need, on_path};
use crate::process::{output, run};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// What a trial needs beyond what building needs.
const NEEDS: &[Need] = &[
    Need::debian(
        "wine (64 bit)",
        "it runs the agent for Windows and its installer",
        &["wine", "wine64"],
        || on_path("wine64").is_some() || Path::new("/usr/lib/wine/wine64").is_file(),
    ),
    Need::debian(
        "curl, jq and openssl",
        "the trial asks the server what it sees",
        &["curl", "jq", "openssl"],
        || {
            ["curl", "jq", "openssl"]
                .iter()
                .all(|program| on_path(program).is_some())
        },
    ),
    needs::MINISIGN,
];
/// What wine lacks, and is built from `packaging/trial/wine`, each with the library that it needs.
const SHIMS: [(&str, &str); 2] = [("bcryptprimitives", "-ladvapi32"), ("pdh", "-lkernel32")];
/// What the agent is allowed to run.
const ACTION: &str = "family";

/// Whether wine runs the agent's kind of programs here: Debian's runs those of its own kind of machine only.
pub(in crate::package) fn is_the_right_machine() -> bool {
    let mut architecture = Command::new("dpkg");
    architecture.arg("--print-architecture");
    output(architecture).as_deref() == Some("amd64")
}

/// Fails with the reason where it cannot be tried.
pub(in crate::package) fn must_be_possible() -> Result<()> {
    ensure!(
        is_the_right_machine(),
        "Debian's wine runs programs of its own kind of machine only, and this is not amd64"
    );
    needs::ensure(NEEDS)
}

/// Tries the installer of one release, and becoming the next one, with that server.
pub(in crate::package) fn try_out(
    server: &Path,
    (release, out): (&Release, &Path),
    (next, next_out): (&Release, &Path),
) -> Result<()> {
    let shims = tempfile::tempdir().context("a folder for what wine lacks")?;
    for (name, library) in SHIMS {
        let mut compile = Command::new(super::LINKER);
        compile
            .args(["-shared", "-O1", "-o"])
            .arg(shims.path().join(format!("{name}.dll")))
            .arg(root().join(format!("packaging/trial/wine/{name}.c")))
            .arg(library);
        run(compile)?;
    }
    let mut compile = Command::new(super::LINKER);
    compile
        .args(["-O1", "-o"])
        .arg(shims.path().join(format!("{ACTION}.exe")))
        .arg(root().join(format!("packaging/trial/wine/{ACTION}.c")));
    run(compile)?;
    let mut trial = Command::new("timeout");
    trial
        .args(["--kill-after=10", "600", "bash"])
        .arg(root().join("packaging/trial/wine.sh"))
        .args([server, shims.path()])
        .arg(out.join(msi::name(release)))
        .arg(next_out.join(msi::name(next)))
        .arg(next_out.join(super::file(next)))
        .arg(&next.version);
    run(trial).context("the agent for Windows did not pass its trial, see above")
}
