//! Verifies an export in JSON lines by itself, line by line in constant memory: no server, no database.

use super::{Checker, Fault, Findings, Gaps, Linked};
use crate::audit::anchor::{Anchor, Kind};
use crate::audit::chain::{GENESIS, Hash, from_hex};
use crate::audit::store::Head;
use scm_protocol::audit::{AuditAnchor, EXPORT_FORMAT, ExportEntry, ExportHeader, ExportLine};
use scm_protocol::identity::PublicKey;

/// Why a file is no export at all.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It cannot be read.
    #[error("reading it: {0}")]
    Read(#[from] std::io::Error),
    /// It does not begin with a header.
    #[error("line 1 is no header of an audit export in JSON lines: {0}")]
    Header(String),
    /// A line is not what may stand there.
    #[error("line {number}: {reason}")]
    Line {
        /// The line.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// What was verified, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The first line.
    pub header: ExportHeader,
    /// Entries in the file.
    pub entries: u64,
    /// Anchors that hold.
    pub anchors: u64,
    /// The last entry with an anchor that holds: up to it, a complete export is as it was signed.
    pub anchored_id: Option<i64>,
    /// What is wrong.
    pub findings: Findings,
}

/// Verifies the lines of an export. Anchors must be by one of `keys`, or, when there are none, of the keys that the file
/// itself names.
///
/// # Errors
/// When it is no export. What is wrong with its entries is no error but in the report.
pub fn verify_export(
    lines: impl Iterator<Item = std::io::Result<String>>,
    keys: &[PublicKey],
) -> Result<ExportReport, ExportError> {
    let mut lines = (1..).zip(lines);
    let (_, first) = lines
        .next()
        .ok_or_else(|| ExportError::Header("the file is empty".to_owned()))?;
    let mut run = Run::begin(header(&first?)?, keys)?;
    for (number, line) in lines {
        let refused = |reason: String| ExportError::Line { number, reason };
        let line = serde_json::from_str(&line?).map_err(|error| refused(error.to_string()))?;
        if run.ended.is_some() {
            return Err(refused("nothing may stand behind the end".to_owned()));
        }
        match line {
            ExportLine::Header(_) => return Err(refused("there is a second header".to_owned())),
            ExportLine::Entry(entry) => run.entry(entry).map_err(refused)?,
            ExportLine::Anchor(anchor) => run.anchor(&anchor),
            ExportLine::End { entries, anchors } => run.ended = Some((entries, anchors)),
        }
    }
    Ok(run.finish())
}

fn header(line: &str) -> Result<ExportHeader, ExportError> {
    match serde_json::from_str(line) {
        Ok(ExportLine::Header(header)) if header.format == EXPORT_FORMAT => Ok(header),
        Ok(ExportLine::Header(header)) => {
            Err(ExportError::Header(format!("its format is `{}`", header.format)))
        }
        Ok(_) => Err(ExportError::Header("it is another line of one".to_owned())),
        Err(error) => Err(ExportError::Header(error.to_string())),
    }
}

struct Run {
    header: ExportHeader,
    keys: Vec<PublicKey>,
    checker: Checker,
    start: Head,
    start_proven: bool,
    anchors: u64,
    seen_anchors: u64,
    anchored_id: Option<i64>,
    ended: Option<(u64, u64)>,
    findings: Findings,
}

impl Run {
    fn begin(header: ExportHeader, keys: &[PublicKey]) -> Result<Self, ExportError> {
        let hash = from_hex(&header.start_hash)
            .ok_or_else(|| ExportError::Header("`start_hash` must be 64 hexadecimal digits".to_owned()))?;
        let start = Head {
            id: header.start_id,
            hash,
        };
        let checker = if header.complete {
            Checker::new(Some(start), Gaps::AreFaults)
        } else {
            Checker::new(None, Gaps::AreExpected)
        };
        Ok(Run {
            keys: if keys.is_empty() {
                header.public_keys.clone()
            } else {
                keys.to_vec()
            },
            checker,
            start,
            start_proven: start == Head { id: 0, hash: GENESIS },
            header,
            anchors: 0,
            seen_anchors: 0,
            anchored_id: None,
            ended: None,
            findings: Findings::default(),
        })
    }

    fn entry(&mut self, entry: ExportEntry) -> Result<(), String> {
        if entry.organization_id != self.header.organization_id {
            return Err(format!("entry {} is of another organization", entry.id));
        }
        self.checker.add(linked(entry));
        Ok(())
    }

    fn anchor(&mut self, line: &AuditAnchor) {
        self.seen_anchors += 1;
        let held = anchor(line).filter(|anchor| {
            anchor.organization_id == self.header.organization_id && anchor.is_signed_by(&self.keys)
        });
        let Some(anchor) = held else {
            let reason = "it is not signed by a key of the organization, or was changed";
            self.findings.add(Fault::Anchor, line.entry_id, reason);
            return;
        };
        self.anchors += 1;
        if anchor.kind == Kind::Cut && anchor.entry_id == self.start.id {
            self.start_proven |= anchor.hash == self.start.hash;
            return;
        }
        self.compare(&anchor);
    }

    /// An anchor stands behind the entry that it is about.
    fn compare(&mut self, anchor: &Anchor) {
        let last = self.checker.last();
        if last.id == anchor.entry_id && last.hash == anchor.hash {
            self.anchored_id = Some(anchor.entry_id);
        } else if last.id == anchor.entry_id {
            let reason =
                "it has another hash than when it was anchored: it, or what is before it, was written anew";
            self.findings.add(Fault::Edited, anchor.entry_id, reason);
        } else if self.header.complete {
            self.findings.add(
                Fault::Deleted,
                anchor.entry_id,
                "its anchor is there and it is not",
            );
        }
    }

    fn finish(mut self) -> ExportReport {
        let (last, entries) = (self.checker.last(), self.checker.entries());
        match self.ended {
            None => self
                .findings
                .add(Fault::Truncated, last.id + 1, "the file has no end line"),
            Some(counts) if counts != (entries, self.seen_anchors) => {
                let reason = format!(
                    "the end line speaks of {} entries and {} anchors",
                    counts.0, counts.1
                );
                self.findings.add_range(
                    Fault::Truncated,
                    (self.header.start_id + 1, self.header.to_id),
                    reason,
                );
            }
            Some(_) => {}
        }
        if self.header.complete && last.id < self.header.to_id {
            let range = (last.id + 1, self.header.to_id);
            self.findings.add_range(
                Fault::Truncated,
                range,
                "the header says that they are in the file",
            );
        }
        if self.header.complete && !self.start_proven {
            let reason = "that what is before the file was deleted by retention is not signed";
            self.findings
                .add_range(Fault::Deleted, (1, self.start.id), reason);
        }
        self.findings.extend(self.checker.finish());
        ExportReport {
            header: self.header,
            entries,
            anchors: self.anchors,
            anchored_id: self.anchored_id,
            findings: self.findings,
        }
    }
}

fn linked(entry: ExportEntry) -> Linked {
    let hash = |text: &str| -> Option<Hash> { from_hex(text) };
    Linked {
        previous: hash(&entry.previous_hash),
        hash: hash(&entry.hash),
        organization_id: entry.organization_id,
        id: entry.id,
        at_ms: entry.at_ms.0,
        actor: entry.actor,
        address: entry.address,
        action: entry.action,
        target: entry.target,
        outcome: entry.outcome,
        detail: entry.detail,
    }
}

fn anchor(line: &AuditAnchor) -> Option<Anchor> {
    Some(Anchor {
        organization_id: line.organization_id,
        entry_id: line.entry_id,
        kind: Kind::parse(&line.kind)?,
        hash: from_hex(&line.hash)?,
        at: line.at_ms,
        public_key: *line.public_key.as_bytes(),
        signature: from_hex(&line.signature)?,
    })
}
