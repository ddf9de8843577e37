//! Rows on their way from one database into the other, and the comparison afterwards.

use super::sum::Sum;
use super::table::Table;
use super::table_store as store;
use crate::error::Error;
use crate::storage::Conn;

/// Rows that are written at once, at most,
const ROWS: usize = 1000;
/// and bytes of them, from which on no more are added.
const BYTES: usize = 1 << 20;

/// Copies a table; what it holds at the source.
pub(super) fn copy(source: &mut Conn, target: &mut Conn, table: &Table) -> Result<Sum, Error> {
    let mut sum = Sum::default();
    let (mut gathered, mut count) = (String::new(), 0);
    store::each_row(source, table, |row| {
        sum.add(&row, &table.columns)?;
        gathered.push(if count == 0 { '[' } else { ',' });
        gathered.push_str(&row);
        count += 1;
        if count >= ROWS || gathered.len() >= BYTES {
            gathered.push(']');
            store::write(target, table, &gathered)?;
            gathered.clear();
            count = 0;
        }
        Ok(())
    })?;
    if count > 0 {
        gathered.push(']');
        store::write(target, table, &gathered)?;
    }
    Ok(sum)
}

/// What a table holds.
pub(super) fn sum(conn: &mut Conn, table: &Table) -> Result<Sum, Error> {
    let mut sum = Sum::default();
    store::each_row(conn, table, |row| sum.add(&row, &table.columns))?;
    Ok(sum)
}
