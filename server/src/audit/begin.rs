//! Chains what was recorded before there was a chain: once, at the first start after the update.

use super::chain::GENESIS;
use super::store::{self, Head};
use super::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::{Conn, Storage};
use scm_protocol::ids::UnixMillis;
use serde_json::json;

/// Entries read at a time.
const CHUNK: i64 = 1000;

/// Gives entries of before a hash, in one transaction, and records that. Does nothing where there is a chain already; of
/// replicas that start together one does it. The chain proves nothing about what happened to those entries before.
///
/// # Errors
/// When the database fails; nothing was changed then.
pub async fn begin_chain(storage: &Storage, now: UnixMillis) -> Result<(), Error> {
    let unchained = storage.readers.run(store::unchained).await?;
    for organization_id in unchained {
        let chained = storage
            .writer
            .run(move |conn| chain(conn, organization_id, now))
            .await?;
        if let Some(entries) = chained {
            tracing::info!(
                organization.id = organization_id,
                audit.entries = entries,
                "the audit is a hash chain now"
            );
        }
    }
    Ok(())
}

/// How many entries were chained, unless another replica did it meanwhile.
fn chain(conn: &mut Conn, organization_id: i64, now: UnixMillis) -> Result<Option<u64>, Error> {
    let (newest, done) = store::locked_raw_head(conn, organization_id)?;
    if done {
        return Ok(None);
    }
    let (mut head, mut entries) = (Head { id: 0, hash: GENESIS }, 0);
    loop {
        let rows = store::following(conn, organization_id, head.id, newest, CHUNK)?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            let hash = row.fields().hash(&head.hash);
            store::set_hashes(conn, row, &head.hash, &hash)?;
            head = Head { id: row.id, hash };
            entries += 1;
        }
    }
    // Ids are not given twice, even when the newest entries were missing already.
    store::set_head(conn, organization_id, Head { id: newest, ..head })?;
    Entry {
        organization_id,
        at: now,
        actor: &Actor::server(),
        action: "audit.chain",
        target: "audit",
        outcome: Outcome::Done,
        detail: json!({ "entries": entries, "newest": newest }),
    }
    .write(conn)?;
    Ok(Some(entries))
}
