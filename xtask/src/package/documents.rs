//! What lies beside the programs: manual pages, completions, changelog, licenses.

use super::Release;
use super::libraries::{self, PROGRAMS};
use super::stage::Stage;
use super::windows;
use crate::build::root;
use crate::process::{output, run};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes them all.
pub(super) fn write(release: &Release, stage: &Stage) -> Result<()> {
    let mut manuals = Command::new(stage.folder().join("bin/scm-manuals"));
    manuals
        .arg(stage.folder())
        .env("SOURCE_DATE_EPOCH", &release.epoch);
    run(manuals)?;
    for page in files(&stage.part("man"))? {
        compress(&page)?;
    }
    stage.copy(&root().join("packaging/linux/copyright"), "doc/copyright")?;
    stage.write("doc/changelog.Debian", &changelog(release)?)?;
    stage.write("doc/licenses", &licenses()?)?;
    compress(&stage.folder().join("doc/changelog.Debian"))?;
    compress(&stage.folder().join("doc/licenses"))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// Without name and time in it, so that it is the same each time.
fn compress(file: &Path) -> Result<()> {
    let mut gzip = Command::new("gzip");
    gzip.args(["-9", "--no-name", "--force"]).arg(file);
    run(gzip)
}

/// One entry in Debian's form, which points to the changes for people.
fn changelog(release: &Release) -> Result<String> {
    let mut date = Command::new("date");
    date.args(["--utc", "--rfc-email", "--date"])
        .arg(format!("@{}", release.epoch));
    let date = output(date).context("`date` does not understand the commit's time")?;
    Ok(format!(
        "openscm ({}-1) unstable; urgency=medium\n\n  * See CHANGELOG.md of the source.\n\n -- {MAINTAINER}  {date}\n",
        release.version
    ))
}

/// As in the packages' descriptions.
const MAINTAINER: &str = "OpenSCM packagers <packages@openscm.invalid>";

/// Every crate that is part of a shipped program, with its license and the text of it.
fn licenses() -> Result<String> {
    let mut shipped = libraries::linked_into(&PROGRAMS, None)?;
    shipped.extend(libraries::linked_into(&["scmclient"], Some(windows::TARGET))?);
    let mut text = String::from("Libraries in the programs of OpenSCM, and their licenses.\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for library in libraries::all()? {
        let title = library.title();
        if !shipped.contains(&title) {
            continue;
        }
        let license = library.license.as_deref().unwrap_or("see the license text");
        writeln!(text, "{title}: {license}")?;
        for found in license_texts(&library.manifest)? {
            texts.entry(found).or_default().push(title.clone());
        }
    }
    for (license, crates) in texts {
        write!(
            text,
            "\n{}\n{}:\n\n{}\n",
            "-".repeat(78),
            crates.join(", "),
            license.trim_end()
        )?;
    }
    Ok(text)
}

/// The texts of `LICENSE*`, `COPYING*` and `NOTICE*` beside a manifest.
fn license_texts(manifest: &Path) -> Result<Vec<String>> {
    let folder = manifest.parent().context("cargo metadata")?;
    let mut texts = Vec::new();
    for path in files(folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().to_uppercase());
        let is_one = name.is_some_and(|name| {
            ["LICENSE", "LICENCE", "COPYING", "NOTICE"]
                .iter()
                .any(|begin| name.starts_with(begin))
        });
        if is_one && path.is_file() {
            texts.push(String::from_utf8_lossy(&fs::read(&path)?).into_owned());
        }
    }
    Ok(texts)
}
