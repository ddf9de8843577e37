//! Rows are changed behind the server's back, and each change is found and named.

use super::*;
use crate::audit::anchor::Kind;
use crate::audit::{Actor, Entry, Outcome, anchor_store, chain, record_all, store};
use crate::storage::{DatabaseUrl, Storage};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::json;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

struct Audit {
    // Keeps the files.
    _folder: tempfile::TempDir,
    conn: Conn,
}

impl Audit {
    /// Twenty entries, and an anchor at the tenth.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        drop(Storage::open(&url).unwrap());
        let mut audit = Audit {
            conn: url.connect().unwrap(),
            _folder: folder,
        };
        let public = chain::hex(&key().verifying_key().to_bytes());
        audit.sql(&format!(
            "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) VALUES (1, 'x', x'', x'{public}', 0)"
        ));
        audit.write(10);
        audit.anchor(Kind::Head);
        audit.write(10);
        audit
    }

    fn write(&mut self, count: i64) {
        let actor = Actor {
            name: "user:jdoe".to_owned(),
            address: "10.0.0.5".to_owned(),
        };
        let entries: Vec<Entry<'_>> = (0..count)
            .map(|number| Entry {
                organization_id: 1,
                at: UnixMillis(number),
                actor: &actor,
                action: "systems.approve",
                target: "system:1",
                outcome: Outcome::Done,
                detail: json!({ "number": number }),
            })
            .collect();
        record_all(&mut self.conn, &entries).unwrap();
    }

    fn anchor(&mut self, kind: Kind) {
        let head = store::head(&mut self.conn, 1).unwrap();
        let anchor = Anchor::sign(&key(), 1, (head.id, head.hash), kind, UnixMillis(5));
        anchor_store::add(&mut self.conn, &anchor).unwrap();
    }

    fn sql(&mut self, sql: &str) {
        verify_store::execute(&mut self.conn, sql).unwrap();
    }

    fn report(&mut self) -> Report {
        snapshot(&mut self.conn, |conn| verify(conn, 1)).unwrap()
    }

    /// Faults with the entries that they name.
    fn found(&mut self) -> Vec<(Fault, i64, i64)> {
        let findings = self.report().findings.listed;
        findings
            .iter()
            .map(|one| (one.fault, one.first_id, one.last_id))
            .collect()
    }
}

fn after(sql: &str) -> Vec<(Fault, i64, i64)> {
    let mut audit = Audit::new();
    audit.sql(sql);
    audit.found()
}

#[test]
fn what_was_written_verifies() {
    let mut audit = Audit::new();
    let report = audit.report();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!((report.entries, report.first_id, report.head.id), (20, 1, 20));
    assert_eq!(
        (report.anchors, report.newest_anchor),
        (1, Some((10, UnixMillis(5))))
    );
}

#[test]
fn an_edited_entry_is_named_whichever_field_it_was() {
    for field in ["actor", "address", "action", "target", "outcome", "detail"] {
        let sql = format!("UPDATE audit_entries SET {field} = {field} || ' ' WHERE id = 7");
        assert_eq!(after(&sql), [(Fault::Edited, 7, 7)], "{field}");
    }
    for change in [
        "at_ms = 77",
        "hash = x'00'",
        "previous_hash = zeroblob(32)",
        "hash = zeroblob(32)",
    ] {
        let sql = format!("UPDATE audit_entries SET {change} WHERE id = 7");
        assert_eq!(after(&sql), [(Fault::Edited, 7, 7)], "{change}");
    }
}

#[test]
fn an_entry_with_a_hash_computed_for_it_is_named_by_the_one_after_it() {
    let mut audit = Audit::new();
    let mut row = verify_store::following(&mut audit.conn, 1, 11, 1)
        .unwrap()
        .remove(0);
    row.actor = "user:mallory".to_owned();
    let hash = row.hash_as_stored();
    audit.sql(&format!(
        "UPDATE audit_entries SET actor = 'user:mallory', hash = x'{}' WHERE id = 12",
        chain::hex(&hash)
    ));
    assert_eq!(audit.found(), [(Fault::Edited, 12, 12)]);
}

#[test]
fn deleted_and_cut_off_entries_are_named() {
    assert_eq!(
        after("DELETE FROM audit_entries WHERE id IN (4, 5)"),
        [(Fault::Deleted, 4, 5)]
    );
    assert_eq!(
        after("DELETE FROM audit_entries WHERE id = 1"),
        [(Fault::Deleted, 1, 1)]
    );
    assert_eq!(
        after("DELETE FROM audit_entries WHERE id > 17"),
        [(Fault::Truncated, 18, 20)]
    );
    assert_eq!(after("DELETE FROM audit_entries"), [(Fault::Truncated, 1, 20)]);
    // Whoever moves the head as well still meets the anchor.
    let sql = "DELETE FROM audit_entries WHERE id > 7; UPDATE organizations SET audit_head = 7, \
        audit_head_hash = (SELECT hash FROM audit_entries WHERE id = 7)";
    assert_eq!(after(sql), [(Fault::Truncated, 8, 10)]);
}

