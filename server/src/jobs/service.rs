//! Creating, showing, cancelling and repeating jobs. A change and its audit entry are one transaction.

use super::store::{self, NewJob, Tally};
use super::subject::Subject;
use super::target_store::{self, NewTarget};
use super::targets::Targets;
use super::view::{self, GroupNames};
use crate::annotations;
use crate::app::App;
use crate::auth::SecretHash;
use crate::call::Caller;
use crate::commands;
use crate::error::Error;
use crate::groups;
use crate::idempotency;
use crate::paging;
use crate::storage::{Conn, hold_organization};
use scm_protocol::access;
use scm_protocol::ids::{JobId, SystemId, UnixMillis};
use scm_protocol::jobs::{
    CreateJob, Job, JobAbout, JobKind, JobPage, JobState, JobTarget, JobTargetPage, MAX_TARGETS,
    TargetOutcome,
};
use serde_json::json;

/// Whoever may not do it to one system may not do it to many.
fn may(caller: &Caller, kind: JobKind) -> Result<(), Error> {
    let role = caller.principal.role;
    if access::allows(role, kind.route()) {
        return Ok(());
    }
    let (role, kind) = (role.as_str(), kind.as_str());
    Err(Error::Forbidden(format!(
        "your role {role} may create no `{kind}` jobs"
    )))
}

fn key(caller: &Caller, chosen: &str) -> idempotency::Key {
    idempotency::Key {
        organization_id: caller.organization_id(),
        principal: caller.actor.name.clone(),
        route: caller.route,
        hash: SecretHash::of(chosen),
    }
}

/// A job before it has an id.
#[derive(Clone)]
struct Draft {
    kind: JobKind,
    subject: Subject,
    retry_of: Option<JobId>,
    targets: Targets,
}

/// Creates a job with frozen targets. A repeated `Idempotency-Key` creates none.
///
/// # Errors
/// [`Error::Invalid`] naming the member, [`Error::Forbidden`], [`Error::Conflict`] `already_created`,
/// [`Error::CountChanged`].
pub(super) async fn create(
    app: &App,
    caller: Caller,
    wanted: CreateJob,
    idempotency_key: Option<&str>,
) -> Result<Job, Error> {
    may(&caller, wanted.kind)?;
    if let Some((field, reason)) = wanted.problem() {
        return Err(Error::invalid(field, reason));
    }
    let subject = Subject::asked(&wanted)
        .ok_or_else(|| Error::internal("a job that was checked does not say what it is about"))?;
    let kind = wanted.kind;
    let draft = Draft {
        kind,
        subject,
        retry_of: None,
        targets: Targets::asked(app, caller.organization_id(), wanted).await?,
    };
    add(app, caller, draft, idempotency_key).await
}

/// A new job with the failed systems of one that is over: chosen with the same status as then.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Forbidden`], [`Error::Conflict`] `not_over`, `nothing_failed` or `already_created`.
pub(super) async fn retry(
    app: &App,
    caller: Caller,
    id: JobId,
    idempotency_key: Option<&str>,
) -> Result<Job, Error> {
    let organization_id = caller.organization_id();
    let read = move |conn: &mut Conn| {
        let row = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
        let limit = i64::try_from(MAX_TARGETS).unwrap_or(i64::MAX);
        let failed = target_store::page(conn, id, Some(TargetOutcome::Failed), None, limit)?;
        Ok((row, failed))
    };
    let (row, failed) = app.storage.readers.run(read).await?;
    let kind = view::kind(&row)?;
    may(&caller, kind)?;
    if !view::state(&row)?.is_over() {
        return Err(Error::Conflict {
            code: "not_over",
            detail: format!("job {id} is still running; wait for its end or cancel it"),
        });
    }
    if failed.is_empty() {
        return Err(Error::Conflict {
            code: "nothing_failed",
            detail: format!("no system of job {id} failed"),
        });
    }
    let targets = failed.into_iter().map(|row| view::target(id, row));
    let targets = targets.map(|target| {
        target.map(|target| NewTarget {
            system_id: target.system.0,
            hostname: target.hostname,
            expected_status: target.expected_status.as_str(),
        })
    });
    let draft = Draft {
        kind,
        subject: view::subject(&row)?,
        retry_of: Some(id),
        targets: Targets::chosen(targets.collect::<Result<_, Error>>()?),
    };
    add(app, caller, draft, idempotency_key).await
}

