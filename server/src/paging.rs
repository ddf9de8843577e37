//! Pages of a list: `limit` and `cursor` are checked the same way everywhere.

use crate::error::Error;
use serde::Deserialize;
use utoipa::IntoParams;

/// The query of a list that is paged and nothing else.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Rows of a page: 1 to 1000, 100 unless given.
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Parameters of such a list, for the API's description.
pub fn page_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    PageQuery::into_params(|| None)
}

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
