//! Forgets jobs that were over long ago; what they did stands in the audit.

use super::store;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::{JobId, UnixMillis};
use serde_json::json;

/// How long a job is kept after its end, in milliseconds: 90 days.
const KEPT_MS: i64 = 90 * 86_400_000;

/// Forgets what is due, a job at a time. May run on several servers.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    while app.storage.writer.run(move |conn| forget(conn, now)).await? {}
    Ok(())
}

/// Forgets the oldest that is due; whether there was one.
pub(super) fn forget(conn: &mut Conn, now: UnixMillis) -> Result<bool, Error> {
    let Some(row) = store::expired(conn, now.plus(-KEPT_MS))? else {
        return Ok(false);
    };
    if !store::delete(conn, JobId(row.id))? {
        return Ok(true);
    }
    Entry {
        organization_id: row.organization_id,
        at: now,
        actor: &Actor::server(),
        action: "jobs.forget",
        target: &format!("job:{}", row.id),
        outcome: Outcome::Done,
        detail: json!({ "kind": row.kind, "finished_ms": row.finished_ms }),
    }
    .write(conn)?;
    Ok(true)
}