#[test]
fn moved_entries_are_named_with_where_they_were() {
    let swap = "UPDATE audit_entries SET id = -1 WHERE id = 14; UPDATE audit_entries SET id = 14 WHERE id = 16; \
        UPDATE audit_entries SET id = 16 WHERE id = -1";
    let mut audit = Audit::new();
    audit.sql(swap);
    assert_eq!(
        audit.found(),
        [(Fault::Reordered, 14, 14), (Fault::Reordered, 16, 16)]
    );
    let report = audit.report();
    assert!(
        report.findings.listed[0]
            .to_string()
            .contains("entry 14 was moved: this is what entry 16 was")
    );
    // Only the contents change places, the hashes stay.
    let mut audit = Audit::new();
    audit.sql(
        "UPDATE audit_entries SET detail = '{\"number\":5}', at_ms = 5 WHERE id = 14; \
        UPDATE audit_entries SET detail = '{\"number\":3}', at_ms = 3 WHERE id = 16",
    );
    assert_eq!(
        audit.found(),
        [(Fault::Reordered, 14, 14), (Fault::Reordered, 16, 16)]
    );
}

#[test]
fn inserted_entries_are_named() {
    let copy = |id: &str, from: i64| {
        format!(
            "INSERT INTO audit_entries SELECT organization_id, {id}, at_ms, actor, address, action, 'forged', outcome, detail, \
             previous_hash, hash FROM audit_entries WHERE id = {from}"
        )
    };
    let found = after(&copy("21", 20));
    assert!(found.contains(&(Fault::Inserted, 21, 21)), "{found:?}");
    assert!(after(&copy("-3", 20)).contains(&(Fault::Inserted, -3, -3)));
    // In the middle, everything behind it being moved on.
    let mut audit = Audit::new();
    audit.sql("UPDATE audit_entries SET id = id + 1000 WHERE id >= 18; UPDATE audit_entries SET id = id - 999 WHERE id > 1000");
    audit.sql(&copy("18", 17));
    let found = audit.found();
    assert!(found.contains(&(Fault::Inserted, 18, 18)), "{found:?}");
    assert!(found.contains(&(Fault::Reordered, 20, 20)), "{found:?}");
}

#[test]
fn a_chain_written_anew_meets_the_anchor_and_a_changed_head_is_seen() {
    let mut audit = Audit::new();
    audit.sql("UPDATE audit_entries SET actor = 'user:mallory' WHERE id = 3");
    audit.rewrite_from(3);
    let found = audit.found();
    assert_eq!(found, [(Fault::Edited, 10, 10)]);
    // What is behind the last anchor can be written anew unseen: that is why there is forwarding.
    let mut audit = Audit::new();
    audit.sql("UPDATE audit_entries SET actor = 'user:mallory' WHERE id = 13");
    audit.rewrite_from(13);
    assert_eq!(audit.found(), []);
    assert_eq!(
        after("UPDATE organizations SET audit_head_hash = zeroblob(32)"),
        [(Fault::Head, 20, 20)]
    );
}

#[test]
fn anchors_hold_for_the_organizations_keys_alone() {
    for change in [
        "at_ms = 6",
        "hash = zeroblob(32)",
        "signature = zeroblob(64)",
        "entry_id = 9",
        "kind = 'cut'",
        "hash = x'00'",
    ] {
        let found = after(&format!("UPDATE audit_anchors SET {change}"));
        assert_eq!(found.len(), 1, "{change}: {found:?}");
        assert_eq!(found[0].0, Fault::Anchor);
    }
    let mut audit = Audit::new();
    let other = SigningKey::from_bytes(&[10; 32]);
    let head = store::head(&mut audit.conn, 1).unwrap();
    let forged = Anchor::sign(&other, 1, (head.id, head.hash), Kind::Head, UnixMillis(9));
    anchor_store::add(&mut audit.conn, &forged).unwrap();
    assert_eq!(audit.found(), [(Fault::Anchor, 20, 20)]);
}

#[test]
fn what_retention_deleted_is_missed_only_when_nothing_signed_says_so() {
    assert_eq!(
        after("DELETE FROM audit_entries WHERE id <= 10"),
        [(Fault::Deleted, 1, 10)]
    );
    let mut audit = Audit::new();
    audit.anchor(Kind::Cut);
    audit.write(5);
    audit.sql("DELETE FROM audit_entries WHERE id <= 20");
    let report = audit.report();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    assert_eq!((report.first_id, report.entries), (21, 5));
    audit.sql("UPDATE audit_entries SET id = 12 WHERE id = 21");
    assert_eq!(
        audit.found(),
        [(Fault::Inserted, 12, 12), (Fault::Deleted, 21, 21)]
    );
}

