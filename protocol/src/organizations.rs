//! Organizations: sealed from each other; only the server's local administrator makes one.

use crate::ids::{Organization, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Header field by which the local administrator says which organization a request is for; the first one without it.
pub const ORGANIZATION_HEADER: &str = "openscm-organization";

/// An organization as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganizationSummary {
    /// Its name.
    pub name: Organization,
    /// When it was created.
    pub created_ms: UnixMillis,
    /// How many users it has.
    pub users: i64,
    /// How many systems it has.
    pub systems: i64,
    /// Whether its first owner is still to be created with a setup code.
    pub setup_needed: bool,
}

/// `GET /api/v1/organizations`: by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrganizationList {
    /// The organizations.
    pub items: Vec<OrganizationSummary>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `POST /api/v1/organizations`. Answered with [`CreatedOrganization`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOrganization {
    /// 1 to 63 characters of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit.
    pub name: Organization,
}

/// A new organization.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedOrganization {
    /// Its name.
    pub name: Organization,
    /// Makes its first owner (`POST /api/v1/setup`); shown here once, stored hashed.
    pub setup_code: String,
}
