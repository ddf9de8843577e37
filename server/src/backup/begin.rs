//! Records restores at the start that follows them.

use super::store;
use crate::audit::{Actor, Entry, Outcome};
use crate::clock::rfc3339;
use crate::error::Error;
use crate::signing::Organizations;
use crate::storage::Storage;
use scm_protocol::ids::UnixMillis;
use serde_json::json;

/// Records every restore that is not recorded yet, in every organization's audit.
///
/// # Errors
/// When the database fails.
pub async fn record_restores(
    storage: &Storage,
    organizations: &Organizations,
    now: UnixMillis,
) -> Result<(), Error> {
    let all = organizations.all();
    let restored = storage.writer.run(move |conn| {
        let restores = store::take_restores(conn)?;
        let actor = Actor::server();
        let mut entries = Vec::new();
        for restore in &restores {
            for organization in &all {
                entries.push(Entry {
                    organization_id: organization.id,
                    at: now,
                    actor: &actor,
                    action: "backups.restored",
                    target: "database",
                    outcome: Outcome::Done,
                    detail: json!({
                        "backup_created": restore.backup_created,
                        "sha256": restore.sha256,
                        "restored": rfc3339(UnixMillis(restore.at_ms)),
                    }),
                });
            }
        }
        store::record(conn, &entries)?;
        Ok(restores)
    });
    for restore in restored.await? {
        tracing::warn!(backup.created = %restore.backup_created, "this database was restored from a backup: what was changed after it is gone");
    }
    Ok(())
}
