use super::*;
use scm_protocol::identity::Fingerprint;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn bootstrap(token: Option<&str>) -> Bootstrap {
    Bootstrap {
        url: "https://scm.example.com:8443".to_owned(),
        organization: "site-7".parse().unwrap(),
        ca_pin: Some(Fingerprint([7; 32])),
        server_key_pin: Fingerprint([9; 32]),
        enrollment_token: token.map(str::to_owned),
    }
}

fn prepare(
    bootstrap: &Bootstrap,
    path: &Path,
    state_folder: Option<&Path>,
    force: bool,
    stamp_secs: i64,
) -> Result<Prepared, Error> {
    plan(bootstrap, path, state_folder, force)?.carry_out(stamp_secs)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_configuration_says_what_the_string_says() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("etc/scmclient.config");
    let state = parent.path().join("a \"state\" \\ folder");
    let made = bootstrap(Some("oscm_secret"));
    let prepared = prepare(&made, &path, Some(&state), false, 1).unwrap();
    assert_eq!(prepared.former, None);
    let config = config::load(&path).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let server = &config.servers[0];
    assert_eq!(
        (&server.url, &server.organization),
        (&made.url, &made.organization)
    );
    assert_eq!(server.trust, scm_tls::Trust::CaPin([7; 32]));
    assert_eq!(server.server_key_pin, Some(made.server_key_pin));
    assert_eq!(server.enrollment_token.as_ref().unwrap().reveal(), "oscm_secret");
    assert_eq!((config.state_folder, mode(&path)), (state, 0o600));
}

#[test]
fn without_a_secret_everyone_may_read_it() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("scmclient.config");
    prepare(&bootstrap(None), &path, Some(&parent.path().join("s")), false, 1).unwrap();
    assert_eq!(mode(&path), 0o644);
}

#[test]
fn another_configuration_is_left_alone_or_kept() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("scmclient.config");
    let state = parent.path().join("state");
    let again = |force| prepare(&bootstrap(None), &path, Some(&state), force, 7);
    fs::write(&path, "mine").unwrap();
    let error = again(false).unwrap_err();
    assert!(error.to_string().contains("--force"), "{error}");
    assert!(!state.exists(), "nothing may be made before");
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");

    let former = again(true).unwrap().former.unwrap();
    assert_eq!(fs::read_to_string(&former).unwrap(), "mine");
    assert!(former.ends_with("scmclient.config.former-7"));
    assert_eq!(again(false).unwrap().former, None, "the same one is no other");
    fs::write(&path, "mine too").unwrap();
    let other = again(true).unwrap().former.unwrap();
    assert!(other != former && fs::read_to_string(&former).unwrap() == "mine");
    assert!(!path.with_extension("config.tmp").exists());
}

#[test]
fn what_cannot_be_written_is_named_and_nothing_is_left_behind() {
    let parent = tempfile::tempdir().unwrap();
    let blocked = parent.path().join("blocked");
    fs::write(&blocked, "").unwrap();
    let path = parent.path().join("scmclient.config");
    let error = prepare(&bootstrap(None), &path, Some(&blocked.join("state")), false, 1).unwrap_err();
    assert!(error.to_string().contains("blocked/state"), "{error}");
    assert!(!path.exists());
    let state = parent.path().join("state");
    let error = prepare(
        &bootstrap(None),
        &blocked.join("x.config"),
        Some(&state),
        false,
        1,
    )
    .unwrap_err();
    assert!(error.to_string().contains("blocked"), "{error}");
    let error = prepare(&bootstrap(None), &path, Some(Path::new("relative")), false, 1).unwrap_err();
    assert!(matches!(error, Error::StateFolder));
}

#[test]
fn a_running_agent_is_not_disturbed() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("state");
    let _running = StateFolder::open(&state).unwrap();
    let path = parent.path().join("scmclient.config");
    let error = prepare(&bootstrap(None), &path, Some(&state), false, 1).unwrap_err();
    assert!(error.to_string().contains("systemctl stop"), "{error}");
    assert!(!path.exists());
}
