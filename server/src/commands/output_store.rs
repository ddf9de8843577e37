//! Rows of `command_output`.

use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::command_output as output;
use diesel::prelude::*;
use scm_protocol::ids::CommandId;

/// Adds what was written from byte `start` on.
pub(super) fn add(conn: &mut Conn, command: CommandId, start: i64, data: &[u8]) -> Result<(), Error> {
    let row = (
        output::command_id.eq(command.0),
        output::start.eq(start),
        output::data.eq(data),
    );
    diesel::insert_into(output::table).values(row).execute(conn)?;
    Ok(())
}

/// Parts that begin at or after `start`, and the one that holds it, until there are `most` bytes.
pub(super) fn read(conn: &mut Conn, command: CommandId, start: i64, most: usize) -> Result<Vec<u8>, Error> {
    let first: Option<i64> = output::table
        .filter(output::command_id.eq(command.0))
        .filter(output::start.le(start))
        .select(diesel::dsl::max(output::start))
        .first(conn)?;
    let mut at = first.unwrap_or(start);
    let mut bytes = Vec::new();
    while bytes.len() < most {
        let part: Option<(i64, Vec<u8>)> = output::table
            .filter(output::command_id.eq(command.0))
            .filter(output::start.ge(at))
            .order(output::start)
            .select((output::start, output::data))
            .first(conn)
            .optional()?;
        let Some((begin, data)) = part else {
            break;
        };
        let skip = usize::try_from(start.saturating_sub(begin).max(0)).unwrap_or(usize::MAX);
        bytes.extend_from_slice(data.get(skip..).unwrap_or_default());
        at = begin
            .saturating_add(i64::try_from(data.len()).unwrap_or(i64::MAX))
            .max(begin + 1);
    }
    bytes.truncate(most);
    Ok(bytes)
}
