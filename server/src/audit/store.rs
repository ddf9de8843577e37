//! Rows of `audit_entries`, and the head of the chain in `organizations`.

use super::Entry;
use super::chain::{Fields, GENESIS, Hash, hex};
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{audit_entries, organizations};
use diesel::prelude::*;
use scm_protocol::audit::AuditEntry;
use scm_protocol::ids::UnixMillis;
use std::collections::BTreeMap;

/// Most rows of one statement: each has eleven values, and a statement takes 32,766.
const ROWS: usize = 1000;

/// A row as stored.
#[derive(Clone, Debug, Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_entries)]
pub(super) struct Row {
    pub organization_id: i64,
    pub id: i64,
    pub at_ms: i64,
    pub actor: String,
    pub address: String,
    pub action: String,
    pub target: String,
    pub outcome: String,
    pub detail: String,
    pub previous_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

impl Row {
    /// What the hash is over.
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            organization_id: self.organization_id,
            id: self.id,
            at_ms: self.at_ms,
            actor: &self.actor,
            address: &self.address,
            action: &self.action,
            target: &self.target,
            outcome: &self.outcome,
            detail: &self.detail,
        }
    }

    /// As the console API shows it.
    pub(super) fn into_entry(self) -> AuditEntry {
        AuditEntry {
            id: self.id,
            at_ms: UnixMillis(self.at_ms),
            detail: serde_json::from_str(&self.detail).unwrap_or_default(),
            actor: self.actor,
            address: self.address,
            action: self.action,
            target: self.target,
            outcome: self.outcome,
            previous_hash: hex(&self.previous_hash),
            hash: hex(&self.hash),
        }
    }
}

/// Where an organization's chain ends: id and hash of its newest entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The id; 0 when there is no entry yet.
    pub id: i64,
    /// The hash.
    pub hash: Hash,
}

