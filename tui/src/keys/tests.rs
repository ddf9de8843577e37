//! The table against itself, the routes and the documentation.

use super::Key::{self, Ctrl};
use super::{BINDINGS, Binding, Danger, Scope};
use scm_protocol::access;

/// Taken by screen, tmux, flow control or the terminal itself.
const NEVER: [Key; 9] = [
    Ctrl('a'),
    Ctrl('b'),
    Ctrl('s'),
    Ctrl('q'),
    Ctrl('h'),
    Ctrl('i'),
    Ctrl('j'),
    Ctrl('m'),
    Ctrl('\\'),
];

#[test]
fn no_key_means_two_things_in_one_place() {
    for (index, one) in BINDINGS.iter().enumerate() {
        for other in &BINDINGS[index + 1..] {
            let clash = one.scope == other.scope && one.keys.iter().any(|key| other.keys.contains(key));
            assert!(!clash, "{:?} and {:?}", one.action, other.action);
        }
    }
}

#[test]
fn keys_of_multiplexers_are_left_alone() {
    assert!(
        BINDINGS
            .iter()
            .all(|binding| binding.keys.iter().all(|key| !NEVER.contains(key)))
    );
}

#[test]
fn every_route_is_served() {
    let routes = BINDINGS.iter().filter_map(|binding| binding.route);
    assert!(routes.clone().count() >= 6);
    for route in routes {
        assert!(access::by_name(route).is_some(), "{route}");
    }
}

/// The menu comes between; of a token or a setting, what is done at once is taken back by one key, and the rest is
/// typed; a job is cancelled or repeated after a question.
fn asks(binding: &Binding) -> bool {
    match binding.scope {
        Scope::Menu => true,
        Scope::Tokens | Scope::Groups | Scope::Settings => {
            matches!(binding.danger, Danger::Reversible | Danger::Destructive)
        }
        Scope::Jobs | Scope::Backups | Scope::Commands | Scope::Upgrades | Scope::Detail => {
            binding.danger == Danger::Affects
        }
        Scope::Users | Scope::Sessions | Scope::ApiTokens | Scope::SshKeys => {
            matches!(binding.danger, Danger::Affects | Danger::Destructive)
        }
        _ => false,
    }
}

#[test]
fn nothing_that_changes_the_server_for_good_is_one_key_away() {
    assert!(
        BINDINGS
            .iter()
            .all(|binding| binding.danger == Danger::None || asks(binding))
    );
}

#[test]
fn names_of_keys_are_read_back() {
    for key in BINDINGS.iter().flat_map(|binding| binding.keys) {
        assert_eq!(key.to_string().parse(), Ok(*key));
    }
}

/// The documentation lists every key with its meaning: this test prints the lines that are missing.
#[test]
fn the_documentation_lists_every_key() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/console.md");
    let docs = std::fs::read_to_string(path).unwrap_or_default();
    let mut missing = String::new();
    for binding in BINDINGS.iter() {
        let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
        let keys = if keys.is_empty() {
            format!("`:{}`", binding.name)
        } else {
            keys.join(" ")
        };
        let line =
            format!("| {keys} | {} | {} |", binding.text, binding.danger.word()).replace("|  |", "| |");
        if !docs.contains(&line) {
            missing.push_str(&format!("{}: {line}\n", binding.scope.title()));
        }
    }
    assert!(missing.is_empty(), "docs/console.md lacks:\n{missing}");
}
