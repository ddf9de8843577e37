//! Exports: everything that a filter lets through, in constant memory however much it is.
//!
//! Invariants: an export is recorded, and its record anchored, before its first byte leaves, so that a complete one ends
//! with a signature over all of it; entries are read in chunks and only as fast as they are taken; what retention deletes
//! meanwhile breaks the export off instead of leaving a gap in it.

mod csv;

use super::anchor::{Anchor, Kind};
use super::anchors::{self, When};
use super::chain::{GENESIS, hex};
use super::filter::Filter;
use super::search_store::{self, Between};
use super::store::{Head, Row};
use super::{Actor, Entry, Outcome, anchor_store, store, verify, watch};
use crate::app::App;
use crate::error::Error;
use crate::signing;
use crate::storage::Conn;
use scm_protocol::audit::{EXPORT_FORMAT, ExportEntry, ExportHeader, ExportLine};
use scm_protocol::ids::UnixMillis;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Most exports at once: each keeps a reading connection busy for a while.
pub const AT_ONCE: usize = 2;
/// Entries read at a time.
const CHUNK: i64 = 500;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON lines, which `scmserver audit verify-export` verifies.
    Jsonl,
    /// For spreadsheets.
    Csv,
}

impl Format {
    /// The form of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `format`.
    pub(super) fn parse(name: Option<&str>) -> Result<Self, Error> {
        match name {
            None | Some("jsonl") => Ok(Format::Jsonl),
            Some("csv") => Ok(Format::Csv),
            Some(_) => Err(Error::invalid("format", "must be `jsonl` or `csv`")),
        }
    }

    /// As its file's name ends.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
        }
    }

    /// Its media type.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Format::Jsonl => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }
}

/// An export on its way.
pub(super) struct Export {
    app: Arc<App>,
    /// Kept until the last byte was taken, or the client went.
    _permit: OwnedSemaphorePermit,
    progress: Option<Progress>,
}

/// How far it is.
struct Progress {
    format: Format,
    filter: Filter,
    header: ExportHeader,
    start: Option<Anchor>,
    begun: bool,
    after: i64,
    entries: u64,
    anchors: u64,
    buffer: Vec<u8>,
}

/// Records an export and begins it.
///
/// # Errors
/// [`Error::Busy`] when there are enough already, and when the database fails.
pub(super) async fn begin(
    app: Arc<App>,
    organization_id: i64,
    (filter, format): (Filter, Format),
    actor: Actor,
) -> Result<Export, Error> {
    let permit = Arc::clone(&app.exports)
        .try_acquire_owned()
        .map_err(|_| Error::Busy)?;
    let organization = app
        .organizations
        .all()
        .into_iter()
        .find(|organization| organization.id == organization_id)
        .ok_or_else(|| Error::internal("an organization that is not loaded"))?;
    let now = app.clock.now();
    let progress = app
        .storage
        .writer
        .run(move |conn| {
            let detail = json!({ "format": format.extension(), "filter": filter });
            Entry {
                organization_id,
                at: now,
                actor: &actor,
                action: "audit.export",
                target: "audit",
                outcome: Outcome::Done,
                detail,
            }
            .write(conn)?;
            anchors::anchor(conn, &organization, When::Now, now)?;
            let keys = signing::public_keys(conn, organization_id)?;
            let start = verify::newest_cut(conn, organization_id, &keys)?;
            let to = store::head(conn, organization_id)?;
            let header = header(&filter, start.as_ref(), to, now);
            Ok(Progress {
                header: ExportHeader {
                    organization: organization.name.clone(),
                    organization_id,
                    public_keys: keys,
                    ..header
                },
                after: header.start_id,
                format,
                filter,
                start,
                begun: false,
                entries: 0,
                anchors: 0,
                buffer: Vec::new(),
            })
        })
        .await?;
    app.events.audited(organization_id);
    Ok(Export {
        app,
        _permit: permit,
        progress: Some(progress),
    })
}

fn header(filter: &Filter, start: Option<&Anchor>, to: Head, now: UnixMillis) -> ExportHeader {
    ExportHeader {
        format: EXPORT_FORMAT.to_owned(),
        organization: scm_protocol::ids::Organization::default(),
        organization_id: 0,
        public_keys: Vec::new(),
        exported_ms: now,
        complete: filter.is_empty(),
        start_id: start.map_or(0, |cut| cut.entry_id),
        start_hash: hex(start.map_or(&GENESIS, |cut| &cut.hash)),
        to_id: to.id,
        filter: json!(filter),
    }
}

