//! Orders to upgrade by a server that may order whatever it likes: what the agent says of each, and that it changes nothing.

use crate::fake_server::{FakeServer, Request};
use crate::running::{Running, eventually, honest, server_key};
use minisign::KeyPair;
use scm_protocol::commands::order::{Order, SignedOrder};
use scm_protocol::ids::{CommandId, Organization, SystemId, UnixMillis};
use scm_protocol::upgrades::order::{UPGRADE, UpgradeOrder};
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::release::ReleaseKey;
use scm_protocol::upgrades::statement::PackageStatement;
use scmclient::upgrade::Policy;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;

/// The server's time in the honest answers.
const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const PROGRAM: &[u8] = b"#!/bin/sh\necho scmclient 1.5.0\n";

fn policy(key: &KeyPair) -> Policy {
    Policy {
        version: "1.4.0".to_owned(),
        ..Policy::of_this_program(true, vec![ReleaseKey::parse(&key.pk.to_base64()).unwrap()])
    }
}

/// As a server that is not hostile orders it.
fn upgrade(key: &KeyPair) -> UpgradeOrder {
    let platform = Platform::of_this_program().unwrap();
    let sha256 = "4f8a".repeat(16);
    let statement = PackageStatement::of_agent("1.5.0", platform.clone(), &sha256).to_string();
    let signature = minisign::sign(Some(&key.pk), &key.sk, PROGRAM, Some(&statement), None);
    UpgradeOrder {
        platform,
        version: "1.5.0".to_owned(),
        size: i64::try_from(PROGRAM.len()).unwrap(),
        sha256,
        signature: signature.unwrap().into_string(),
        deadline_secs: 180,
    }
}

fn order(id: i64, body: String, expires: UnixMillis) -> SignedOrder {
    let order = Order {
        id: CommandId(id),
        system: SystemId(42),
        kind: UPGRADE.to_owned(),
        body,
        issued_ms: NOW,
        expires_ms: expires,
        nonce: format!("{id:032x}"),
    };
    order.sign(&server_key(), &Organization::default())
}

/// A server that hands these orders out, and gives these bytes as whatever part is asked for.
fn serving(orders: Vec<SignedOrder>, part: &'static [u8]) -> FakeServer {
    let orders = Mutex::new(orders);
    FakeServer::start(move |request: &Request, session| {
        use std::io::Write;
        let reply = match request.path.as_str() {
            "/agent/v1/packages" => request.signed_reply(&server_key(), 200, part),
            "/agent/v1/checkin" if is_introduced(request) => {
                let commands = std::mem::take(&mut *orders.lock().unwrap());
                let body = json!({
                    "status": "active", "next_checkin_secs": 1, "server_time_ms": NOW, "commands": commands,
                });
                request.signed_reply(&server_key(), 200, body.to_string().as_bytes())
            }
            "/agent/v1/results" => {
                let body = json!({ "server_time_ms": NOW });
                request.signed_reply(&server_key(), 200, body.to_string().as_bytes())
            }
            _ => honest(request),
        };
        session.write_all(&reply).is_ok()
    })
}

fn is_introduced(request: &Request) -> bool {
    String::from_utf8_lossy(&request.body).contains("\"has_server_key\":true")
}

/// The end that was reported of a command.
fn end_of(server: &FakeServer, id: i64) -> Option<Value> {
    let results = server
        .requests()
        .into_iter()
        .filter(|request| request.path == "/agent/v1/results");
    results
        .filter_map(|request| serde_json::from_slice::<Value>(&request.body).ok())
        .flat_map(|message| message["reports"].as_array().cloned().unwrap_or_default())
        .find(|report| report["command"]["id"] == id && report["event"]["kind"] == "ended")
        .map(|report| report["event"].clone())
}

fn await_end(server: &FakeServer, id: i64) -> (String, String) {
    eventually("the end to be told", || end_of(server, id).is_some());
    let end = end_of(server, id).unwrap();
    let text = |name: &str| end[name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("reason"))
}

fn assert_untouched(parent: &Path) {
    let upgrade = parent.join("client/upgrade");
    let left = std::fs::read_dir(upgrade).map_or(0, Iterator::count);
    assert_eq!(left, 0, "something is left on the disk");
}

