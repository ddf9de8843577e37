//! What is offered, what is refused, and what a server can make of an action.

use super::*;
use scm_protocol::commands::catalogue::Parameter;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn action(program: &Path, arguments: &[&str], parameters: &[(&str, Option<&str>)]) -> Action {
    let parameters: Vec<Parameter> = parameters
        .iter()
        .map(|(name, pattern)| Parameter {
            name: (*name).to_owned(),
            description: String::new(),
            pattern: pattern.map(ToOwned::to_owned),
            max_length: 64,
        })
        .collect();
    let known = |name: &str| parameters.iter().any(|parameter| parameter.name == name);
    Action {
        arguments: arguments
            .iter()
            .map(|text| Template::parse(text, known).unwrap())
            .collect(),
        offered: OfferedAction {
            name: "it".to_owned(),
            description: String::new(),
            parameters,
            timeout_secs: 5,
            requires_confirmation: false,
            redacted: false,
        },
        program: program.to_owned(),
        user: None,
    }
}

/// Why an action is refused, as this machine's own log has it. What is told to others names nothing of the machine.
fn refused(action: &Action) -> Option<String> {
    let offer = Offer::new(vec![action.clone()], Protected::default());
    let told = &offer.catalogue().refused;
    assert_eq!(offer.catalogue().actions.len() + told.len(), 1);
    assert_eq!(told.len(), offer.refused().len());
    for refused in told {
        let folder = action.program.parent().unwrap().display().to_string();
        let named = !folder.is_empty() && refused.reason.contains(&folder);
        let user = action
            .user
            .as_deref()
            .is_some_and(|user| refused.reason.contains(user));
        assert!(!named && !user, "{}", refused.reason);
    }
    offer.refused().first().map(|(_, refused)| refused.to_string())
}

fn program(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, "#!/bin/true\n").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_plain_program_is_offered_without_path_and_arguments() {
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path(), "restart-web");
    let offer = Offer::new(
        vec![action(&path, &["--now", "{unit}"], &[("unit", Some("[a-z]+"))])],
        Protected::default(),
    );
    let told = serde_json::to_string(offer.catalogue()).unwrap();
    assert_eq!(offer.catalogue().actions.len(), 1);
    assert!(
        !told.contains("restart-web") && !told.contains("--now") && told.contains("[a-z]+"),
        "{told}"
    );
    let values = BTreeMap::from([("unit".to_owned(), "nginx".to_owned())]);
    let found = offer.program("it", &values).unwrap();
    assert_eq!(
        (found.path, found.arguments),
        (path, vec!["--now".to_owned(), "nginx".to_owned()])
    );
}

#[test]
fn shells_and_launchers_are_refused_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "sh", "bash", "zsh", "ksh93", "busybox", "pwsh", "env", "sudo", "xargs", "nohup", "BASH", "cmd.exe",
    ] {
        let reason = refused(&action(&program(folder.path(), name), &[], &[]));
        assert!(reason.is_some(), "{name}");
    }
    let link = folder.path().join("harmless");
    symlink(program(folder.path(), "dash"), &link).unwrap();
    assert!(refused(&action(&link, &[], &[])).unwrap().contains("shell"));
}

#[test]
fn interpreters_are_refused_with_code_and_allowed_with_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for (name, with_code) in [
        ("python3.11", "-c"),
        ("python3", "-Ic"),
        ("perl", "-e"),
        ("perl5.36", "-ne"),
        ("node", "--eval=1"),
        ("php8.2", "-r"),
        ("ruby", "-e1"),
        ("find", "-exec"),
        ("mawk", "{{print}}"),
        ("sed", "s/a/b/e"),
    ] {
        let path = program(folder.path(), name);
        let reason = refused(&action(&path, &[with_code, "x"], &[]));
        assert!(
            reason.as_ref().is_some_and(|reason| reason.contains("code")),
            "{name} {with_code}: {reason:?}"
        );
    }
    let python = program(folder.path(), "python3.11");
    assert_eq!(
        refused(&action(&python, &["/opt/report.py", "{unit}"], &[("unit", None)])),
        None
    );
    let awk = program(folder.path(), "mawk");
    assert_eq!(refused(&action(&awk, &["-f", "/opt/report.awk"], &[])), None);
}

