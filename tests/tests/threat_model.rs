//! The threat model names the test that shows each of its rows: there has to be one of that name.

use anyhow::{Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Names of all functions, files and folders of the workspace's Rust sources.
fn names(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        if path.is_dir() {
            if !name.starts_with('.') && !name.starts_with("target") {
                found.insert(name.to_owned());
                names(&path, found)?;
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.insert(name.to_owned());
            let text = fs::read_to_string(&path)?;
            let functions = text.split("fn ").skip(1);
            found.extend(functions.map(|rest| rest.chars().take_while(|c| is_part_of_name(*c)).collect()));
        }
    }
    Ok(())
}

fn is_part_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// What stands in the last column of a row: `file::name`, with a crate before it where it is no end-to-end test.
fn tests_of(row: &str) -> Vec<&str> {
    let last = row.trim().trim_end_matches('|').rsplit('|').next().unwrap_or("");
    let quoted = last.split('`').skip(1).step_by(2);
    quoted
        .map(|text| text.rsplit(' ').next().unwrap_or(text))
        .filter(|text| {
            text.split("::")
                .all(|part| part == "…" || part.chars().all(is_part_of_name))
        })
        .collect()
}

#[test]
fn every_test_that_is_named_exists() -> Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let text = fs::read_to_string(root.join("docs/threat-model.md"))?;
    let mut known = BTreeSet::new();
    names(root, &mut known)?;
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
    let named: Vec<&str> = rows.iter().flat_map(|row| tests_of(row)).collect();
    ensure!(named.len() > 50, "only {} tests are named", named.len());
    for test in named {
        for part in test.split("::").filter(|part| *part != "…") {
            ensure!(known.contains(part), "there is no `{part}` of `{test}`");
        }
    }
    Ok(())
}
