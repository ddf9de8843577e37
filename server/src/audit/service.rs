//! Reading the audit.

use super::store;
use crate::app::App;
use crate::error::Error;
use crate::paging;
use scm_protocol::audit::{AuditEntry, AuditPage};

/// The newest entries.
///
/// # Errors
/// When the database fails.
pub async fn recent(app: &App, organization_id: i64, limit: i64) -> Result<Vec<AuditEntry>, Error> {
    app.storage
        .readers
        .run(move |conn| store::newest(conn, organization_id, None, limit))
        .await
}

/// One page, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<AuditPage, Error> {
    let limit = paging::limit(limit)?;
    let before = paging::id_cursor(cursor)?;
    let read = app
        .storage
        .readers
        .run(move |conn| store::newest(conn, organization_id, before, i64::from(limit)));
    let items = read.await?;
    let full = items.len() == limit as usize;
    let next_cursor = items.last().filter(|_| full).map(|entry| entry.id.to_string());
    Ok(AuditPage { items, next_cursor })
}
