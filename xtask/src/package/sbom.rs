//! What each program is made of, for machines: CycloneDX 1.5 in JSON.

use super::Release;
use super::agents::AGENTS;
use super::libraries::{self, Library};
use super::windows;
use crate::process::output;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is described: the program, the file, and the target that it was built for; none for that of this machine.
struct Described {
    program: &'static str,
    file: String,
    target: Option<&'static str>,
}

/// Writes `PROGRAM_VERSION.cdx.json` for server and console, and one for each agent beside it.
pub(super) fn write(release: &Release, out: &Path) -> Result<()> {
    let all = libraries::all()?;
    let time = time(release)?;
    for described in everything(release) {
        let linked = libraries::linked_into(&[described.program], described.target)?;
        let parts: Vec<Value> = all
            .iter()
            .filter(|library| linked.contains(&library.title()))
            .map(component)
            .collect();
        let document = json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": {
                "timestamp": time,
                "component": {
                    "type": "application",
                    "name": described.program,
                    "version": release.version,
                    "licenses": [{ "expression": "Apache-2.0" }],
                },
            },
            "components": parts,
        });
        let path = out.join(&described.file);
        let text = serde_json::to_string_pretty(&document)?;
        fs::write(&path, text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn everything(release: &Release) -> Vec<Described> {
    let native = ["scmserver", "scmtui"].map(|program| Described {
        program,
        file: format!("{program}_{}.cdx.json", release.version),
        target: None,
    });
    let agents = AGENTS.iter().map(|agent| Described {
        program: "scmclient",
        file: format!("{}.cdx.json", agent.file(release)),
        target: Some(agent.target),
    });
    let windows = Described {
        program: "scmclient",
        file: format!("{}.cdx.json", windows::file(release)),
        target: Some(windows::TARGET),
    };
    native.into_iter().chain(agents).chain([windows]).collect()
}

fn component(library: &Library) -> Value {
    let Library { name, version, .. } = library;
    let mut component = json!({
        "type": "library",
        "name": name,
        "version": version,
        "purl": format!("pkg:cargo/{name}@{version}"),
        "scope": "required",
    });
    if let Some(license) = &library.license {
        // Old manifests write `MIT/Apache-2.0`, which is no SPDX expression.
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    if let Some(checksum) = &library.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = &library.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

/// That of the commit: the same commit gives the same bytes.
fn time(release: &Release) -> Result<String> {
    let mut date = Command::new("date");
    date.args(["--utc", "+%Y-%m-%dT%H:%M:%SZ", "--date"])
        .arg(format!("@{}", release.epoch));
    output(date).context("`date` does not understand the commit's time")
}
