//! What a verification finds, in words that name the entries.

use std::fmt;

/// Most findings that are listed one by one.
const MAX: usize = 1000;

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its content or its hash is not what was written.
    Edited,
    /// It is not there.
    Deleted,
    /// It was not written by the server.
    Inserted,
    /// It stands at another place.
    Reordered,
    /// It was at the end, and is not there.
    Truncated,
    /// The recorded head does not fit it.
    Head,
    /// An anchor about it does not hold.
    Anchor,
}

impl Fault {
    /// As the console API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Edited => "edited",
            Fault::Deleted => "deleted",
            Fault::Inserted => "inserted",
            Fault::Reordered => "reordered",
            Fault::Truncated => "truncated",
            Fault::Head => "head",
            Fault::Anchor => "anchor",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What happened.
    pub fault: Fault,
    /// The first entry that it is about.
    pub first_id: i64,
    /// The last one.
    pub last_id: i64,
    /// How it shows.
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = if self.first_id == self.last_id {
            format!("entry {}", self.first_id)
        } else {
            format!("entries {} to {}", self.first_id, self.last_id)
        };
        let be = if self.first_id == self.last_id {
            "was"
        } else {
            "were"
        };
        match self.fault {
            Fault::Edited => write!(f, "{entries} {be} edited")?,
            Fault::Deleted => write!(f, "{entries} {be} deleted")?,
            Fault::Inserted => write!(f, "{entries} {be} inserted")?,
            Fault::Reordered => write!(f, "{entries} {be} moved")?,
            Fault::Truncated => write!(f, "{entries} {be} cut off")?,
            Fault::Head => write!(f, "{entries} is not the recorded head")?,
            Fault::Anchor => write!(f, "the anchor at {entries} does not hold")?,
        }
        write!(f, ": {}", self.reason)
    }
}

/// Everything that was found, in the order of the entries; beyond a thousand only their number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The findings.
    pub listed: Vec<Finding>,
    /// How many more there are.
    pub more: u64,
}

impl Findings {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    pub(in crate::audit) fn add(&mut self, fault: Fault, id: i64, reason: impl Into<String>) {
        self.add_range(fault, (id, id), reason);
    }

    pub(in crate::audit) fn add_range(
        &mut self,
        fault: Fault,
        (first_id, last_id): (i64, i64),
        reason: impl Into<String>,
    ) {
        if self.listed.len() >= MAX {
            self.more += 1;
            return;
        }
        self.listed.push(Finding {
            fault,
            first_id,
            last_id,
            reason: reason.into(),
        });
    }

    pub(in crate::audit) fn extend(&mut self, other: Findings) {
        self.more += other.more;
        for finding in other.listed {
            self.add_range(finding.fault, (finding.first_id, finding.last_id), finding.reason);
        }
        self.listed.sort_by_key(|finding| finding.first_id);
    }
}