async fn add(app: &App, caller: Caller, draft: Draft, idempotency_key: Option<&str>) -> Result<Job, Error> {
    let now = app.clock.now();
    let key = idempotency_key.map(|chosen| key(&caller, chosen));
    let organization_id = caller.organization_id();
    let added = app.storage.writer.run(move |conn| {
        // Before what refers to it: two servers would wait for each other otherwise.
        hold_organization(conn, caller.organization_id())?;
        match key {
            Some(key) => idempotency::once(conn, &key, now, |conn| write(conn, &caller, &draft, now)),
            None => Ok(write(conn, &caller, &draft, now)?.1),
        }
    });
    let job = added.await?;
    app.jobs.notify_one();
    app.events.jobs(organization_id);
    app.events.audited(organization_id);
    Ok(job)
}

/// Refuses a tag or a group on which nothing could be done.
fn check_subject(conn: &mut Conn, organization_id: i64, draft: &Draft) -> Result<(), Error> {
    match &draft.subject {
        Subject::Tag(tag) if draft.kind == JobKind::Untag => {
            annotations::tag_in_use(conn, organization_id, tag)
        }
        Subject::Group(group) => groups::manual_group(conn, organization_id, *group).map(|_| ()),
        Subject::Status | Subject::Tag(_) | Subject::Run(_) | Subject::Version(_) => Ok(()),
    }
}

fn write(conn: &mut Conn, caller: &Caller, draft: &Draft, now: UnixMillis) -> Result<(i64, Job), Error> {
    check_subject(conn, caller.organization_id(), draft)?;
    let targets = draft.targets.frozen()?;
    if let Some(run) = draft.subject.run() {
        let systems: Vec<SystemId> = targets.iter().map(|target| SystemId(target.system_id)).collect();
        commands::check_offered(conn, &systems, run)?;
    }
    let total = targets.len();
    let filter = draft.targets.filter();
    let new = NewJob {
        organization_id: caller.organization_id(),
        kind: draft.kind.as_str().to_owned(),
        argument: draft.subject.argument(),
        filter: filter.map(str::to_owned),
        retry_of: draft.retry_of.map(|job| job.0),
        state: JobState::Queued.as_str().to_owned(),
        total: i64::try_from(total).unwrap_or(i64::MAX),
        created_ms: now.0,
        created_by: caller.actor.name.clone(),
        created_from: caller.actor.address.clone(),
    };
    let id = JobId(store::create(conn, &new)?);
    target_store::add(conn, id, targets)?;
    let mut detail = json!({ "kind": draft.kind, "count": total });
    if let Some(job) = draft.retry_of {
        detail["retry_of"] = json!(job);
    }
    if let Some(filter) = filter {
        detail["filter"] = json!(filter);
    }
    draft.subject.tell(&mut detail);
    caller.record(conn, now, &format!("job:{id}"), detail)?;
    Ok((id.0, read_job(conn, caller.organization_id(), id)?))
}

fn read_job(conn: &mut Conn, organization_id: i64, id: JobId) -> Result<Job, Error> {
    let row = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
    view::job(row, &group_names(conn, organization_id)?)
}

/// A group may have another name by now than when the job was created.
fn group_names(conn: &mut Conn, organization_id: i64) -> Result<GroupNames, Error> {
    let all = groups::names(conn, organization_id)?.into_iter();
    Ok(all.map(|(id, name, _)| (id, name)).collect())
}

/// Stops what is not done yet; a job that is over stays as it is.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] `job_over`.
pub(super) async fn cancel(app: &App, caller: Caller, id: JobId) -> Result<(), Error> {
    let now = app.clock.now();
    let organization_id = caller.organization_id();
    let cancelled = app.storage.writer.run(move |conn| {
        let row = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
        let runs = view::kind(&row)?.about() == JobAbout::Run;
        if runs && !access::allows(caller.principal.role, "commands.cancel") {
            let role = caller.principal.role.as_str();
            return Err(Error::Forbidden(format!(
                "your role {role} may not stop commands"
            )));
        }
        let by = Some(caller.actor.name.as_str());
        if !store::end(conn, id, JobState::Cancelled, by, now)? {
            return Err(Error::Conflict {
                code: "job_over",
                detail: format!("job {id} is over already"),
            });
        }
        let stopped = if runs {
            stop_commands(conn, &caller, id, now)?
        } else {
            Vec::new()
        };
        // Read behind the lock: a chunk may have been committed meanwhile.
        let row = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
        let mut detail = json!({ "kind": row.kind, "counts": view::counts(&row) });
        view::subject(&row)?.tell(&mut detail);
        caller.record(conn, now, &format!("job:{id}"), detail)?;
        Ok(stopped)
    });
    let stopped = cancelled.await?;
    if !stopped.is_empty() {
        app.wake(&stopped);
        app.events.commands(organization_id);
    }
    app.events.jobs(organization_id);
    app.events.audited(organization_id);
    Ok(())
}

