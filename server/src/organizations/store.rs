//! Rows of `organizations` as the local administrator sees them.

use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{organizations, systems, users};
use diesel::dsl::count_star;
use diesel::prelude::*;
use scm_protocol::ids::UnixMillis;
use scm_protocol::organizations::OrganizationSummary;
use std::collections::HashMap;

/// Every organization, by id.
pub(super) fn all(conn: &mut Conn) -> Result<Vec<OrganizationSummary>, Error> {
    let rows: Vec<(i64, String, i64)> = organizations::table
        .order(organizations::id)
        .select((organizations::id, organizations::name, organizations::created_ms))
        .load(conn)?;
    let users = users::table
        .group_by(users::organization_id)
        .select((users::organization_id, count_star()))
        .load(conn)?;
    let systems = systems::table
        .group_by(systems::organization_id)
        .select((systems::organization_id, count_star()))
        .load(conn)?;
    let [users, systems] =
        [users, systems].map(|rows: Vec<(i64, i64)>| -> HashMap<i64, i64> { rows.into_iter().collect() });
    let count = |of: &HashMap<i64, i64>, id: i64| of.get(&id).copied().unwrap_or(0);
    let view = |(id, name, created): (i64, String, i64)| {
        Ok(OrganizationSummary {
            name: name
                .parse()
                .map_err(|error| Error::internal(format!("{error}")))?,
            created_ms: UnixMillis(created),
            users: count(&users, id),
            systems: count(&systems, id),
            setup_needed: count(&users, id) == 0,
        })
    };
    rows.into_iter().map(view).collect()
}
