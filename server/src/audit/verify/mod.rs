//! Verifies an organization's audit as it lies in the database, and names every entry that is not as it was written.
//!
//! What is found: an edited, removed, inserted or moved entry, a cut-off end, a changed head, an anchor that is not by a key
//! of the organization or is about another entry than the one that is there. `docs/audit.md` says what cannot be found here.

mod checker;
mod export_file;
mod finding;
#[cfg(test)]
mod tests;

pub use checker::{Checker, Gaps, Linked};
pub use export_file::{ExportError, ExportReport, verify_export};
pub use finding::{Fault, Finding, Findings};

use super::anchor::Anchor;
use super::command::Expected;
use super::store::Head;
use super::verify_store::{self, Bounds};
use super::{anchor_store, chain};
use crate::error::Error;
use crate::signing;
use crate::storage::Conn;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;
use std::collections::BTreeMap;

/// Entries read at a time.
const CHUNK: i64 = 1000;

/// What was verified, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The organization.
    pub organization_id: i64,
    /// Entries that are there.
    pub entries: u64,
    /// The oldest of them; one more than the newest when there is none.
    pub first_id: i64,
    /// The newest entry, by the organization's row.
    pub head: Head,
    /// Anchors that hold.
    pub anchors: u64,
    /// Entry and time of the newest anchor that holds.
    pub newest_anchor: Option<(i64, UnixMillis)>,
    /// What is wrong.
    pub findings: Findings,
}

/// Verifies an organization's audit. Call it within [`snapshot`] where others may write meanwhile.
///
/// # Errors
/// When the database cannot be read; what is wrong with the audit is no error but in the report.
pub fn verify(conn: &mut Conn, organization_id: i64) -> Result<Report, Error> {
    let keys = signing::public_keys(conn, organization_id)?;
    let bounds = verify_store::bounds(conn, organization_id)?;
    let mut findings = Findings::default();
    let (anchors, cut) = read_anchors(conn, &bounds, &keys, &mut findings)?;
    let mut run = Run::begin(&bounds, anchors, cut, findings);
    let mut after = i64::MIN;
    loop {
        let rows = verify_store::following(conn, organization_id, after, CHUNK)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in rows {
            run.add(row);
        }
    }
    Ok(run.finish())
}

/// Which of the entries that somebody noted earlier are not there any more, as they were noted. One that retention deleted
/// cannot be there.
///
/// # Errors
/// When the database cannot be read.
pub fn differing(conn: &mut Conn, organization_id: i64, expected: &[Expected]) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for one in expected {
        let row = verify_store::following(conn, organization_id, one.id - 1, 1)?.pop();
        match row.filter(|row| row.id == one.id) {
            Some(row) if row.hash == Some(one.hash) => {}
            Some(_) => findings.add(Fault::Edited, one.id, "it has another hash than the one you noted"),
            None => findings.add(Fault::Deleted, one.id, "you noted it, and it is not there"),
        }
    }
    Ok(findings)
}

/// Every organization, by name and id.
///
/// # Errors
/// When the database cannot be read.
pub fn organizations(conn: &mut Conn) -> Result<Vec<(String, i64)>, Error> {
    signing::names(conn)
}

/// Reads with the state of one moment, whatever is written meanwhile.
///
/// # Errors
/// What `read` returns, and when the database fails.
pub fn snapshot<T>(conn: &mut Conn, read: impl FnOnce(&mut Conn) -> Result<T, Error>) -> Result<T, Error> {
    verify_store::snapshot(conn, read)
}

/// The anchors that hold by their entry, and the newest cut among them.
fn read_anchors(
    conn: &mut Conn,
    bounds: &Bounds,
    keys: &[PublicKey],
    findings: &mut Findings,
) -> Result<(BTreeMap<i64, Anchor>, Option<Anchor>), Error> {
    let (mut anchors, mut cut): (BTreeMap<i64, Anchor>, Option<Anchor>) = (BTreeMap::new(), None);
    for stored in anchor_store::between(conn, bounds.organization_id, i64::MIN, i64::MAX, i64::MAX)? {
        let held = stored.anchor.filter(|anchor| anchor.is_signed_by(keys));
        let Some(anchor) = held else {
            findings.add(Fault::Anchor, stored.entry_id, "it is not signed by a key of the organization, or was changed");
            continue;
        };
        if anchor.kind == super::anchor::Kind::Cut {
            cut = Some(anchor.clone());
        }
        let other = anchors.get(&anchor.entry_id).is_some_and(|other| other.hash != anchor.hash);
        if other {
            findings.add(Fault::Anchor, anchor.entry_id, "two signed anchors disagree on this entry's hash");
        }
        anchors.insert(anchor.entry_id, anchor);
    }
    Ok((anchors, cut))
}

/// One pass over the entries.
struct Run {
    bounds: Bounds,
    anchors: BTreeMap<i64, Anchor>,
    checker: Checker,
    cut_id: i64,
    first_id: Option<i64>,
    findings: Findings,
}

impl Run {
    fn begin(bounds: &Bounds, anchors: BTreeMap<i64, Anchor>, cut: Option<Anchor>, findings: Findings) -> Self {
        let start = cut.map_or(
            Head {
                id: 0,
                hash: chain::GENESIS,
            },
            |cut| Head {
                id: cut.entry_id,
                hash: cut.hash,
            },
        );
        Run {
            bounds: bounds.clone(),
            anchors,
            checker: Checker::new(Some(start), Gaps::AreFaults),
            cut_id: start.id,
            first_id: None,
            findings,
        }
    }

    fn add(&mut self, row: Linked) {
        if row.id <= self.cut_id {
            self.findings.add(Fault::Inserted, row.id, "entries up to and including it were deleted by retention");
            return;
        }
        self.first_id.get_or_insert(row.id);
        if row.id > self.bounds.head_id {
            self.findings.add(Fault::Inserted, row.id, "it is behind the newest entry that the organization knows of");
        }
        if let Some(anchor) = self.anchors.get(&row.id)
            && row.hash != Some(anchor.hash)
        {
            let reason = "it has another hash than when it was anchored: it, or what is before it, was written anew";
            self.findings.add(Fault::Edited, row.id, reason);
        }
        self.checker.add(row);
    }

    fn finish(mut self) -> Report {
        let last = self.checker.last();
        let proven = self.anchors.last_key_value().map_or(0, |(id, _)| *id);
        let end = self.bounds.head_id.max(proven);
        if last.id < end {
            self.findings.add_range(Fault::Truncated, (last.id + 1, end), "the end of the audit is missing");
        } else if last.id == self.bounds.head_id && self.bounds.head_hash != last.hash {
            let reason = "the organization's row records another hash for it: it was written anew, or the row was changed";
            self.findings.add(Fault::Head, last.id, reason);
        }
        let newest = self.anchors.last_key_value();
        let report = Report {
            organization_id: self.bounds.organization_id,
            entries: self.checker.entries(),
            first_id: self.first_id.unwrap_or(self.bounds.head_id + 1),
            head: Head {
                id: self.bounds.head_id,
                hash: last.hash,
            },
            anchors: self.anchors.len() as u64,
            newest_anchor: newest.map(|(id, anchor)| (*id, anchor.at)),
            findings: Findings::default(),
        };
        let mut findings = self.findings;
        findings.extend(self.checker.finish());
        Report { findings, ..report }
    }
}