/// What a cancelled job had told its systems is stopped, and each has its outcome: nobody looks at the job any more. The
/// systems.
fn stop_commands(
    conn: &mut Conn,
    caller: &Caller,
    id: JobId,
    now: UnixMillis,
) -> Result<Vec<SystemId>, Error> {
    let stopped = commands::cancel_of(conn, id, &caller.actor, now)?;
    let of = |at_once: bool| -> Vec<i64> {
        let those = stopped.iter().filter(|(_, early)| *early == at_once);
        those.map(|(system, _)| system.0).collect()
    };
    let (early, late) = (of(true), of(false));
    let never = "not run: the job was cancelled before the system was told";
    let stopping = "the job was cancelled while it was under way: its command says what came of it";
    let skipped = target_store::set(conn, id, &early, (TargetOutcome::Skipped, Some(never)), now)?;
    let failed = target_store::set(conn, id, &late, (TargetOutcome::Failed, Some(stopping)), now)?;
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let tally = Tally {
        done: 0,
        failed: number(failed),
        skipped: number(skipped),
    };
    store::add(conn, id, tally)?;
    Ok(stopped.into_iter().map(|(system, _)| system).collect())
}

/// One job.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn show(app: &App, organization_id: i64, id: JobId) -> Result<Job, Error> {
    let read = move |conn: &mut Conn| read_job(conn, organization_id, id);
    app.storage.readers.run(read).await
}

/// One page of jobs, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<JobPage, Error> {
    let limit = paging::limit(limit)?;
    let before = paging::id_cursor(cursor)?;
    let read = move |conn: &mut Conn| {
        let rows = store::page(conn, organization_id, before, i64::from(limit))?;
        Ok((rows, group_names(conn, organization_id)?))
    };
    let (rows, names) = app.storage.readers.run(read).await?;
    let full = rows.len() == limit as usize;
    let next_cursor = rows.last().filter(|_| full).map(|row| row.id.to_string());
    let items = rows.into_iter().map(|row| view::job(row, &names));
    Ok(JobPage {
        next_cursor,
        items: items.collect::<Result<_, _>>()?,
        server_time_ms: app.clock.now(),
    })
}

/// One page of a job's systems, by id.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`] naming the parameter.
pub(super) async fn targets(
    app: &App,
    organization_id: i64,
    id: JobId,
    outcome: Option<&str>,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<JobTargetPage, Error> {
    let limit = paging::limit(limit)?;
    let after = paging::id_cursor(cursor)?;
    let outcome = outcome.map(|name| {
        let known = TargetOutcome::ALL.map(TargetOutcome::as_str).join(", ");
        TargetOutcome::parse(name).ok_or_else(|| Error::invalid("outcome", format!("must be one of {known}")))
    });
    let outcome = outcome.transpose()?;
    let read = move |conn: &mut Conn| {
        let row = store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?;
        let targets = target_store::page(conn, id, outcome, after, i64::from(limit))?;
        let targets = targets.into_iter().map(|row| view::target(id, row));
        let mut targets: Vec<JobTarget> = targets.collect::<Result<_, _>>()?;
        if view::kind(&row)?.about() == JobAbout::Run {
            let ids: Vec<SystemId> = targets.iter().map(|target| target.system).collect();
            let told = commands::of_job(conn, id, &ids)?;
            for target in &mut targets {
                target.command = told.get(&target.system).map(|command| command.id);
            }
        }
        Ok(targets)
    };
    let items = app.storage.readers.run(read).await?;
    let full = items.len() == limit as usize;
    Ok(JobTargetPage {
        next_cursor: items
            .last()
            .filter(|_| full)
            .map(|target| target.system.to_string()),
        items,
    })
}

fn unknown(id: JobId) -> Error {
    Error::NotFound(format!("there is no job {id}"))
}