#[test]
fn whatever_is_wrong_with_an_order_is_said_and_nothing_is_changed() {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let good = upgrade(&key);
    let changed = |change: &dyn Fn(&mut UpgradeOrder)| {
        let mut order = good.clone();
        change(&mut order);
        serde_json::to_string(&order).unwrap()
    };
    let later = NOW.plus(60_000);
    let extra = changed(&|_| {}).replacen('{', "{\"shell\":\"x\",", 1);
    let cases = [
        (
            changed(&|order| order.platform = "sparc-solaris".parse().unwrap()),
            later,
            "refused",
            "is for sparc-solaris",
        ),
        (
            changed(&|order| order.version = "1.4.0".to_owned()),
            later,
            "refused",
            "not newer than 1.4.0",
        ),
        (
            changed(&|order| order.version = "1.3.9".to_owned()),
            later,
            "refused",
            "downgrades are refused",
        ),
        (
            changed(&|order| order.version = "1.6.0".to_owned()),
            later,
            "refused",
            "is for the version 1.5.0",
        ),
        (
            changed(&|order| order.size = 65 * 1024 * 1024),
            later,
            "refused",
            "`size`",
        ),
        (
            changed(&|order| order.sha256 = "../x".to_owned()),
            later,
            "refused",
            "`sha256`",
        ),
        (
            changed(&|order| order.signature = "x".to_owned()),
            later,
            "refused",
            "no trusted comment",
        ),
        (extra, later, "refused", "the body is no upgrade"),
        ("{".to_owned(), later, "refused", "the body is no upgrade"),
        (changed(&|_| {}), NOW.plus(-1), "expired", "too late"),
    ];
    let orders = cases
        .iter()
        .zip(1..)
        .map(|((body, expires, ..), id)| order(id, body.clone(), *expires));
    let server = serving(orders.collect(), PROGRAM);
    let parent = tempfile::tempdir().unwrap();
    let running = Running::start_with(&server.server(), parent.path(), policy(&key));
    for ((body, _, outcome, expected), id) in cases.iter().zip(1..) {
        let (said, reason) = await_end(&server, id);
        assert_eq!(said, *outcome, "{body}: {reason}");
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.path != "/agent/v1/packages")
    );
    running.end();
    assert_untouched(parent.path());
}

#[test]
fn what_is_handed_out_is_not_what_was_ordered() {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let body = serde_json::to_string(&upgrade(&key)).unwrap();
    for (part, expected) in [(PROGRAM, "another SHA-256"), (&PROGRAM[..9], "a part of 9 bytes")] {
        let server = serving(vec![order(1, body.clone(), NOW.plus(60_000))], part);
        let parent = tempfile::tempdir().unwrap();
        let running = Running::start_with(&server.server(), parent.path(), policy(&key));
        let (outcome, reason) = await_end(&server, 1);
        assert_eq!(outcome, "refused");
        assert!(reason.contains(expected), "{expected}: {reason}");
        running.end();
        assert_untouched(parent.path());
    }
}

#[test]
fn of_two_orders_at_once_one_is_refused() {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let body = serde_json::to_string(&upgrade(&key)).unwrap();
    let orders = (1..=2).map(|id| order(id, body.clone(), NOW.plus(60_000)));
    let server = serving(orders.collect(), &PROGRAM[..9]);
    let parent = tempfile::tempdir().unwrap();
    let running = Running::start_with(&server.server(), parent.path(), policy(&key));
    let (outcome, reason) = await_end(&server, 2);
    assert_eq!(outcome, "busy");
    assert!(reason.contains("another upgrade is under way"), "{reason}");
    assert_eq!(await_end(&server, 1).0, "refused");
    running.end();
}

#[test]
fn a_machine_without_a_release_key_takes_no_program() {
    let key = KeyPair::generate_unencrypted_keypair().unwrap();
    let body = serde_json::to_string(&upgrade(&key)).unwrap();
    let server = serving(vec![order(1, body, NOW.plus(60_000))], PROGRAM);
    let parent = tempfile::tempdir().unwrap();
    let policy = Policy {
        keys: Vec::new(),
        ..policy(&key)
    };
    let running = Running::start_with(&server.server(), parent.path(), policy);
    let (outcome, reason) = await_end(&server, 1);
    assert_eq!(outcome, "refused");
    assert!(reason.contains("no release key is known"), "{reason}");
    running.end();
}
