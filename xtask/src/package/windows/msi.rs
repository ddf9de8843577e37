//! The installer, by wixl from `packaging/windows/scmclient.wxs`, and completed by msibuild with `scmclient.sql`.

use super::super::Release;
use super::super::signing::sha256;
use super::super::stage::Stage;
use crate::build::root;
use crate::process::{output, run};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What the summary of the file says of it.
const TITLE: &str = "OpenSCM agent";
const AUTHOR: &str = "OpenSCM";
const TEMPLATE: &str = "x64;1033";

/// Its name.
pub(super) fn name(release: &Release) -> String {
    format!("scmclient_{}_x64.msi", release.version)
}

/// Makes the installer of a program, in `out`.
pub(in crate::package) fn make(release: &Release, stage: &Stage, program: &Path, out: &Path) -> Result<()> {
    let folder = stage.part("msi");
    super::super::stage::empty(&folder)?;
    let license = root().join("LICENSE");
    let parts = [
        ("Program", program, "scmclient.exe"),
        ("License", license.as_path(), "LICENSE.txt"),
        (
            "Licenses",
            &stage.part("doc").join("licenses.gz"),
            "licenses.txt.gz",
        ),
    ];
    let at = time(release)?;
    let installer = out.join(name(release));
    let mut wixl = with_time(&at, "wixl");
    wixl.args(["--arch", "x64", "-D"])
        .arg(format!("Version={}", numeric(&release.version)))
        .arg("-D")
        .arg(format!(
            "ProductCode={}",
            code(&format!("product {}", release.version))?
        ));
    for (name, from, file) in parts {
        let to = folder.join(file);
        fs::copy(from, &to).with_context(|| from.display().to_string())?;
        let mut touch = Command::new("touch");
        touch.arg("--date").arg(format!("@{}", release.epoch)).arg(&to);
        run(touch)?;
        wixl.arg("-D").arg(format!("{name}={file}"));
    }
    // It takes no absolute paths.
    wixl.current_dir(&folder)
        .arg("--output")
        .arg(&installer)
        .arg(root().join("packaging/windows/scmclient.wxs"));
    run(wixl)?;
    complete(&at, &installer)?;
    // Windows takes two files with the same number for the same file.
    let number = code(&format!("package {} {}", release.version, sha256(program)?))?;
    let mut summary = with_time(&at, "msibuild");
    summary.arg(&installer).args(["-s", TITLE, AUTHOR, TEMPLATE]);
    summary.arg(format!("{{{number}}}"));
    run(summary)
}

/// What wixl does not know.
fn complete(at: &str, installer: &Path) -> Result<()> {
    let file = root().join("packaging/windows/scmclient.sql");
    let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    for statement in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut change = with_time(at, "msibuild");
        change.arg(installer).args(["-q", statement]);
        run(change)?;
    }
    Ok(())
}

/// A command that sees a clock which stands still.
fn with_time(at: &str, program: &str) -> Command {
    let mut command = Command::new("faketime");
    command.args(["-f", at, program]).env("TZ", "UTC");
    command
}

fn time(release: &Release) -> Result<String> {
    let mut date = Command::new("date");
    date.args(["--utc", "+%Y-%m-%d %H:%M:%S", "--date"])
        .arg(format!("@{}", release.epoch));
    output(date).context("`date` does not understand the commit's time")
}

/// A version as Windows compares it: three numbers.
fn numeric(version: &str) -> &str {
    version.split(['-', '+']).next().unwrap_or(version)
}

/// A number in the form of a GUID that follows from a text (RFC 9562, version 8).
fn code(of: &str) -> Result<String> {
    let folder = tempfile::tempdir().context("a folder for a number")?;
    let file = folder.path().join("text");
    fs::write(&file, format!("openscm scmclient {of}")).context("a text for a number")?;
    let hash = sha256(&file)?.to_uppercase();
    Ok(formed(&hash))
}

fn formed(hash: &str) -> String {
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-8{}-8{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_the_text_and_are_well_formed() {
        let one = code("product 0.1.0").unwrap();
        assert_eq!(one, code("product 0.1.0").unwrap());
        assert_ne!(one, code("product 0.1.1").unwrap());
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(
            (one.as_bytes()[14], one.as_bytes()[19]),
            (b'8', b'8'),
            "version and variant: {one}"
        );
    }

    #[test]
    fn windows_compares_numbers_only() {
        assert_eq!(numeric("1.4.0-rc.1+7"), "1.4.0");
        assert_eq!(numeric("1.4.0"), "1.4.0");
    }
}