impl Export {
    /// The next piece, nothing at the end.
    ///
    /// # Errors
    /// When the database fails, or retention deleted what was to come.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Some(mut progress) = self.progress.take() else {
            return Ok(None);
        };
        let read = self.app.storage.readers.run(move |conn| {
            let done = progress.advance(conn)?;
            let piece = std::mem::take(&mut progress.buffer);
            Ok((piece, (!done).then_some(progress)))
        });
        let (piece, progress) = read.await?;
        self.progress = progress;
        Ok(Some(piece))
    }
}

impl Progress {
    /// Writes the next piece into the buffer; true when it was the last one.
    fn advance(&mut self, conn: &mut Conn) -> Result<bool, Error> {
        if !self.begun {
            self.begun = true;
            self.begin()?;
        }
        let between = Between {
            after: self.after,
            before: self.header.to_id + 1,
        };
        let organization_id = self.header.organization_id;
        let rows = search_store::oldest(conn, organization_id, &self.filter, between, CHUNK)?;
        let done = rows.len() < usize::try_from(CHUNK).unwrap_or(usize::MAX);
        let until = if done {
            self.header.to_id
        } else {
            rows.last().map_or(self.after, |row| row.id)
        };
        let anchors = anchor_store::between(conn, organization_id, self.after, until)?;
        let mut anchors = anchors.into_iter().filter_map(|stored| stored.anchor).peekable();
        for row in rows {
            while let Some(anchor) = anchors.next_if(|anchor| anchor.entry_id < row.id) {
                self.anchor(&anchor)?;
            }
            self.entry(row)?;
        }
        for anchor in anchors {
            self.anchor(&anchor)?;
        }
        if done {
            self.end()?;
        }
        Ok(done)
    }

    fn begin(&mut self) -> Result<(), Error> {
        match self.format {
            Format::Csv => csv::header(&mut self.buffer),
            Format::Jsonl => {
                let header = ExportLine::Header(self.header.clone());
                line(&mut self.buffer, &header)?;
            }
        }
        match self.start.take() {
            Some(cut) => self.anchor(&cut),
            None => Ok(()),
        }
    }

    fn entry(&mut self, row: Row) -> Result<(), Error> {
        if self.header.complete && row.id != self.after + 1 {
            let gone = "retention deleted entries while they were exported: export again".to_owned();
            return Err(Error::Unavailable(gone));
        }
        (self.after, self.entries) = (row.id, self.entries + 1);
        let entry = exported(row);
        match self.format {
            Format::Csv => csv::entry(&mut self.buffer, &entry),
            Format::Jsonl => line(&mut self.buffer, &ExportLine::Entry(entry))?,
        }
        Ok(())
    }

    fn anchor(&mut self, anchor: &Anchor) -> Result<(), Error> {
        // The cut that the export begins with is the only one that says anything about it.
        if anchor.kind == Kind::Cut && anchor.entry_id != self.header.start_id {
            return Ok(());
        }
        self.anchors += 1;
        let anchor = watch::shown(anchor)?;
        match self.format {
            Format::Csv => csv::anchor(&mut self.buffer, &anchor),
            Format::Jsonl => line(&mut self.buffer, &ExportLine::Anchor(anchor))?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let end = ExportLine::End {
            entries: self.entries,
            anchors: self.anchors,
        };
        match self.format {
            Format::Csv => Ok(()),
            Format::Jsonl => line(&mut self.buffer, &end),
        }
    }
}

fn line(out: &mut Vec<u8>, line: &ExportLine) -> Result<(), Error> {
    serde_json::to_writer(&mut *out, line).map_err(|error| Error::internal(error.to_string()))?;
    out.push(b'\n');
    Ok(())
}

/// An entry as exported and forwarded.
pub(super) fn exported(row: Row) -> ExportEntry {
    ExportEntry {
        organization_id: row.organization_id,
        id: row.id,
        at_ms: UnixMillis(row.at_ms),
        previous_hash: hex(&row.previous_hash),
        hash: hex(&row.hash),
        actor: row.actor,
        address: row.address,
        action: row.action,
        target: row.target,
        outcome: row.outcome,
        detail: row.detail,
    }
}