/// Adds entries with the next ids. The organizations' rows are locked until the commit, in the order of their ids, which
/// keeps ids without gaps and two replicas from waiting for each other in a circle.
///
/// # Errors
/// When the database fails.
pub(super) fn record(conn: &mut Conn, entries: &[Entry<'_>]) -> Result<(), Error> {
    let mut by_organization: BTreeMap<i64, Vec<&Entry<'_>>> = BTreeMap::new();
    for entry in entries {
        by_organization
            .entry(entry.organization_id)
            .or_default()
            .push(entry);
    }
    for (organization_id, entries) in by_organization {
        append(conn, organization_id, &entries)?;
    }
    Ok(())
}

fn append(conn: &mut Conn, organization_id: i64, entries: &[&Entry<'_>]) -> Result<(), Error> {
    let mut head = locked_head(conn, organization_id)?;
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        let row = next_row(head, entry);
        head = Head {
            id: row.id,
            hash: row.fields().hash(&head.hash),
        };
        rows.push(row);
    }
    set_head(conn, organization_id, head)?;
    for rows in rows.chunks(ROWS) {
        per_backend!(conn, c => diesel::insert_into(audit_entries::table).values(rows).execute(c))?;
    }
    Ok(())
}

fn next_row(head: Head, entry: &Entry<'_>) -> Row {
    let mut row = Row {
        organization_id: entry.organization_id,
        id: head.id + 1,
        at_ms: entry.at.0,
        actor: entry.actor.name.clone(),
        address: entry.actor.address.clone(),
        action: entry.action.to_owned(),
        target: entry.target.to_owned(),
        outcome: entry.outcome.as_str().to_owned(),
        detail: entry.detail.to_string(),
        previous_hash: head.hash.to_vec(),
        hash: Vec::new(),
    };
    row.hash = row.fields().hash(&head.hash).to_vec();
    row
}

/// The head, locked until the commit (on SQLite the writer holds the only lock already).
pub(super) fn locked_head(conn: &mut Conn, organization_id: i64) -> Result<Head, Error> {
    let head = organizations::table
        .find(organization_id)
        .select((organizations::audit_head, organizations::audit_head_hash));
    let row: (i64, Vec<u8>) = match conn {
        Conn::Sqlite(c) => head.first(c)?,
        Conn::Postgres(c) => head.for_update().first(c)?,
    };
    head_of(organization_id, row)
}

/// The head as of now.
pub(super) fn head(conn: &mut Conn, organization_id: i64) -> Result<Head, Error> {
    let row = organizations::table
        .find(organization_id)
        .select((organizations::audit_head, organizations::audit_head_hash))
        .first(conn)?;
    head_of(organization_id, row)
}

fn head_of(organization_id: i64, (id, hash): (i64, Vec<u8>)) -> Result<Head, Error> {
    let hash = match (id, hash.as_slice().try_into()) {
        (_, Ok(hash)) => hash,
        (0, Err(_)) => GENESIS,
        _ => {
            return Err(Error::internal(format!(
                "the audit of organization {organization_id} has {id} entries and no hash of the newest: it is chained when the server starts"
            )));
        }
    };
    Ok(Head { id, hash })
}

/// Moves the head.
pub(super) fn set_head(conn: &mut Conn, organization_id: i64, head: Head) -> Result<(), Error> {
    diesel::update(organizations::table.find(organization_id))
        .set((
            organizations::audit_head.eq(head.id),
            organizations::audit_head_hash.eq(head.hash.to_vec()),
        ))
        .execute(conn)?;
    Ok(())
}

/// Ids of the newest entries, by organization.
pub(super) fn heads(conn: &mut Conn) -> Result<Vec<(i64, i64)>, Error> {
    Ok(organizations::table
        .select((organizations::id, organizations::audit_head))
        .load(conn)?)
}

/// The oldest entry that is left.
pub(super) fn first_id(conn: &mut Conn, organization_id: i64) -> Result<Option<i64>, Error> {
    Ok(audit_entries::table
        .filter(audit_entries::organization_id.eq(organization_id))
        .select(diesel::dsl::min(audit_entries::id))
        .first(conn)?)
}

/// Entries behind `after` (exclusive) up to `to` (inclusive), oldest first.
pub(super) fn following(
    conn: &mut Conn,
    organization_id: i64,
    after: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    Ok(audit_entries::table
        .filter(audit_entries::organization_id.eq(organization_id))
        .filter(audit_entries::id.gt(after))
        .filter(audit_entries::id.le(to))
        .order(audit_entries::id.asc())
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?)
}

/// Organizations whose entries were written before there was a chain.
pub(super) fn unchained(conn: &mut Conn) -> Result<Vec<i64>, Error> {
    let rows: Vec<(i64, Vec<u8>)> = organizations::table
        .filter(organizations::audit_head.gt(0))
        .order(organizations::id)
        .select((organizations::id, organizations::audit_head_hash))
        .load(conn)?;
    let unchained = rows.into_iter().filter(|(_, hash)| hash.is_empty());
    Ok(unchained.map(|(id, _)| id).collect())
}

/// The recorded head and whether it has a hash, locked until the commit.
pub(super) fn locked_raw_head(conn: &mut Conn, organization_id: i64) -> Result<(i64, bool), Error> {
    let head = organizations::table
        .find(organization_id)
        .select((organizations::audit_head, organizations::audit_head_hash));
    let (id, hash): (i64, Vec<u8>) = match conn {
        Conn::Sqlite(c) => head.first(c)?,
        Conn::Postgres(c) => head.for_update().first(c)?,
    };
    Ok((id, !hash.is_empty()))
}

/// Gives an entry its place in the chain.
pub(super) fn set_hashes(conn: &mut Conn, row: &Row, previous: &Hash, hash: &Hash) -> Result<(), Error> {
    diesel::update(audit_entries::table.find((row.organization_id, row.id)))
        .set((
            audit_entries::previous_hash.eq(previous.to_vec()),
            audit_entries::hash.eq(hash.to_vec()),
        ))
        .execute(conn)?;
    Ok(())
}

/// What retention needs to know of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oldest {
    pub id: i64,
    pub at: UnixMillis,
    pub hash: Hash,
}

/// The oldest entries that are left. The row ends before one whose hash is damaged: nothing is signed about that.
pub(super) fn oldest(conn: &mut Conn, organization_id: i64, limit: i64) -> Result<Vec<Oldest>, Error> {
    let rows: Vec<(i64, i64, Vec<u8>)> = audit_entries::table
        .filter(audit_entries::organization_id.eq(organization_id))
        .order(audit_entries::id.asc())
        .limit(limit)
        .select((audit_entries::id, audit_entries::at_ms, audit_entries::hash))
        .load(conn)?;
    let entries = rows.into_iter().map_while(|(id, at_ms, hash)| {
        Some(Oldest {
            id,
            at: UnixMillis(at_ms),
            hash: hash.try_into().ok()?,
        })
    });
    Ok(entries.collect())
}

/// Deletes an organization's entries up to and including `id`.
pub(super) fn delete_to(conn: &mut Conn, organization_id: i64, id: i64) -> Result<usize, Error> {
    let old = audit_entries::table
        .filter(audit_entries::organization_id.eq(organization_id))
        .filter(audit_entries::id.le(id));
    Ok(diesel::delete(old).execute(conn)?)
}
