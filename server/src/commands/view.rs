//! From rows to what is told of a command.

use super::store::CommandRow;
use crate::error::Error;
use scm_protocol::commands::{Command, CommandState};
use scm_protocol::ids::{CommandId, SystemId, UnixMillis};
use std::collections::BTreeMap;

fn damaged(id: i64) -> Error {
    Error::internal(format!("the row of command {id} is damaged"))
}

/// Where a command stands.
pub(super) fn state(row: &CommandRow) -> Result<CommandState, Error> {
    CommandState::parse(&row.state).ok_or_else(|| damaged(row.id))
}

/// The values that it is given.
pub(super) fn parameters(row: &CommandRow) -> Result<BTreeMap<String, String>, Error> {
    serde_json::from_str(&row.parameters).map_err(|_| damaged(row.id))
}

/// A command.
pub(super) fn command((row, hostname): (CommandRow, String)) -> Result<Command, Error> {
    Ok(Command {
        id: CommandId(row.id),
        system: SystemId(row.system_id),
        hostname,
        parameters: parameters(&row)?,
        state: state(&row)?,
        action: row.action,
        reason: row.reason,
        exit_code: row.exit_code.and_then(|code| i32::try_from(code).ok()),
        created_ms: UnixMillis(row.created_ms),
        created_by: row.created_by,
        wait_until_ms: UnixMillis(row.wait_until_ms),
        dispatched_ms: row.dispatched_ms.map(UnixMillis),
        started_ms: row.started_ms.map(UnixMillis),
        ended_ms: row.ended_ms.map(UnixMillis),
        cancelled_by: row.cancel_by,
        output_bytes: row.output_bytes,
        output_incomplete: row.output_incomplete != 0,
        redacted: row.redacted != 0,
    })
}

/// The first part of `bytes` that is whole text, and how many bytes that is; all of it when nothing more will come. Bytes
/// that are no UTF-8 are replaced.
pub(super) fn text(bytes: &[u8], more_to_come: bool) -> (String, usize) {
    let cut = bytes
        .utf8_chunks()
        .last()
        .map_or(0, |chunk| chunk.invalid().len());
    // At the end, up to three bytes may be the beginning of a character whose rest is still to come.
    let partial = more_to_come && cut < 4 && is_beginning(&bytes[bytes.len() - cut..]);
    let end = if partial { bytes.len() - cut } else { bytes.len() };
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), end)
}

fn is_beginning(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_that_is_not_whole_yet_is_left_for_later() {
        let whole = "aé€".as_bytes();
        assert_eq!(text(whole, true), ("aé€".to_owned(), 6));
        assert_eq!(text(&whole[..5], true), ("aé".to_owned(), 3));
        assert_eq!(text(&whole[..5], false), ("aé\u{fffd}".to_owned(), 5));
        assert_eq!(text(b"a\xff", true), ("a\u{fffd}".to_owned(), 2));
        assert_eq!(text(b"\xffb", true), ("\u{fffd}b".to_owned(), 2));
        assert_eq!(text(b"", true), (String::new(), 0));
    }
}
