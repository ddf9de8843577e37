//! Reading the audit.

use super::filter::Filter;
use super::search_store::{self, Between};
use super::store::Row;
use crate::app::App;
use crate::error::Error;
use crate::paging;
use scm_protocol::audit::{AuditEntry, AuditPage};

/// The newest entries that are no heartbeats.
///
/// # Errors
/// When the database fails.
pub async fn recent(app: &App, organization_id: i64, limit: i64) -> Result<Vec<AuditEntry>, Error> {
    newest(app, organization_id, Filter::without_heartbeats(), None, limit).await
}

/// One page, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    filter: Filter,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<AuditPage, Error> {
    let limit = paging::limit(limit)?;
    let before = paging::id_cursor(cursor)?;
    let items = newest(app, organization_id, filter, before, i64::from(limit)).await?;
    let full = items.len() == limit as usize;
    let next_cursor = items.last().filter(|_| full).map(|entry| entry.id.to_string());
    Ok(AuditPage { items, next_cursor })
}

async fn newest(
    app: &App,
    organization_id: i64,
    filter: Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditEntry>, Error> {
    let between = Between {
        after: i64::MIN,
        before: before.unwrap_or(i64::MAX),
    };
    let read = app
        .storage
        .readers
        .run(move |conn| search_store::newest(conn, organization_id, &filter, between, limit));
    Ok(read.await?.into_iter().map(Row::into_entry).collect())
}
