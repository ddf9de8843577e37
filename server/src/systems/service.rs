//! What administrators do with systems. A change and its audit entry are one transaction.

use super::conflict_store;
use super::decision::{Decision, Effect, Refused, Shown, check, may_rotate};
use super::overview::{self, Fleet};
use super::rotate_store;
use super::store::{self, SystemRecord};
use super::view::{self, Instants};
use crate::annotations;
use crate::app::App;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::certificates::{self, Withdrawal};
use crate::error::Error;
use crate::rules::{self, RulesCache};
use crate::storage::Conn;
use scm_protocol::identity::Fingerprint;
use scm_protocol::ids::{JobId, SystemId, UnixMillis};
use scm_protocol::systems::{StatusChange, SystemDetail, SystemStatus};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Systems that are asked for in one statement.
const NAMES_AT_ONCE: usize = 1000;

/// A decision on systems of an organization, and who made it.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Whose systems.
    pub organization_id: i64,
    /// What is decided.
    pub decision: Decision,
    /// The audit's action: the name of the route that does this to one system.
    pub action: &'static str,
    /// Who decided.
    pub actor: &'a Actor,
    /// The bulk job that it belongs to.
    pub job: Option<JobId>,
    /// When it is carried out.
    pub now: UnixMillis,
    /// Rules of automatic groups: a status is a field of theirs.
    pub rules: &'a RulesCache,
}

/// What became of a decision.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Of each system, in their order.
    pub outcomes: Vec<Result<(), Refused>>,
    /// Members of automatic groups changed with it.
    pub moved: bool,
}

/// Carries out a decision on one system.
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
            let order = Order {
                organization_id,
                decision,
                action,
                actor: &actor,
                job: None,
                now,
                rules: &rules,
            };
            let shown = Shown {
                id,
                status: change.expected_status,
                fingerprint: Some(change.fingerprint),
            };
            let mut decided = decide(conn, order, &[shown])?;
            match decided.outcomes.pop() {
                Some(Ok(())) => Ok(decided.moved),
                Some(Err(refused)) => Err(refused.into_error(id)),
                None => Err(Error::internal("a decision without outcome")),
            }
        })
        .await?;
    tell(app, organization_id, decision, &[id], moved);
    Ok(())
}

/// Carries out a decision on systems, each of which is refused by itself: what became of them, in their order. Those on
/// whom it was carried out have their audit entries. To be followed by [`tell`] after the commit.
///
/// # Errors
/// When the database fails.
pub fn decide(conn: &mut Conn, order: Order<'_>, shown: &[Shown]) -> Result<Decided, Error> {
    let ids: Vec<i64> = shown.iter().map(|shown| shown.id.0).collect();
    let found: HashMap<i64, SystemRecord> = store::find_all(conn, order.organization_id, &ids)?
        .into_iter()
        .map(|system| (system.id, system))
        .collect();
    let mut outcomes = Vec::with_capacity(shown.len());
    let mut agreed: Vec<(&SystemRecord, Effect)> = Vec::new();
    for shown in shown {
        let system = found.get(&shown.id.0);
        let Some(system) = system else {
            outcomes.push(Err(Refused::Gone));
            continue;
        };
        let is = (status_of(system)?, view::public_key(system)?.fingerprint());
        let effect = check(is, order.decision, shown);
        outcomes.push(effect.map(|effect| agreed.push((system, effect))));
    }
    withdraw(conn, order, &agreed)?;
    apply(conn, order, &agreed)?;
    record(conn, order, &agreed)?;
    let changed: Vec<i64> = agreed.iter().map(|(system, _)| system.id).collect();
    let moved = rules::reconcile_these(conn, order.rules, order.organization_id, &changed, order.now)?;
    Ok(Decided { outcomes, moved })
}

fn status_of(system: &SystemRecord) -> Result<SystemStatus, Error> {
    SystemStatus::parse(&system.status)
        .ok_or_else(|| Error::internal(format!("the row of system {} is damaged", system.id)))
}

/// Certificates go with the system, and before it: nothing else would name them afterwards.
fn withdraw(conn: &mut Conn, order: Order<'_>, agreed: &[(&SystemRecord, Effect)]) -> Result<(), Error> {
    let Some(reason) = order.decision.withdraws() else {
        return Ok(());
    };
    for (system, _) in agreed {
        let withdrawal = Withdrawal {
            organization_id: order.organization_id,
            system: SystemId(system.id),
            reason,
            actor: order.actor,
            now: order.now,
        };
        certificates::withdraw(conn, withdrawal)?;
    }
    Ok(())
}

/// One statement for each change, however many systems there are. A system that another server changes at the same moment
/// fails them all, and nothing is done.
fn apply(conn: &mut Conn, order: Order<'_>, agreed: &[(&SystemRecord, Effect)]) -> Result<(), Error> {
    let mut left = agreed.to_vec();
    while let Some((system, effect)) = left.first().copied() {
        let same =
            |(other, wanted): &(&SystemRecord, Effect)| *wanted == effect && other.status == system.status;
        let ids: Vec<i64> = left
            .iter()
            .filter(|one| same(one))
            .map(|(one, _)| one.id)
            .collect();
        let changed = match effect {
            Effect::Becomes(status) => {
                let by = (order.actor.name.as_str(), order.now);
                store::set_status(conn, &ids, &system.status, status, by)?
            }
            Effect::Goes => store::delete(conn, &ids, &system.status)?,
        };
        if changed != ids.len() {
            return Err(Error::Busy);
        }
        left.retain(|one| !same(one));
    }
    Ok(())
}

