//! Pages of a list: `limit` and `cursor` are checked the same way everywhere.

use crate::error::Error;

/// Most rows of a page.
const MAX_LIMIT: u32 = 1000;
/// Rows of a page when nobody says.
const DEFAULT_LIMIT: u32 = 100;

/// How many rows a page has.
///
/// # Errors
/// [`Error::Invalid`] for `limit`.
pub fn limit(asked: Option<u32>) -> Result<u32, Error> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::invalid(
        "limit",
        format!("must be between 1 and {MAX_LIMIT}"),
    ))
}

/// The id that a page begins behind, in lists that are ordered by id.
///
/// # Errors
/// [`Error::Invalid`] for `cursor`.
pub fn id_cursor(cursor: Option<&str>) -> Result<Option<i64>, Error> {
    let id = cursor.map(str::parse).transpose();
    id.map_err(|_| Error::invalid("cursor", "must be the next_cursor of a page"))
}
