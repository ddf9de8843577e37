//! What administrators do with systems. A change and its audit entry are one transaction.

use super::conflict_store;
use super::overview_store::{self, Fleet};
use super::store::{self, Record, SystemRecord};
use super::view::{self, Instants};
use crate::annotations;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::certificates::{self, Reason, Withdrawal};
use crate::error::Error;
use crate::rules;
use crate::storage::Conn;
use scm_protocol::identity::Fingerprint;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{StatusChange, SystemDetail, SystemStatus};
use serde_json::json;

/// What an administrator does with a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Approve,
    Reject,
    Deny,
    Revoke,
    Restore,
    Delete,
}

/// What becomes of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Becomes(SystemStatus),
    Goes,
}

impl Decision {
    /// The effect on a system of that status, or why there is none.
    fn effect(self, status: SystemStatus) -> Result<Effect, &'static str> {
        use SystemStatus::{Active, Denied, Pending, Revoked};
        match (self, status) {
            (Decision::Approve, Pending) => Ok(Effect::Becomes(Active)),
            (Decision::Approve, _) => Err("only a pending system can be approved"),
            (Decision::Reject, Pending) => Ok(Effect::Goes),
            (Decision::Reject, _) => Err("only a pending system can be rejected; delete it instead"),
            (Decision::Deny, Denied) => Err("its key is denied already"),
            (Decision::Deny, _) => Ok(Effect::Becomes(Denied)),
            (Decision::Revoke, Active) => Ok(Effect::Becomes(Revoked)),
            (Decision::Revoke, _) => Err("only an active system can be revoked"),
            (Decision::Restore, Revoked) => Ok(Effect::Becomes(Active)),
            // Whoever was denied never was approved as what it is now: it waits again.
            (Decision::Restore, Denied) => Ok(Effect::Becomes(Pending)),
            (Decision::Restore, _) => Err("only a revoked or denied system can be restored"),
            (Decision::Delete, Denied) => {
                Err("deleting it would let its key register again; restore it first if that is wanted")
            }
            (Decision::Delete, _) => Ok(Effect::Goes),
        }
    }
}

impl Decision {
    /// Why the system's certificates are withdrawn with it, if they are.
    fn withdraws(self) -> Option<Reason> {
        match self {
            Decision::Deny => Some(Reason::Denied),
            Decision::Revoke => Some(Reason::Revoked),
            Decision::Delete => Some(Reason::Deleted),
            Decision::Approve | Decision::Reject | Decision::Restore => None,
        }
    }
}