#[test]
fn programs_that_others_could_replace_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path(), "tool");
    assert_eq!(refused(&action(&path, &[], &[])), None);
    for mode in [0o775, 0o757] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(
            refused(&action(&path, &[], &[]))
                .unwrap()
                .contains("written by others"),
            "{mode:o}"
        );
    }
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    let parent = folder.path().join("shared");
    fs::create_dir(&parent).unwrap();
    let inner = program(&parent, "tool");
    fs::set_permissions(&parent, Permissions::from_mode(0o777)).unwrap();
    assert!(refused(&action(&inner, &[], &[])).unwrap().contains("shared"));
    // A link does not hide where it leads.
    let link = folder.path().join("link");
    symlink(&inner, &link).unwrap();
    assert!(refused(&action(&link, &[], &[])).unwrap().contains("shared"));
}

#[test]
fn what_is_no_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("data");
    fs::write(&plain, "x").unwrap();
    fs::set_permissions(&plain, Permissions::from_mode(0o644)).unwrap();
    for path in [
        plain,
        folder.path().join("none"),
        folder.path().to_owned(),
        PathBuf::from("tool"),
        folder.path().join("../x"),
    ] {
        assert!(refused(&action(&path, &[], &[])).is_some(), "{}", path.display());
    }
    let path = program(folder.path(), "tool");
    let nobody = Action {
        user: Some("no-such-user".to_owned()),
        ..action(&path, &[], &[])
    };
    assert!(refused(&nobody).unwrap().contains("no-such-user"));
}

#[test]
fn the_agents_own_things_are_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let path = program(folder.path(), "tool");
    let protected = Protected::new([state.clone(), path.clone()], &["scmclient", "scmclient.service"]);
    let own = Offer::new(vec![action(&path, &[], &[])], protected.clone());
    assert!(own.catalogue().refused[0].reason.contains("agent itself"));
    let other = program(folder.path(), "other");
    let key = format!("--file={}/client.key", state.display());
    let around = format!("{}/../state/x", state.display());
    for argument in [
        key.as_str(),
        around.as_str(),
        "scmclient.service",
        "--units=ssh,scmclient",
    ] {
        let offer = Offer::new(vec![action(&other, &[argument], &[])], protected.clone());
        let told = &offer.catalogue().refused;
        assert_eq!(told.len(), 1, "{argument}");
        assert!(!told[0].reason.contains(argument), "{}", told[0].reason);
    }
    // And by way of a parameter.
    let offer = Offer::new(vec![action(&other, &["{what}"], &[("what", None)])], protected);
    let of = |value: &str| offer.program("it", &BTreeMap::from([("what".to_owned(), value.to_owned())]));
    assert!(of("nginx.service").is_ok());
    for value in [
        "scmclient.service".to_owned(),
        format!("{}/client.key", state.display()),
    ] {
        assert!(matches!(of(&value), Err(Denied::Protected(_))), "{value}");
    }
    let link = folder.path().join("elsewhere");
    symlink(&state, &link).unwrap();
    let through = format!("{}", link.display());
    assert!(
        matches!(of(&through), Err(Denied::Protected(_))),
        "through a link"
    );
    let new = of(&format!("{through}/new"));
    assert!(matches!(new, Err(Denied::Protected(_))), "what is not there yet");
}

#[test]
fn one_refused_action_does_not_keep_the_others_out() {
    let folder = tempfile::tempdir().unwrap();
    let good = action(&program(folder.path(), "tool"), &[], &[]);
    let mut bad = action(&program(folder.path(), "sh"), &[], &[]);
    bad.offered.name = "shell".to_owned();
    let offer = Offer::new(vec![bad, good], Protected::default());
    assert!(offer.program("it", &BTreeMap::new()).is_ok());
    assert_eq!(offer.program("shell", &BTreeMap::new()), Err(Denied::Unknown));
    assert_eq!(offer.program("nothing", &BTreeMap::new()), Err(Denied::Unknown));
    assert_eq!(offer.catalogue().problem(), None);
}

#[test]
fn a_program_that_was_changed_since_is_withdrawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = program(folder.path(), "tool");
    let offer = Offer::new(vec![action(&path, &[], &[])], Protected::default());
    assert!(offer.program("it", &BTreeMap::new()).is_ok());
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(
        offer.program("it", &BTreeMap::new()),
        Err(Denied::Withdrawn(_))
    ));
}
