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
use super::anchor_store;
use super::chain::GENESIS;
use super::command::Expected;
use super::store::Head;
use super::verify_store::{self, Bounds};
use crate::error::Error;
use crate::signing;
use crate::storage::Conn;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;

/// Entries read at a time.
const CHUNK: usize = 1000;

/// What was verified, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The organization.
    pub organization_id: i64,
    /// Entries that are there.
    pub entries: u64,
    /// The oldest of them; one more than the newest when there is none.
    pub first_id: i64,
    /// The newest of them; where the audit begins when there is none.
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
    let mut verification = Verification::new(organization_id);
    while !verification.step(conn, CHUNK)? {}
    Ok(verification.report())
}

/// Which of the entries that somebody noted earlier are not there any more, as they were noted. One that retention deleted
/// cannot be there.
///
/// # Errors
/// When the database cannot be read.
pub fn differing(conn: &mut Conn, organization_id: i64, expected: &[Expected]) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    for one in expected {
        match verify_store::hash_of(conn, organization_id, one.id)? {
            Some(hash) if hash == one.hash => {}
            Some(_) => findings.add(
                Fault::Edited,
                one.id,
                "it has another hash than the one you noted",
            ),
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

/// The newest cut that holds: where what is left of the audit begins.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn newest_cut(
    conn: &mut Conn,
    organization_id: i64,
    keys: &[PublicKey],
) -> Result<Option<Anchor>, Error> {
    let cuts = anchor_store::cuts(conn, organization_id)?.into_iter();
    Ok(cuts
        .filter_map(|stored| stored.anchor)
        .find(|anchor| anchor.is_signed_by(keys)))
}

/// A verification on its way: goes on where it stopped, and again when there are new entries.
#[derive(Clone, Debug)]
pub struct Verification {
    organization_id: i64,
    checker: Checker,
    /// The last id that was read.
    after: i64,
    cut_id: i64,
    first_id: Option<i64>,
    /// The last entry whose anchors were checked.
    anchored: i64,
    anchors: u64,
    newest_anchor: Option<(i64, UnixMillis)>,
    findings: Findings,
}

impl Verification {
    /// From the beginning.
    pub fn new(organization_id: i64) -> Self {
        let start = Head { id: 0, hash: GENESIS };
        Verification {
            organization_id,
            checker: Checker::new(Some(start), Gaps::AreFaults),
            after: i64::MIN,
            cut_id: 0,
            first_id: None,
            anchored: i64::MIN,
            anchors: 0,
            newest_anchor: None,
            findings: Findings::default(),
        }
    }

    /// Verifies at most so many entries more; true when the end was reached and compared with the recorded head.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn step(&mut self, conn: &mut Conn, limit: usize) -> Result<bool, Error> {
        let keys = signing::public_keys(conn, self.organization_id)?;
        if let Some(cut) = newest_cut(conn, self.organization_id, &keys)?
            && cut.entry_id > self.cut_id
        {
            self.begin_at(&cut);
        }
        let bounds = verify_store::bounds(conn, self.organization_id)?;
        let rows = verify_store::following(conn, self.organization_id, self.after, limit)?;
        let done = rows.len() < limit;
        for row in rows {
            self.entry(row, &bounds);
        }
        if done {
            self.check_anchors(conn, &keys)?;
            self.check_end(&bounds);
        }
        Ok(done)
    }

    /// Retention has deleted everything up to here. What was verified behind it stays verified.
    fn begin_at(&mut self, cut: &Anchor) {
        self.cut_id = cut.entry_id;
        if self.first_id.is_some_and(|first| first <= cut.entry_id) {
            self.first_id = None;
        }
        if self.checker.last().id <= cut.entry_id {
            let start = Head {
                id: cut.entry_id,
                hash: cut.hash,
            };
            self.checker.go_on_from(start);
        }
    }

    fn entry(&mut self, row: Linked, bounds: &Bounds) {
        self.after = row.id;
        if row.id <= self.cut_id {
            let reason = "entries up to and including it were deleted by retention";
            self.findings.add(Fault::Inserted, row.id, reason);
            return;
        }
        self.first_id.get_or_insert(row.id);
        if row.id > bounds.head_id {
            let reason = "it is behind the newest entry that the organization knows of";
            self.findings.add(Fault::Inserted, row.id, reason);
        }
        self.checker.add(row);
    }

    fn check_anchors(&mut self, conn: &mut Conn, keys: &[PublicKey]) -> Result<(), Error> {
        for stored in anchor_store::between(conn, self.organization_id, self.anchored, i64::MAX)? {
            self.anchored = stored.entry_id;
            let Some(anchor) = stored.anchor.filter(|anchor| anchor.is_signed_by(keys)) else {
                let reason = "it is not signed by a key of the organization, or was changed";
                self.findings.add(Fault::Anchor, stored.entry_id, reason);
                continue;
            };
            self.anchors += 1;
            self.newest_anchor = Some((anchor.entry_id, anchor.at));
            let hash = verify_store::hash_of(conn, self.organization_id, anchor.entry_id)?;
            if hash.is_some_and(|hash| hash != anchor.hash) {
                let reason = "it has another hash than when it was anchored: it, or what is before it, was written anew";
                self.findings.add(Fault::Edited, anchor.entry_id, reason);
            }
        }
        Ok(())
    }

    fn check_end(&mut self, bounds: &Bounds) {
        let last = self.checker.last();
        let proven = self.newest_anchor.map_or(0, |(id, _)| id);
        let end = bounds.head_id.max(proven);
        if last.id < end {
            let reason = "the end of the audit is missing";
            self.findings
                .add_range(Fault::Truncated, (last.id + 1, end), reason);
        } else if last.id == bounds.head_id && bounds.head_hash != last.hash {
            let reason = "the organization's row records another hash for it: it was written anew, or the row was changed";
            self.findings.add(Fault::Head, last.id, reason);
        }
    }

    /// What was verified so far.
    pub fn report(&self) -> Report {
        let head = self.checker.last();
        let mut findings = self.findings.clone();
        findings.extend(self.checker.clone().finish());
        Report {
            organization_id: self.organization_id,
            entries: self.checker.entries(),
            first_id: self.first_id.unwrap_or(head.id + 1),
            head,
            anchors: self.anchors,
            newest_anchor: self.newest_anchor,
            findings,
        }
    }
}