#[test]
fn an_entry_that_was_noted_must_be_there_as_it_was() {
    let mut audit = Audit::new();
    let head = store::head(&mut audit.conn, 1).unwrap();
    let noted = |id, hash| Expected { id, hash };
    let mut lost = |noted| differing(&mut audit.conn, 1, &[noted]).unwrap().listed;
    assert!(lost(noted(20, head.hash)).is_empty());
    assert_eq!(lost(noted(20, [1; 32]))[0].fault, Fault::Edited);
    assert_eq!(lost(noted(99, [1; 32]))[0].fault, Fault::Deleted);
}

#[tokio::test]
async fn entries_from_before_the_chain_are_chained_once() {
    let mut audit = Audit::new();
    audit.sql(
        "DELETE FROM audit_anchors; UPDATE audit_entries SET hash = x'', previous_hash = x''; \
         UPDATE organizations SET audit_head_hash = x''",
    );
    let one = [Entry {
        organization_id: 1,
        at: UnixMillis(0),
        actor: &Actor::server(),
        action: "x",
        target: "",
        outcome: Outcome::Done,
        detail: json!({}),
    }];
    assert!(
        record_all(&mut audit.conn, &one).is_err(),
        "nothing is recorded outside a chain"
    );
    let storage = Storage::open(&DatabaseUrl::Sqlite(audit._folder.path().join("test.db"))).unwrap();
    for _ in 0..2 {
        crate::audit::begin_chain(&storage, UnixMillis(99)).await.unwrap();
        let report = audit.report();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.entries, 21);
    }
    let last = verify_store::following(&mut audit.conn, 1, 20, 1)
        .unwrap()
        .remove(0);
    assert_eq!(
        (last.action.as_str(), last.actor.as_str()),
        ("audit.chain", "server")
    );
}

impl Audit {
    /// What an attacker does who can write the database: computes every hash anew and moves the head.
    fn rewrite_from(&mut self, id: i64) {
        let rows = verify_store::following(&mut self.conn, 1, id - 2, 1000).unwrap();
        let mut previous = rows[0].hash.unwrap();
        for mut row in rows.into_iter().skip(1) {
            row.previous = Some(previous);
            let hash = row.hash_as_stored();
            self.sql(&format!(
                "UPDATE audit_entries SET previous_hash = x'{}', hash = x'{}' WHERE id = {}",
                chain::hex(&previous),
                chain::hex(&hash),
                row.id
            ));
            previous = hash;
        }
        self.sql(&format!(
            "UPDATE organizations SET audit_head_hash = x'{}'",
            chain::hex(&previous)
        ));
    }
}

impl Linked {
    fn hash_as_stored(&self) -> chain::Hash {
        self.fields_as(self.id).hash(&self.previous.unwrap())
    }
}

/// A chain in memory.
fn linked(count: i64) -> Vec<Linked> {
    let mut previous = GENESIS;
    let mut entries = Vec::new();
    for id in 1..=count {
        let mut entry = Linked {
            organization_id: 1,
            id,
            at_ms: id,
            actor: "a".to_owned(),
            address: String::new(),
            action: "b".to_owned(),
            target: format!("t{id}"),
            outcome: "ok".to_owned(),
            detail: "{}".to_owned(),
            previous: Some(previous),
            hash: None,
        };
        previous = entry.hash_as_stored();
        entry.hash = Some(previous);
        entries.push(entry);
    }
    entries
}

proptest! {
    /// Whatever single entry is changed, removed or exchanged with another: something is found, and never without reason.
    #[test]
    fn no_single_change_goes_unseen(at in 0_usize..30, other in 0_usize..30, what in 0..4) {
        let whole = linked(30);
        let mut entries = whole.clone();
        match what {
            0 => entries[at].target.push('x'),
            1 => { entries.remove(at); }
            2 => {
                entries.swap(at, other);
                let ids = (entries[at].id, entries[other].id);
                (entries[at].id, entries[other].id) = (ids.1, ids.0);
            }
            _ => entries.swap(at, other),
        }
        let start = Head { id: 0, hash: GENESIS };
        let mut checker = Checker::new(Some(start), Gaps::AreFaults);
        entries.iter().cloned().for_each(|entry| checker.add(entry));
        // The end is compared with the recorded head by the caller.
        let cut_off = checker.last().id != 30 || checker.last().hash != whole[29].hash.unwrap();
        let found = !checker.finish().is_empty();
        prop_assert_eq!(found || cut_off, entries != whole);
    }
}
