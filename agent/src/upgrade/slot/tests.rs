//! One upgrade at a time, and what is left of it after a restart.

use super::*;
use crate::clock::SystemClock;
use crate::upgrade::record::tests::{NOW, record};
use ed25519_dalek::SigningKey;
use scm_protocol::commands::order::Order;
use scm_protocol::ids::{CommandId, Organization, SystemId};
use scm_protocol::upgrades::order::{UPGRADE, UpgradeOrder};
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::release::ReleaseKey;

fn tag() -> ServerTag {
    ServerTag::of("https://scm.example.com")
}

fn upgrades(parent: &tempfile::TempDir) -> Arc<Upgrades> {
    let folder = Arc::new(StateFolder::open(&parent.path().join("client")).unwrap());
    let record = Record::open(&folder, NOW).unwrap();
    let policy = Policy {
        enabled: true,
        keys: vec![ReleaseKey::parse("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").unwrap()],
        platform: Platform::of_this_program(),
        version: "1.4.0".to_owned(),
    };
    Arc::new(Upgrades::new(policy, record, folder, Arc::new(SystemClock), drop))
}

fn signed(id: i64, body: &str) -> AuthenticOrder {
    let key = SigningKey::from_bytes(&[1; 32]);
    let order = Order {
        id: CommandId(id),
        system: SystemId(7),
        kind: UPGRADE.to_owned(),
        body: body.to_owned(),
        issued_ms: NOW,
        expires_ms: NOW,
        nonce: format!("{id:032}"),
    };
    let organization = Organization::default();
    order
        .sign(&key, &organization)
        .verify(&key.verifying_key().into(), &organization)
        .unwrap()
}

fn order(id: i64, version: &str) -> AuthenticOrder {
    let platform = Platform::of_this_program().unwrap();
    let sha256 = "0a".repeat(32);
    let upgrade = UpgradeOrder {
        version: version.to_owned(),
        size: 9,
        signature: format!("x\ntrusted comment: openscm scmclient {version} {platform} sha256:{sha256}\n"),
        platform,
        sha256,
        deadline_secs: 180,
    };
    signed(id, &serde_json::to_string(&upgrade).unwrap())
}

fn ended() -> End {
    crate::upgrade::record::end(EndOutcome::Refused, Some("x"))
}

#[test]
fn one_upgrade_at_a_time_whoever_ordered_it() {
    let parent = tempfile::tempdir().unwrap();
    let one = upgrades(&parent);
    let other_server = ServerTag::of("https://other.example.com");
    one.accept(&tag(), &order(1, "1.5.0")).unwrap();
    one.accept(&tag(), &order(1, "1.5.0")).unwrap();
    for (server, words) in [(tag(), "this server"), (other_server.clone(), "another server")] {
        let (outcome, reason) = one.accept(&server, &order(2, "1.6.0")).unwrap_err();
        assert_eq!(outcome, EndOutcome::Busy);
        assert!(reason.contains("to 1.5.0") && reason.contains(words), "{reason}");
    }
    assert!(one.fetching(&tag()).is_some() && one.fetching(&other_server).is_none());
    assert_eq!(
        one.held(&other_server, &order(1, "1.5.0").get().name()),
        Held::Nothing
    );
    drop(one);
    let again = upgrades(&parent);
    let name = order(1, "1.5.0").get().name();
    assert_eq!(again.held(&tag(), &name), Held::Open);
    again.close(&name, &ended()).unwrap();
    assert_eq!(again.held(&tag(), &name), Held::Nothing);
    again.accept(&other_server, &order(2, "1.6.0")).unwrap();
}

#[test]
fn what_is_refused_changes_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let one = upgrades(&parent);
    for refused in [order(1, "1.4.0"), signed(1, "{}"), signed(1, r#"{"shell":"x"}"#)] {
        let (outcome, _) = one.accept(&tag(), &refused).unwrap_err();
        assert_eq!(outcome, EndOutcome::Refused);
    }
    assert!(!parent.path().join("client/upgrade.record").exists());
    assert!(!parent.path().join("client/upgrade").exists());
}

#[test]
fn what_the_journal_never_began_is_forgotten() {
    let parent = tempfile::tempdir().unwrap();
    let one = upgrades(&parent);
    one.accept(&tag(), &order(1, "1.5.0")).unwrap();
    one.reconcile(&tag(), |_| true).unwrap();
    assert!(one.fetching(&tag()).is_some());
    one.reconcile(&ServerTag::of("https://other.example.com"), |_| false)
        .unwrap();
    assert!(one.fetching(&tag()).is_some());
    one.reconcile(&tag(), |_| false).unwrap();
    assert!(one.fetching(&tag()).is_none());
    one.accept(&tag(), &order(2, "1.6.0")).unwrap();
}

#[test]
fn an_end_stays_until_the_journal_has_it() {
    let parent = tempfile::tempdir().unwrap();
    let mut told = record(Step::Ended(ended()));
    let job = told.job.as_mut().unwrap();
    job.server = tag().to_string();
    let name = job.command.clone();
    told.write(&StateFolder::open(&parent.path().join("client")).unwrap())
        .unwrap();
    let one = upgrades(&parent);
    assert_eq!(one.held(&tag(), &name), Held::Ended(ended()));
    let (outcome, _) = one.accept(&tag(), &order(9, "1.6.0")).unwrap_err();
    assert_eq!(outcome, EndOutcome::Busy);
    one.reconcile(&tag(), |_| true).unwrap();
    assert_eq!(one.held(&tag(), &name), Held::Nothing);
}

#[test]
fn a_new_program_waits_for_what_runs_and_lets_nothing_begin() {
    let parent = tempfile::tempdir().unwrap();
    let one = upgrades(&parent);
    let running = one.enter().unwrap();
    assert!(!one.quiesce());
    assert!(one.enter().is_none());
    drop(running);
    assert!(one.quiesce());
}
