//! Jobs that queue upgrades: what becomes of each is seen in the upgrades.

use super::super::chunk::Step;
use super::{Acted, Deed, Verdict};
use crate::app::App;
use crate::audit::{self, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use crate::upgrades;
use scm_protocol::commands::MAX_WAIT_SECS;
use scm_protocol::ids::SystemId;
use serde_json::json;

/// Queues upgrades of these systems.
pub(super) fn queue(
    conn: &mut Conn,
    deed: &Deed<'_>,
    version: Option<&str>,
    systems: &[SystemId],
) -> Result<Acted, Error> {
    let order = upgrades::Order {
        organization_id: deed.row.organization_id,
        version,
        wait_secs: MAX_WAIT_SECS,
        rollout: None,
        job: Some(deed.job()),
        by: &deed.actor.name,
        now: deed.turn.now,
    };
    let outcomes = upgrades::queue(conn, &order, systems)?;
    let targets: Vec<String> = systems.iter().map(|system| format!("system:{system}")).collect();
    let entries = outcomes.iter().zip(&targets).filter_map(|(outcome, target)| {
        let upgrades::Outcome::Queued { id, version } = outcome else {
            return None;
        };
        Some(Entry {
            organization_id: deed.row.organization_id,
            at: deed.turn.now,
            actor: &deed.actor,
            action: deed.kind.route(),
            target,
            outcome: Outcome::Done,
            detail: json!({ "upgrade": id, "version": version, "job": deed.job() }),
        })
    });
    let entries: Vec<Entry<'_>> = entries.collect();
    if !entries.is_empty() {
        audit::record_all(conn, &entries)?;
    }
    let verdicts = outcomes.iter().map(|outcome| match (outcome, outcome.reason()) {
        (upgrades::Outcome::Gone, _) => Verdict::gone(),
        (_, Some(reason)) => Verdict::Skipped(reason),
        (_, None) => Verdict::Done,
    });
    Ok(Acted {
        verdicts: verdicts.collect(),
        ..Acted::default()
    })
}

/// After the commit: agents that wait are told at once.
pub(super) fn tell(app: &App, step: &Step) {
    app.wake(&step.changed);
    app.events.commands(step.organization_id);
    app.events.audited(step.organization_id);
}
