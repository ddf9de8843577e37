//! Reading what a verification goes over. Trusts nothing: a row that cannot be is reported, not an error.

use super::store::Row;
use super::verify::Linked;
use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{audit_entries, organizations};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

/// What an organization's row says of its chain.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    pub head_id: i64,
    pub head_hash: Vec<u8>,
}

/// The recorded head, as it is. An audit without entries ends with the genesis hash.
pub(super) fn bounds(conn: &mut Conn, organization_id: i64) -> Result<Bounds, Error> {
    let (head_id, hash): (i64, Vec<u8>) = organizations::table
        .find(organization_id)
        .select((organizations::audit_head, organizations::audit_head_hash))
        .first(conn)?;
    let hash = if head_id == 0 && hash.is_empty() {
        super::chain::GENESIS.to_vec()
    } else {
        hash
    };
    Ok(Bounds {
        head_id,
        head_hash: hash,
    })
}

/// Entries behind `after`, oldest first.
pub(super) fn following(
    conn: &mut Conn,
    organization_id: i64,
    after: i64,
    limit: usize,
) -> Result<Vec<Linked>, Error> {
    let rows: Vec<Row> = audit_entries::table
        .filter(audit_entries::organization_id.eq(organization_id))
        .filter(audit_entries::id.gt(after))
        .order(audit_entries::id.asc())
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(linked).collect())
}

/// The recorded hash of one entry.
pub(super) fn hash_of(conn: &mut Conn, organization_id: i64, id: i64) -> Result<Option<Vec<u8>>, Error> {
    Ok(audit_entries::table
        .find((organization_id, id))
        .select(audit_entries::hash)
        .first(conn)
        .optional()?)
}

/// A row as the checker takes it.
pub(super) fn linked(row: Row) -> Linked {
    Linked {
        organization_id: row.organization_id,
        id: row.id,
        at_ms: row.at_ms,
        actor: row.actor,
        address: row.address,
        action: row.action,
        target: row.target,
        outcome: row.outcome,
        detail: row.detail,
        previous: row.previous_hash.try_into().ok(),
        hash: row.hash.try_into().ok(),
    }
}

/// Runs `read` over the state of one moment.
pub(super) fn snapshot<T>(
    conn: &mut Conn,
    read: impl FnOnce(&mut Conn) -> Result<T, Error>,
) -> Result<T, Error> {
    let begin = match conn {
        Conn::Sqlite(_) => "BEGIN",
        Conn::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    conn.batch_execute(begin)?;
    let result = read(conn);
    let ended = conn.batch_execute("ROLLBACK");
    let value = result?;
    ended?;
    Ok(value)
}

/// Does to the database what no part of the server does.
#[cfg(test)]
pub(super) fn execute(conn: &mut Conn, sql: &str) -> Result<(), Error> {
    Ok(conn.batch_execute(sql)?)
}
