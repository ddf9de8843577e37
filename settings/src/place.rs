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

/// Byte offset of a dotted key such as `server.listen`, or of its nearest table that is written down.
pub(crate) fn of_key(text: &str, key: &str) -> usize {
    let Ok(document) = DeTable::parse(text) else {
        return 0;
    };
    let mut table = document.get_ref();
    let mut place = 0;
    for part in key.split('.') {
        let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else {
            break;
        };
        place = name.span().start;
        let DeValue::Table(inner) = value.get_ref() else {
            break;
        };
        table = inner;
    }
    place
}
