//! `--twice`: whether the same sources give the same bytes again.

use super::signing::{Key, names, sha256};
use super::stage::empty;
use crate::build::{cargo, target};
use crate::needs;
use crate::process::{output, run};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds everything two times, each from nothing, and names what is not the same.
pub(super) fn compare(quick: bool, key: Option<&Path>) -> Result<()> {
    needs::ensure(super::NEEDS)?;
    super::tools::Tools::installed()?;
    let folder = target()?.join("twice");
    empty(&folder)?;
    // One key for both: signatures by two would differ by nature.
    let key = key.map_or_else(Key::throw_away_file, |key| Ok(key.to_owned()))?;
    let (first, second) = (folder.join("first"), folder.join("second"));
    for out in [&first, &second] {
        from_nothing(&folder.join("build"), quick, &key, out)?;
    }
    let different = different(&first, &second)?;
    if !different.is_empty() {
        for name in &different {
            println!(
                "different: {name}{}",
                inside(&first.join(name), &second.join(name))
            );
        }
        bail!(
            "{} files are not the same in two builds: {} and {}",
            different.len(),
            first.display(),
            second.display()
        );
    }
    println!(
        "\nboth builds are the same: {} files in {}",
        names(&first)?.len(),
        first.display()
    );
    Ok(())
}

/// Another process, because cargo is told by its environment where to build.
fn from_nothing(build: &Path, quick: bool, key: &Path, out: &Path) -> Result<()> {
    empty(build)?;
    // Only what is installed is kept, nothing that is built.
    symlink(
        target()?.join(super::tools::FOLDER),
        build.join(super::tools::FOLDER),
    )
    .context("the packager")?;
    let mut package = cargo(&["xtask", "package"]);
    if quick {
        package.arg("--quick");
    }
    package.arg("--key").arg(key).arg("--out").arg(out);
    package
        .env("CARGO_TARGET_DIR", build)
        .env("CARGO_INCREMENTAL", "0");
    run(package)?;
    fs::remove_dir_all(build).with_context(|| build.display().to_string())
}

/// The names of the files that are not in both, or not the same.
fn different(first: &Path, second: &Path) -> Result<Vec<String>> {
    let (first, second) = (sums(first)?, sums(second)?);
    let all = first
        .keys()
        .chain(second.keys().filter(|name| !first.contains_key(*name)));
    Ok(all
        .filter(|name| first.get(*name) != second.get(*name))
        .cloned()
        .collect())
}

fn sums(folder: &Path) -> Result<BTreeMap<String, String>> {
    let names = names(folder)?;
    names
        .into_iter()
        .map(|name| Ok((name.clone(), sha256(&folder.join(&name))?)))
        .collect()
}

/// What differs within a package, as far as that can be told.
fn inside(first: &Path, second: &Path) -> String {
    let listed = [first, second].map(|package| content(package).unwrap_or_default());
    let [first, second] = listed;
    let other = second
        .lines()
        .filter(|line| !first.lines().any(|known| known == *line));
    other.map(|line| format!("\n    {line}")).collect()
}

/// Every file of a package, with what it is made of.
fn content(package: &Path) -> Option<String> {
    let kind = package.extension()?.to_str()?;
    let folder = tempfile::tempdir().ok()?;
    let unpacked: PathBuf = folder.path().to_owned();
    let mut unpack = match kind {
        "deb" => Command::new("dpkg-deb"),
        "rpm" => {
            let mut dump = Command::new("rpm");
            dump.args(["-qp", "--dump"]).arg(package);
            return output(dump);
        }
        _ => return None,
    };
    unpack.arg("--raw-extract").arg(package).arg(&unpacked);
    output(unpack)?;
    let mut sums = Command::new("sh");
    sums.args(["-c", "find . -type f -exec sha256sum {} + | sort -k 2"])
        .current_dir(&unpacked);
    output(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_changed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("1"), folder.path().join("2"));
        for (place, files) in [(&first, ["a", "b", "c"]), (&second, ["a", "b", "d"])] {
            fs::create_dir(place).unwrap();
            for file in files {
                fs::write(place.join(file), file).unwrap();
            }
        }
        fs::write(second.join("b"), "other").unwrap();
        assert_eq!(different(&first, &second).unwrap(), ["b", "c", "d"]);
        assert!(different(&first, &first).unwrap().is_empty());
    }
}
