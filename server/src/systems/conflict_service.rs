//! What administrators decide about two machines with one identity. A decision and its audit entry are one transaction.

use super::boots::Boots;
use super::conflict_store::{self, ConflictRow};
use super::service;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{ConflictDecision, ConflictState, IdentityConflict};
use serde_json::json;

/// What an administrator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// The claimant becomes a system of its own.
    Split,
    /// The claimant is the right one, the other is kept out.
    Swap,
    /// They are one machine.
    Dismiss,
}

/// Carries out a decision about an open conflict.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `fingerprint_changed` or `already_settled`.
pub(super) async fn settle(
    app: &App,
    organization_id: i64,
    id: SystemId,
    (settlement, action): (Settlement, &'static str),
    decision: ConflictDecision,
    actor: Actor,
) -> Result<(), Error> {
    let now = app.clock.now();
    app.storage
        .writer
        .run(move |conn| {
            let hostname = service::shown(conn, organization_id, id, decision.fingerprint)?;
            let boots = conflict_store::hold_boots(conn, id)?;
            let row = open_conflict(conn, id, decision.conflict)?;
            apply(conn, id, &row, settlement, boots, now)?;
            Entry {
                organization_id,
                at: now,
                actor: &actor,
                action,
                target: &format!("system:{id}"),
                outcome: Outcome::Done,
                detail: json!({
                    "hostname": hostname,
                    "conflict": row.id,
                    "claimant": row.claimant,
                    "claimant_hostname": row.hostname,
                    "claimant_address": row.claimant_address,
                    "keeper_address": row.keeper_address,
                }),
            }
            .write(conn)
        })
        .await?;
    app.events.listed(organization_id, id);
    app.wake(&[id]);
    Ok(())
}

fn open_conflict(conn: &mut Conn, id: SystemId, conflict: i64) -> Result<ConflictRow, Error> {
    let row = conflict_store::find(conn, id, conflict)?;
    let row = row.ok_or_else(|| Error::NotFound(format!("system {id} has no conflict {conflict}")))?;
    if row.state == "open" {
        return Ok(row);
    }
    Err(Error::Conflict {
        code: "already_settled",
        detail: format!("this conflict is {} by now; look at it again", row.state),
    })
}

fn apply(
    conn: &mut Conn,
    id: SystemId,
    row: &ConflictRow,
    settlement: Settlement,
    (present, boots, high): (String, String, i64),
    now: UnixMillis,
) -> Result<(), Error> {
    let boots: Boots = boots.parse().unwrap_or_default();
    let next = high.cast_unsigned().saturating_add(1);
    match settlement {
        Settlement::Split => {
            conflict_store::set_boots(conn, id, &boots.split(&row.claimant).to_string())?;
            conflict_store::set_state(conn, row.id, "split")
        }
        Settlement::Dismiss => {
            conflict_store::set_boots(conn, id, &boots.forgive(&row.claimant).to_string())?;
            conflict_store::set_state(conn, row.id, "dismissed")
        }
        Settlement::Swap => {
            let swapped = boots.swap(&present, &row.claimant, next);
            conflict_store::set_boots(conn, id, &swapped.to_string())?;
            conflict_store::set_present(conn, id, &row.claimant)?;
            conflict_store::swap(conn, row, &present, now)
        }
    }
}

/// Notes what a batch brought to light; a new conflict gets an audit entry.
pub(super) fn note(
    conn: &mut Conn,
    (organization_id, id): (i64, SystemId),
    conflict: &super::conflict::Conflict,
    now: UnixMillis,
) -> Result<bool, Error> {
    let news = conflict_store::note(conn, id, conflict, now)?;
    if !news {
        return Ok(false);
    }
    tracing::warn!(
        target: "security",
        { system.id = %id, claimant.address = %conflict.claimant_address, keeper.address = %conflict.keeper_address },
        "two machines use one identity: the later one is quarantined"
    );
    let actor = Actor {
        name: "server".to_owned(),
        address: String::new(),
    };
    Entry {
        organization_id,
        at: now,
        actor: &actor,
        action: "systems.quarantine",
        target: &format!("system:{id}"),
        outcome: Outcome::Done,
        detail: json!({
            "evidence": conflict.evidence.map(super::boots::Evidence::as_str),
            "claimant": conflict.claimant,
            "claimant_address": conflict.claimant_address,
            "keeper": conflict.keeper,
            "keeper_address": conflict.keeper_address,
        }),
    }
    .write(conn)?;
    Ok(true)
}

/// A row as the console sees it.
pub(super) fn view(row: ConflictRow) -> IdentityConflict {
    IdentityConflict {
        id: row.id,
        state: match row.state.as_str() {
            "split" => ConflictState::Split,
            "dismissed" => ConflictState::Dismissed,
            _ => ConflictState::Open,
        },
        evidence: row.evidence,
        claimant_boot_id: row.claimant,
        claimant_hostname: row.hostname,
        claimant_machine_id_hash: row.machine_id_hash,
        claimant_address: row.claimant_address,
        keeper_boot_id: row.keeper,
        keeper_address: row.keeper_address,
        first_seen_ms: UnixMillis(row.first_ms),
        last_seen_ms: UnixMillis(row.last_ms),
        refused: row.refused,
    }
}
