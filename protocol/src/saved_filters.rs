//! Filters of the systems list under a name: one's own, or shared by all of an organization.

use crate::ids::{FilterId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A saved filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavedFilter {
    /// Its id.
    pub id: FilterId,
    /// Its name, unique among one's own and among the shared ones.
    pub name: String,
    /// Text in the condition language.
    pub filter: String,
    /// A field to sort by, `-` before it for the largest first; empty: the list's own order.
    pub sort: String,
    /// Columns to show; empty: the list's own.
    pub columns: Vec<String>,
    /// Everybody sees it; otherwise only who saved it.
    pub shared: bool,
    /// When it was last changed.
    pub changed_ms: UnixMillis,
}

/// `GET /api/v1/filters`: one's own first, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavedFilterList {
    /// The filters.
    pub items: Vec<SavedFilter>,
}

/// `POST /api/v1/filters`: saves under a name, in place of what had it. Answered with [`SavedFilter`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveFilter {
    /// 1 to 64 printable characters, no space at either end.
    pub name: String,
    /// Text in the condition language.
    pub filter: String,
    /// A field to sort by, `-` before it for the largest first.
    #[serde(default)]
    pub sort: String,
    /// Columns to show.
    #[serde(default)]
    pub columns: Vec<String>,
    /// For everybody: needs the role that changes groups.
    #[serde(default)]
    pub shared: bool,
}
