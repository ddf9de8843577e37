//! `docs/rules.md` says what the catalogue says.

use scm_protocol::rules::{Field, Kind, Operator};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn every_field_is_documented_as_it_is() {
    let page = page();
    for info in Field::all() {
        let several = if info.several { ", several" } else { "" };
        let place = if info.in_rules {
            "rules, filters"
        } else {
            "filters"
        };
        let kind = info.kind.as_str();
        let line = format!(
            "| `{}` | {kind}{several} | {} | `{}` | {place} |",
            info.name, info.hint, info.example
        );
        assert!(page.contains(&line), "docs/rules.md lacks:\n{line}");
    }
}

#[test]
fn every_operator_stands_at_its_types() {
    let page = page();
    let line = |kind: Kind| {
        let start = format!("| {} |", kind.as_str());
        page.lines()
            .find(|line| line.starts_with(&start))
            .unwrap()
            .to_owned()
    };
    for kind in [Kind::Text, Kind::Enum, Kind::Number, Kind::Boolean] {
        for operator in Operator::ALL {
            let named = line(kind).contains(&format!("`{operator}"));
            assert!(
                named || !kind.allows(operator),
                "{operator} is missing at {}",
                kind.as_str()
            );
        }
    }
    assert!(line(Kind::Ip).contains("in_cidr") && line(Kind::Version).contains("`ge`"));
}

#[test]
fn the_example_is_a_filter() {
    let page = page();
    let example = page.split("```").nth(1).unwrap();
    crate::Filter::parse(example).unwrap();
}
