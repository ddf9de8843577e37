//! Manual pages of the configuration files (section 5).

use crate::sources::{Section, Sources};
use anyhow::{Context, Result};
use roff::{Inline, Roff, bold, roman};
use std::path::Path;

/// A configuration file, and the sources that read it.
struct File {
    name: &'static str,
    path: &'static str,
    about: &'static str,
    program: &'static str,
    /// Of each kind of file: the text of the sources.
    sources: &'static [&'static str],
    /// The structure that the whole file is read into.
    root: &'static str,
}

const FILES: [File; 2] = [
    File {
        name: "scmserver.config",
        path: "/etc/openscm/scmserver.config",
        about: "configuration of the OpenSCM server",
        program: "scmserver",
        sources: &[
            include_str!("../../server/src/config/mod.rs"),
            include_str!("../../server/src/config/sections.rs"),
            include_str!("../../server/src/config/proxy.rs"),
            include_str!("../../server/src/config/audit.rs"),
        ],
        root: "Config",
    },
    File {
        name: "scmclient.config",
        path: "/etc/openscm/scmclient.config",
        about: "configuration of the OpenSCM agent",
        program: "scmclient",
        sources: &[include_str!("../../agent/src/config/file.rs")],
        root: "Settings",
    },
];

/// What is true of both files.
const FORM: &str = "The file is TOML. A key that is not known, and a value that will not do, is refused at the start with file, \
                    line and what was probably meant; nothing is started then. A key that is missing has its default. What was \
                    changed takes effect when the program is started again.";

/// Writes one page for each file.
pub(crate) fn write(folder: &Path) -> Result<()> {
    for file in &FILES {
        let sections = Sources::read(file.sources)?.sections(file.root)?;
        let path = folder.join(format!("{}.5", file.name));
        let page = page(file, &sections).render();
        std::fs::write(&path, page).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn page(file: &File, sections: &[Section]) -> Roff {
    let mut page = Roff::new();
    let version = format!("OpenSCM {}", env!("CARGO_PKG_VERSION"));
    page.control("TH", [file.name, "5", " ", version.as_str(), "OpenSCM"]);
    page.control("SH", ["NAME"]);
    page.text([roman(format!("{} - {}", file.name, file.about))]);
    page.control("SH", ["SYNOPSIS"]);
    page.text([bold(file.path)]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(FORM)]);
    page.control("PP", []);
    let check = format!("{} check-config", file.program);
    page.text([bold(check), roman(" checks it and starts nothing.")]);
    for section in sections {
        page.control("SH", [section.heading.as_str()]);
        if !section.about.is_empty() {
            page.text(marked(&section.about));
        }
        for key in &section.keys {
            page.control("TP", []);
            page.text([bold(key.name.clone())]);
            page.text(marked(&key.about));
        }
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold(file.program), roman("(1)")]);
    page
}

/// Text with `code` in bold, and without the brackets around names of the sources.
fn marked(text: &str) -> Vec<Inline> {
    let plain = text.replace("[`", "`").replace("`]", "`");
    let parts = plain.split('`').enumerate();
    parts
        .filter(|(_, part)| !part.is_empty())
        .map(|(at, part)| if at % 2 == 1 { bold(part) } else { roman(part) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The keys that a program would have taken in place of one that it does not know, as it says itself.
    fn taken(file: &File, heading: &str) -> BTreeSet<String> {
        let required = "[server]\nurl = \"https://localhost\"\n";
        let before = if file.program == "scmclient" && heading != "[server]" {
            required
        } else {
            ""
        };
        let text = match heading {
            "[[action.parameter]]" => {
                "[[action]]\nname = \"a\"\nprogram = \"/bin/true\"\n[[action.parameter]]\n"
            }
            _ => heading,
        };
        let text = format!("{before}{text}\nno_such_key = 1\n");
        let place = Path::new("f");
        let error = if file.program == "scmclient" {
            let document = scm_settings::Document::new(&text, place);
            document
                .parse::<scmclient::config::Settings>()
                .map(drop)
                .unwrap_err()
        } else {
            scmserver::config::Config::parse(&text, place)
                .map(drop)
                .unwrap_err()
        };
        let error = error.to_string();
        let (_, expected) = error
            .split_once("expected")
            .unwrap_or_else(|| panic!("{heading}: {error}"));
        let names = expected.split('`').enumerate().filter(|(at, _)| at % 2 == 1);
        names.map(|(_, name)| name.to_owned()).collect()
    }

    #[test]
    fn every_key_that_is_taken_is_described_and_no_other() {
        for file in &FILES {
            let sections = Sources::read(file.sources).unwrap().sections(file.root).unwrap();
            assert!(sections.len() > 4, "{}", file.name);
            for section in &sections {
                let mut described: BTreeSet<_> = section.keys.iter().map(|key| key.name.clone()).collect();
                if section.heading == "[[action]]" {
                    // A section of its own.
                    described.insert("parameter".to_owned());
                }
                assert_eq!(described, taken(file, &section.heading), "{}", section.heading);
                for key in &section.keys {
                    assert!(!key.about.is_empty(), "{} {}", section.heading, key.name);
                }
            }
        }
    }

    #[test]
    fn every_section_has_a_page_in_which_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let (server, agent) = (page("scmserver.config.5"), page("scmclient.config.5"));
        for heading in ["[server]", "[[audit.forward]]", "[packages]", "[log]"] {
            assert!(server.contains(&format!(".SH {heading}")), "{heading}");
        }
        for heading in ["[server]", "[[action]]", "[[action.parameter]]", "[upgrade]"] {
            assert!(agent.contains(&format!(".SH {heading}")), "{heading}");
        }
        assert!(!server.contains('`') && !agent.contains('`'));
    }
}
