//! The audit: search, follow, one entry, the chain's state, targets, exports.

use crate::driver::Driver;
use crate::server::{START, Server};
use scm_protocol::audit::{
    AuditAnchor, AuditChain, AuditEntry, AuditForwardTarget, AuditForwarding, AuditPage,
};
use scm_protocol::auth::Role;
use scm_protocol::events;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;
use scmtui::message::{Call, Reply};
use scmtui::model::AuditField;
use serde_json::json;

/// The public key of RFC 8032 §7.1, test 1.
const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

impl Server {
    /// What the routes of the audit answer.
    pub(crate) fn audit_answer(&mut self, call: Call) -> Vec<Reply> {
        match call {
            Call::Audit {
                round,
                filter,
                cursor,
            } => {
                let actor = filter.get(AuditField::Actor).to_owned();
                let items = self
                    .audit
                    .iter()
                    .filter(|entry| actor.is_empty() || entry.actor == actor);
                vec![Reply::Audit {
                    round,
                    older: cursor.is_some(),
                    page: Ok(AuditPage {
                        items: items.cloned().collect(),
                        next_cursor: None,
                    }),
                }]
            }
            Call::AuditChain => vec![Reply::AuditChain(Ok(Box::new(self.audit_chain())))],
            Call::AuditForwarding => vec![Reply::AuditForwarding(Ok(forwarding()))],
            // Its end is said by the test.
            _ => Vec::new(),
        }
    }

    fn audit_chain(&self) -> AuditChain {
        let head = self.audit.first().map_or(0, |entry| entry.id);
        AuditChain {
            head_id: head,
            head_hash: format!("{head:064x}"),
            first_id: 1,
            anchor: Some(AuditAnchor {
                organization_id: 1,
                entry_id: 2,
                kind: "head".to_owned(),
                hash: format!("{:064x}", 2),
                at_ms: UnixMillis(START - 720_000),
                public_key: KEY.parse::<PublicKey>().unwrap(),
                signature: "0".repeat(128),
            }),
            verified_id: head,
            verified_ms: Some(self.clock),
            faults: Vec::new(),
            server_time_ms: self.clock,
        }
    }
}

fn forwarding() -> AuditForwarding {
    let target = |name: &str, behind: i64, error: Option<&str>| AuditForwardTarget {
        name: name.to_owned(),
        kind: "syslog".to_owned(),
        address: "siem:6514".to_owned(),
        last_id: 3 - behind,
        behind,
        last_sent_ms: None,
        last_error: error.map(str::to_owned),
        last_error_ms: None,
    };
    AuditForwarding {
        targets: vec![
            target("archive", 0, None),
            target("siem", 2, Some("connecting: connection refused")),
        ],
    }
}

fn driver(role: Role) -> Driver {
    let mut server = Server::new(0, 3);
    server.role = role;
    let newest = server.audit.first_mut().unwrap();
    newest.detail = json!({ "before": "pending", "after": "active", "hostname": "web-003" });
    let mut driver = Driver::logged_in(server);
    driver.keys("4");
    settled(&mut driver);
    driver
}

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

fn grow(driver: &mut Driver) {
    let first = driver.server.audit.first().cloned().unwrap();
    let entry = AuditEntry {
        id: first.id + 1,
        target: format!("system:{}", first.id + 1),
        ..first
    };
    driver.server.audit.insert(0, entry);
    driver.say(Reply::Change(events::Change {
        audit: true,
        ..events::Change::default()
    }));
    settled(driver);
}

#[test]
fn screens() {
    insta::assert_snapshot!("audit_page", driver(Role::Admin).screen());
    let mut entry = driver(Role::Admin);
    entry.keys("Enter");
    insta::assert_snapshot!("audit_entry", entry.screen());
    let mut search = driver(Role::Admin);
    search.keys("/ Tab");
    insta::assert_snapshot!("audit_search", search.screen());
    let mut export = driver(Role::Admin);
    export.keys("e");
    insta::assert_snapshot!("audit_export", export.screen());
    let mut broken = driver(Role::Admin);
    let chain = AuditChain {
        faults: vec![
            "entry 2 was edited: its content does not have the hash that is recorded with it".to_owned(),
        ],
        ..broken.server.audit_chain()
    };
    broken.say(Reply::AuditChain(Ok(Box::new(chain))));
    settled(&mut broken);
    insta::assert_snapshot!("audit_broken", broken.screen());
}

#[test]
fn a_search_shows_what_it_finds_and_what_it_is() {
    let mut driver = driver(Role::Viewer);
    assert!(
        driver.screen().contains("action !systems.checkin"),
        "{}",
        driver.screen()
    );
    driver.keys("/");
    driver.text("system:3");
    driver.keys("Enter");
    settled(&mut driver);
    let screen = driver.screen();
    assert!(
        screen.contains("actor system:3") && screen.contains("enrollment.register"),
        "{screen}"
    );
    assert!(!screen.contains("auth.login"), "{screen}");
    driver.keys("/ Ctrl-U");
    driver.text("nobody");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        driver.screen().contains("nothing was found"),
        "{}",
        driver.screen()
    );
}

#[test]
fn answers_to_an_earlier_search_are_dropped() {
    let mut driver = driver(Role::Admin);
    let old = driver.console.state.audit.round;
    driver.keys("/");
    driver.text("nobody");
    driver.keys("Enter");
    settled(&mut driver);
    driver.say(Reply::Audit {
        round: old,
        older: false,
        page: Ok(AuditPage {
            items: driver.server.audit.clone(),
            next_cursor: None,
        }),
    });
    settled(&mut driver);
    assert!(
        driver.screen().contains("nothing was found"),
        "{}",
        driver.screen()
    );
}

#[test]
fn the_newest_are_followed_only_where_that_is_wanted() {
    let mut driver = driver(Role::Admin);
    driver.keys("j");
    let here = driver.console.state.audit.cursor();
    grow(&mut driver);
    assert_eq!(driver.console.state.audit.cursor(), here);
    assert!(
        driver.screen().contains("newer entries: g"),
        "{}",
        driver.screen()
    );
    driver.keys("f");
    settled(&mut driver);
    grow(&mut driver);
    assert_eq!(driver.console.state.audit.cursor(), Some(5));
    assert!(driver.screen().contains("following"), "{}", driver.screen());
}

#[test]
fn an_export_is_shown_as_it_goes_and_can_be_stopped() {
    let mut driver = driver(Role::Admin);
    driver.keys("x");
    assert_eq!(last_line(&driver), "no export is under way");
    driver.keys("e Enter");
    let ticket = driver.console.state.audit.export.as_ref().unwrap().ticket;
    settled(&mut driver);
    driver.say(Reply::Exporting {
        ticket,
        bytes: 5 * 1024 * 1024,
    });
    settled(&mut driver);
    assert!(
        driver.screen().contains("audit.jsonl: 5,120 KiB"),
        "{}",
        driver.screen()
    );
    driver.keys("x");
    assert!(last_line(&driver).contains("stopped"));
    assert!(
        driver
            .calls
            .iter()
            .any(|(_, call)| matches!(call, Call::StopExport(of) if *of == ticket))
    );
    driver.keys("e Enter");
    let ticket = driver.console.state.audit.export.as_ref().unwrap().ticket;
    driver.say(Reply::Exported {
        ticket,
        result: Err("file exists".to_owned()),
    });
    assert_eq!(last_line(&driver), "audit.jsonl was not written: file exists");
    assert!(driver.console.state.audit.export.is_none());
}