fn record(conn: &mut Conn, order: Order<'_>, agreed: &[(&SystemRecord, Effect)]) -> Result<(), Error> {
    let targets: Vec<String> = agreed
        .iter()
        .map(|(system, _)| format!("system:{}", system.id))
        .collect();
    let entries = agreed.iter().zip(&targets).map(|((system, effect), target)| {
        Ok(Entry {
            organization_id: order.organization_id,
            at: order.now,
            actor: order.actor,
            action: order.action,
            target,
            outcome: Outcome::Done,
            detail: detail(system, *effect, order.job)?,
        })
    });
    let entries: Vec<Entry<'_>> = entries.collect::<Result<_, Error>>()?;
    audit::record_all(conn, &entries)
}

fn detail(system: &SystemRecord, effect: Effect, job: Option<JobId>) -> Result<Value, Error> {
    let after = match effect {
        Effect::Becomes(status) => status.as_str(),
        Effect::Goes => "gone",
    };
    let mut detail = json!({
        "hostname": system.hostname,
        "fingerprint": view::public_key(system)?.fingerprint(),
        "before": system.status,
        "after": after,
    });
    if let Some(job) = job {
        detail["job"] = json!(job);
    }
    Ok(detail)
}

/// After the commit: those who wait for such a decision are told, and what is remembered of the systems is forgotten.
pub fn tell(app: &App, organization_id: i64, decision: Decision, ids: &[SystemId], moved: bool) {
    for id in ids {
        if matches!(decision, Decision::Reject | Decision::Delete) {
            app.keys.forget(*id);
        }
    }
    app.wake(ids);
    if decision.withdraws().is_some() {
        app.revocations.changed();
    }
    if moved {
        app.events.groups(organization_id);
    }
    app.events.listed_all(organization_id, ids);
}

/// The host name of a system, when it has the key that the administrator was shown.
pub(super) fn shown(
    conn: &mut Conn,
    organization_id: i64,
    id: SystemId,
    fingerprint: Fingerprint,
) -> Result<String, Error> {
    let (system, _) = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
    if view::public_key(&system)?.fingerprint() != fingerprint {
        return Err(Refused::OtherKey.into_error(id));
    }
    Ok(system.hostname)
}

/// Host names of those systems that the organization has, by id.
///
/// # Errors
/// When the database fails.
pub fn names(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[SystemId],
) -> Result<HashMap<SystemId, String>, Error> {
    let mut names = HashMap::with_capacity(ids.len());
    for part in ids.chunks(NAMES_AT_ONCE) {
        let part: Vec<i64> = part.iter().map(|id| id.0).collect();
        let found = store::names(conn, organization_id, &part)?;
        names.extend(found.into_iter().map(|(id, hostname)| (SystemId(id), hostname)));
    }
    Ok(names)
}

/// As [`names`], in a transaction that changes something of these systems: nobody deletes them before its commit.
///
/// # Errors
/// When the database fails.
pub fn held_names(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[SystemId],
) -> Result<HashMap<SystemId, String>, Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let found = store::held_names(conn, organization_id, &ids)?.into_iter();
    Ok(found.map(|(id, hostname)| (SystemId(id), hostname)).collect())
}

/// Asks for another key of an active system, which it offers with its next contact.
pub(super) async fn ask_rotation(
    app: &App,
    organization_id: i64,
    id: SystemId,
    change: StatusChange,
    (action, actor): (&'static str, Actor),
) -> Result<(), Error> {
    let now = app.clock.now();
    app.storage
        .writer
        .run(move |conn| {
            let (system, _) = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
            let is = (status_of(&system)?, view::public_key(&system)?.fingerprint());
            let shown = Shown {
                id,
                status: change.expected_status,
                fingerprint: Some(change.fingerprint),
            };
            may_rotate(is, &shown).map_err(|refused| refused.into_error(id))?;
            rotate_store::ask(conn, id, now)?;
            Entry {
                organization_id,
                at: now,
                actor: &actor,
                action,
                target: &format!("system:{id}"),
                outcome: Outcome::Done,
                detail: json!({ "hostname": system.hostname, "fingerprint": change.fingerprint }),
            }
            .write(conn)
        })
        .await?;
    app.events.listed(organization_id, id);
    app.wake(&[id]);
    Ok(())
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

/// What an administrator decided of a system.
///
/// # Errors
/// [`Error::NotFound`] when the organization has no such system.
pub fn status_in(conn: &mut Conn, organization_id: i64, id: SystemId) -> Result<SystemStatus, Error> {
    let (system, _) = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
    status_of(&system)
}

/// The fleet in numbers, for the dashboard.
///
/// # Errors
/// When the database fails.
pub async fn fleet(app: &App, organization_id: i64) -> Result<Fleet, Error> {
    let instants = Instants {
        started: app.started,
        now: app.clock.now(),
    };
    let mirror = app.mirror.clone();
    app.storage
        .readers
        .run(move |conn| overview::fleet(conn, &mirror, organization_id, instants))
        .await
}
