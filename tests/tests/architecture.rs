//! Who may know whom: between crates, and between the rooms of the server.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each crate of ours may depend on, among ours.
const MAY_DEPEND: &[(&str, &[&str])] = &[
    ("scm-protocol", &[]),
    // Not the agent: it would carry the engine of regular expressions with it.
    ("scm-rules", &["scm-protocol"]),
    ("scm-settings", &[]),
    ("scm-tls", &[]),
    (
        "scmserver",
        &["scm-protocol", "scm-rules", "scm-settings", "scm-tls"],
    ),
    // Empty but on Windows.
    ("scm-windows", &[]),
    (
        "scmclient",
        &["scm-protocol", "scm-settings", "scm-tls", "scm-windows"],
    ),
    (
        "scmtui",
        &["scm-protocol", "scm-rules", "scm-settings", "scm-tls"],
    ),
    ("scm-tests", &["scm-protocol", "scm-settings", "scm-tls"]),
    // Only their command lines and settings, which it describes.
    (
        "scm-manuals",
        &["scm-settings", "scmclient", "scmserver", "scmtui"],
    ),
    ("xtask", &[]),
];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn crates_depend_in_one_direction() -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
        .current_dir(root())
        .output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("packages")?;
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let listed: BTreeSet<&str> = MAY_DEPEND.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        ours, listed,
        "a crate came or went: say above what it may depend on"
    );
    for package in packages {
        let name = package["name"].as_str().context("name")?;
        let (_, allowed) = MAY_DEPEND
            .iter()
            .find(|(listed, _)| *listed == name)
            .context("listed")?;
        for dependency in package["dependencies"].as_array().context("dependencies")? {
            let dependency = dependency["name"].as_str().context("name")?;
            assert!(
                !ours.contains(dependency) || allowed.contains(&dependency),
                "{name} must not depend on {dependency}"
            );
        }
    }
    Ok(())
}

/// A source file of the server: its room, its name, and the lines that are code outside its tests.
struct Source {
    path: PathBuf,
    room: Option<String>,
    file: String,
    code: String,
}

fn server_sources() -> Result<Vec<Source>> {
    let source = root().join("server/src");
    let mut found = Vec::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(&source, path)?);
            }
        }
    }
    Ok(found)
}

fn read(source: &Path, path: PathBuf) -> Result<Source> {
    let text = fs::read_to_string(&path)?;
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    let within = path.strip_prefix(source)?;
    let room = within.parent().and_then(|folder| folder.iter().next());
    Ok(Source {
        room: room.map(|room| room.to_string_lossy().into_owned()),
        file: path.file_stem().context("name")?.to_string_lossy().into_owned(),
        code,
        path,
    })
}

/// A room's `routes`, and what begins or ends so: `agent_routes`.
fn layer(source: &Source) -> Option<&'static str> {
    ["routes", "service", "store"]
        .into_iter()
        .find(|layer| source.file == *layer || source.file.ends_with(&format!("_{layer}")))
}

/// Whether `code` names the crate, as `use name` or `name::`.
fn knows(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        !before.is_alphanumeric() && before != '_'
    })
}

#[test]
fn only_stores_and_storage_know_diesel() -> Result<()> {
    let mut stores = 0;
    for source in server_sources()? {
        let may = layer(&source) == Some("store")
            || source.room.as_deref() == Some("storage")
            || source.file == "error";
        stores += usize::from(layer(&source) == Some("store"));
        assert!(
            may || !knows(&source.code, "diesel"),
            "{} knows diesel",
            source.path.display()
        );
    }
    assert!(stores >= 3, "the stores were not found");
    Ok(())
}

#[test]
fn services_and_stores_know_no_warp() -> Result<()> {
    for source in server_sources()? {
        let may = !matches!(layer(&source), Some("service" | "store"));
        assert!(
            may || !knows(&source.code, "warp"),
            "{} knows warp",
            source.path.display()
        );
    }
    Ok(())
}

#[test]
fn no_room_uses_the_store_of_another_and_no_route_uses_a_store() -> Result<()> {
    let sources = server_sources()?;
    let rooms: BTreeSet<&String> = sources.iter().filter_map(|source| source.room.as_ref()).collect();
    assert!(rooms.len() >= 4, "the rooms were not found");
    for source in &sources {
        for room in &rooms {
            let foreign = source.room.as_ref() != Some(room) && room.as_str() != "storage";
            let store = format!("{room}::store");
            assert!(
                !(foreign && source.code.contains(&store)),
                "{} uses {store}",
                source.path.display()
            );
        }
        let own = ["super::store", "use store", " store::"];
        assert!(
            layer(source) != Some("routes") || !own.iter().any(|path| source.code.contains(path)),
            "{} is a route and uses a store",
            source.path.display()
        );
    }
    Ok(())
}
