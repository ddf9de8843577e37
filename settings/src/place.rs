//! Places in a document: from a byte offset to line and column, and from a dotted key to its byte offset.

use toml::de::{DeTable, DeValue};

/// Line and column (in characters), both from 1, of a byte offset; past the end is the end.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[line_start..].chars().count() + 1;
    (line, column)
}

/// Byte offset of a dotted key such as `server.listen`, `server.1.listen` or `server[1].listen` (the second of a list), or of
/// its nearest table that is written down.
pub(crate) fn of_key(text: &str, key: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else {
        return 0;
    };
    let key = key.replace('[', ".").replace(']', "");
    let (first, rest) = key.split_once('.').unwrap_or((&key, ""));
    match document
        .get_ref()
        .iter()
        .find(|(name, _)| name.get_ref() == first)
    {
        Some((name, value)) => within(value.get_ref(), rest).unwrap_or(name.span().start),
        None => 0,
    }
}

/// Byte offset of the rest of a key within a value; none when nothing of it is written down.
fn within(value: &DeValue<'_>, key: &str) -> Option<usize> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    match value {
        DeValue::Table(table) => {
            let (name, value) = table.iter().find(|(name, _)| name.get_ref() == first)?;
            Some(within(value.get_ref(), rest).unwrap_or(name.span().start))
        }
        DeValue::Array(array) => {
            let value = array.get(first.parse::<usize>().ok()?)?;
            Some(within(value.get_ref(), rest).unwrap_or(value.span().start))
        }
        _ => None,
    }
}