/// Carries out a decision; `change` says what the administrator was shown, and anything else than that is refused.
pub(super) async fn carry_out(
    app: &App,
    organization_id: i64,
    id: SystemId,
    (decision, action): (Decision, &'static str),
    change: StatusChange,
    actor: Actor,
) -> Result<(), Error> {
    let (now, rules) = (app.clock.now(), app.rules.clone());
    let moved = app
        .storage
        .writer
        .run(move |conn| {
            let record = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
            let effect = check(&record, decision, &change)?;
            if let Some(reason) = decision.withdraws() {
                let withdrawal = Withdrawal {
                    organization_id,
                    system: id,
                    reason,
                    actor: &actor,
                    now,
                };
                certificates::withdraw(conn, withdrawal)?;
            }
            apply(conn, id, effect, &actor.name, now)?;
            let after = match effect {
                Effect::Becomes(status) => status.as_str(),
                Effect::Goes => "gone",
            };
            let detail = json!({
                "hostname": record.0.hostname,
                "fingerprint": change.fingerprint,
                "before": record.0.status,
                "after": after,
            });
            let target = format!("system:{id}");
            Entry {
                organization_id,
                at: now,
                actor: &actor,
                action,
                target: &target,
                outcome: Outcome::Done,
                detail,
            }
            .write(conn)?;
            rules::reconcile_one(conn, &rules, organization_id, id, now)
        })
        .await?;
    if moved {
        app.events.groups(organization_id);
    }
    if matches!(decision, Decision::Reject | Decision::Delete) {
        app.keys.forget(id);
    }
    if decision.withdraws().is_some() {
        app.revocations.changed();
    }
    app.events.listed(organization_id, id);
    app.holds.wake(id);
    Ok(())
}

/// The host name of a system, when it has the key that the administrator was shown.
pub(super) fn shown(
    conn: &mut Conn,
    organization_id: i64,
    id: SystemId,
    fingerprint: Fingerprint,
) -> Result<String, Error> {
    let (system, _) = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
    has_key(&system, fingerprint)?;
    Ok(system.hostname)
}

fn has_key(system: &SystemRecord, fingerprint: Fingerprint) -> Result<(), Error> {
    if view::public_key(system)?.fingerprint() == fingerprint {
        return Ok(());
    }
    Err(Error::Conflict {
        code: "fingerprint_changed",
        detail: "the system has another key than the one you were shown; look at it again".to_owned(),
    })
}

fn check((system, _): &Record, decision: Decision, change: &StatusChange) -> Result<Effect, Error> {
    let status = SystemStatus::parse(&system.status)
        .ok_or_else(|| Error::internal(format!("the row of system {} is damaged", system.id)))?;
    has_key(system, change.fingerprint)?;
    if status != change.expected_status {
        let detail = format!("the system is {} by now; look at it again", status.as_str());
        return Err(Error::Conflict {
            code: "status_changed",
            detail,
        });
    }
    decision.effect(status).map_err(|reason| Error::Conflict {
        code: "wrong_status",
        detail: format!("the system is {}: {reason}", status.as_str()),
    })
}

fn apply(conn: &mut Conn, id: SystemId, effect: Effect, by: &str, now: UnixMillis) -> Result<(), Error> {
    match effect {
        Effect::Becomes(status) => store::set_status(conn, id, status, by, now),
        Effect::Goes => store::delete(conn, id),
    }
}

/// Everything about one system.
pub(super) async fn show(app: &App, organization_id: i64, id: SystemId) -> Result<SystemDetail, Error> {
    let now = app.clock.now();
    let found = app.storage.readers.run(move |conn| {
        let record = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
        let similar = store::similar(conn, organization_id, &record)?;
        let conflicts = conflict_store::of(conn, id)?;
        let certificate = certificates::newest(conn, id, now)?;
        let tags = annotations::tags_between(conn, (id.0, id.0))?.remove(&id.0);
        let note = annotations::notes_between(conn, (id.0, id.0))?.remove(&id.0);
        Ok((
            record,
            similar,
            conflicts,
            certificate,
            (tags.unwrap_or_default(), note),
        ))
    });
    let (record, similar, conflicts, certificate, annotations) = found.await?;
    let instants = Instants {
        started: app.started,
        now,
    };
    Ok(SystemDetail {
        certificate,
        ..view::detail((&record, &similar), conflicts, annotations, instants)?
    })
}

fn unknown(id: SystemId) -> Error {
    Error::NotFound(format!("there is no system {id}"))
}

/// Refuses a system that this organization does not have.
///
/// # Errors
/// [`Error::NotFound`].
pub fn exists(conn: &mut Conn, organization_id: i64, id: SystemId) -> Result<(), Error> {
    store::find(conn, organization_id, id)?
        .map(|_| ())
        .ok_or_else(|| unknown(id))
}

/// The fleet in numbers, for the dashboard.
///
/// # Errors
/// When the database fails.
pub async fn fleet(app: &App, organization_id: i64) -> Result<Fleet, Error> {
    let (now, started) = (app.clock.now(), app.started);
    app.storage
        .readers
        .run(move |conn| overview_store::fleet(conn, organization_id, started, now))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_fits_some_statuses_only() {
        use Decision::*;
        let fits = |decision: Decision| {
            SystemStatus::ALL
                .into_iter()
                .filter(|s| decision.effect(*s).is_ok())
                .collect::<Vec<_>>()
        };
        assert_eq!(fits(Approve), [SystemStatus::Pending]);
        assert_eq!(fits(Reject), [SystemStatus::Pending]);
        assert_eq!(fits(Revoke), [SystemStatus::Active]);
        assert_eq!(fits(Restore), [SystemStatus::Revoked, SystemStatus::Denied]);
        assert!(!fits(Deny).contains(&SystemStatus::Denied) && !fits(Delete).contains(&SystemStatus::Denied));
        assert_eq!(
            Restore.effect(SystemStatus::Denied),
            Ok(Effect::Becomes(SystemStatus::Pending))
        );
    }
}
