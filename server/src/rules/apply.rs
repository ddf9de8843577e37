//! Putting a version of a rule in force without holding up check-ins.
//!
//! The version fills a generation of its own, a thousand systems in a transaction and with a pause after each where others
//! write, while check-ins keep both generations true; then one short transaction makes it the group's. Whatever stops the
//! work between leaves the group as it was. What nobody sees any more, members of former versions and of unfinished ones, is
//! forgotten by the next change of the rule, or by [`tidy`].

use super::store::{self, RuleRow};
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::groups::{self, Membership};
use crate::storage::Conn;
use crate::systems::{self, Instants};
use scm_protocol::ids::{GroupId, UnixMillis};
use scm_protocol::rules::{Rule, RuleSaved};
use scm_rules::CompiledRule;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// After this time a version that did not come into force is forgotten, in milliseconds.
const GIVEN_UP_MS: i64 = 600_000;
/// Most systems of each kind that an audit entry names.
const NAMED: i64 = 100;
/// Most members of a former version that one transaction forgets.
const FORGOTTEN: i64 = 1000;
/// How often to look for such.
const PERIOD: Duration = Duration::from_secs(60);

/// A version of a rule on its way.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub group: GroupId,
    pub rule: Rule,
    pub enabled: bool,
    /// The version that was edited, when the caller said.
    pub expected: Option<i64>,
    /// How many systems the caller knows to leave.
    pub confirmed: Option<i64>,
}

/// What [`apply`] does in its steps.
struct Work {
    caller: Caller,
    version: Version,
    compiled: CompiledRule,
    generation: i64,
}

/// Carries a version through; done even when the caller does not wait for it.
pub(super) async fn apply(app: &Arc<App>, caller: Caller, version: Version) -> Result<RuleSaved, Error> {
    let app = Arc::clone(app);
    let task = tokio::spawn(async move { carry_through(&app, caller, version).await });
    task.await
        .map_err(|_| Error::internal("applying a rule panicked"))?
}

async fn carry_through(app: &App, caller: Caller, version: Version) -> Result<RuleSaved, Error> {
    let compiled = CompiledRule::new(&version.rule).map_err(|error| Error::internal(error.to_string()))?;
    let now = app.clock.now();
    let (organization_id, group) = (caller.organization_id(), version.group);
    let (begun, by) = (version.clone(), caller.clone());
    forget_members(app, organization_id, group).await?;
    let generation = app
        .storage
        .writer
        .run(move |conn| begin(conn, &by, &begun, now))
        .await?;
    let work = Arc::new(Work {
        caller,
        version,
        compiled,
        generation,
    });
    let mut after = Some(0);
    while let Some(from) = after.filter(|_| work.version.enabled) {
        let (work, now) = (Arc::clone(&work), app.clock.now());
        after = app
            .storage
            .writer
            .run_aside(move |conn| fill(conn, &work, from, now))
            .await?;
    }
    let share = app
        .organization_settings
        .of(organization_id)
        .rules_confirm_share_percent();
    let finished = Arc::clone(&work);
    let done = app
        .storage
        .writer
        .run(move |conn| finish(conn, &finished, share, now))
        .await;
    if done.is_err() {
        let abandoned = Arc::clone(&work);
        app.storage
            .writer
            .run(move |conn| abandon(conn, &abandoned))
            .await?;
    }
    app.events.groups(organization_id);
    done
}

/// Forgets the members of versions that are gone, a few at a time: check-ins go on between.
async fn forget_members(app: &App, organization_id: i64, group: GroupId) -> Result<(), Error> {
    let some = move |conn: &mut Conn| {
        // No version is begun meanwhile: its members would be taken for those of one that is gone.
        store::version(conn, organization_id)?;
        let (_, in_force) = groups::auto_group(conn, organization_id, group)?;
        let kept = kept(conn, group, in_force)?;
        groups::forget_some(conn, group, &kept, FORGOTTEN)
    };
    while app.storage.writer.run_aside(some).await? {}
    Ok(())
}

/// The generations whose members somebody sees, or will.
fn kept(conn: &mut Conn, group: GroupId, in_force: i64) -> Result<Vec<i64>, Error> {
    let mut kept = store::generations(conn, group)?;
    kept.push(in_force);
    Ok(kept)
}

/// Stores the version beside the one in force; from now on check-ins ask it too.
fn begin(conn: &mut Conn, caller: &Caller, version: &Version, now: UnixMillis) -> Result<i64, Error> {
    let (_, in_force) = groups::auto_group(conn, caller.organization_id(), version.group)?;
    if version.expected.is_some_and(|expected| expected != in_force) {
        return Err(Error::Conflict {
            code: "rule_changed",
            detail: "the rule was changed since you read it; look at it again".to_owned(),
        });
    }
    let newest = store::newest(conn, version.group)?.unwrap_or(0);
    let generation = newest.max(in_force) + 1;
    store::remove_above(conn, version.group, in_force)?;
    groups::remove_generations_above(conn, version.group, in_force)?;
    let conditions =
        serde_json::to_string(&version.rule).map_err(|error| Error::internal(error.to_string()))?;
    let row = RuleRow {
        group_id: version.group.0,
        generation,
        conditions,
        disabled_ms: (!version.enabled).then_some(now.0),
        changed_ms: now.0,
        changed_by: caller.actor.name.clone(),
    };
    store::add(conn, &row)?;
    store::bump(conn, caller.organization_id())?;
    Ok(generation)
}

/// Lets the next systems join; answers where to go on.
fn fill(conn: &mut Conn, work: &Work, after: i64, now: UnixMillis) -> Result<Option<i64>, Error> {
    check_current(conn, work)?;
    let (organization_id, needs) = (work.caller.organization_id(), work.compiled.needs());
    let systems = systems::chunk(conn, organization_id, after, needs, true)?;
    let instants = Instants { started: now, now };
    let matching = systems
        .iter()
        .filter(|system| work.compiled.matches(&system.at(instants)));
    let joining: Vec<Membership> = matching
        .map(|system| Membership {
            group: work.version.group,
            generation: work.generation,
            system: system.id(),
        })
        .collect();
    groups::move_auto(conn, &joining, &[], now)?;
    Ok(systems.last().map(|last| last.id().0))
}

/// Somebody else may have changed the rule or deleted the group meanwhile: theirs holds.
fn check_current(conn: &mut Conn, work: &Work) -> Result<(), Error> {
    let row = store::find(conn, work.version.group, work.generation)?;
    row.map(|_| ()).ok_or_else(|| Error::Conflict {
        code: "rule_changed",
        detail: "the rule was changed by somebody else meanwhile; look at it again".to_owned(),
    })
}

/// Makes the version the group's.
fn finish(conn: &mut Conn, work: &Work, share: i64, now: UnixMillis) -> Result<RuleSaved, Error> {
    // From here on no check-in moves a system: what is counted is what comes into force.
    store::bump(conn, work.caller.organization_id())?;
    check_current(conn, work)?;
    let (group, generation) = (work.version.group, work.generation);
    let (name, before) = groups::auto_group(conn, work.caller.organization_id(), group)?;
    let members_before = groups::count(conn, group, before)?;
    let members = groups::count(conn, group, generation)?;
    // Looking for one in the other takes longer than counting: it is done once.
    let stay = groups::count_shared(conn, group, before, generation)?;
    let (joined, left) = (members - stay, members_before - stay);
    let organization_id = work.caller.organization_id();
    let who_joins = named(conn, organization_id, group, (before, generation))?;
    let who_leaves = named(conn, organization_id, group, (generation, before))?;
    // Who disables a rule empties its group: that is what was asked for.
    if work.version.enabled {
        check_removals(work.version.confirmed, left, members_before, share)?;
    }
    let rule_before = store::find(conn, group, before)?;
    groups::put_in_force(conn, group, generation)?;
    store::keep_only(conn, group, generation)?;
    let conditions = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let detail = json!({
        "name": name,
        "before": rule_before.as_ref().map(|rule| conditions(&rule.conditions)),
        "after": work.version.rule,
        "enabled": work.version.enabled,
        "joined": joined,
        "left": left,
        "members": members,
        "who_joined": who_joins,
        "who_left": who_leaves,
    });
    work.caller.record(conn, now, &format!("group:{group}"), detail)?;
    Ok(RuleSaved {
        version: generation,
        members,
        joined,
        left,
    })
}

/// The systems that join from one generation to another, as many as an audit entry names.
fn named(
    conn: &mut Conn,
    organization_id: i64,
    group: GroupId,
    generations: (i64, i64),
) -> Result<Vec<String>, Error> {
    let ids = groups::joining(conn, group, generations, NAMED)?;
    let names = systems::names(conn, organization_id, &ids)?;
    let name = |id| names.get(id).map_or("", String::as_str);
    Ok(ids.iter().map(|id| format!("{} ({id})", name(id))).collect())
}

/// Refuses to remove more than the share that is removed without asking, unless their number was given.
fn check_removals(confirmed: Option<i64>, left: i64, members: i64, share: i64) -> Result<(), Error> {
    let many = left > 0 && left.saturating_mul(100) > members.saturating_mul(share);
    let told = confirmed == Some(left);
    if told || (!many && confirmed.is_none()) {
        return Ok(());
    }
    Err(Error::Conflict {
        code: "confirm_removals",
        detail: format!(
            "{left} of {members} systems would leave the group; give that number as confirm_removals"
        ),
    })
}

/// Forgets a version that does not come into force.
fn abandon(conn: &mut Conn, work: &Work) -> Result<(), Error> {
    if store::find(conn, work.version.group, work.generation)?.is_none() {
        return Ok(());
    }
    let (_, in_force) = groups::auto_group(conn, work.caller.organization_id(), work.version.group)?;
    forget_above(conn, work.caller.organization_id(), work.version.group, in_force)
}

/// Check-ins do not ask it any more; its members are forgotten a few at a time.
fn forget_above(conn: &mut Conn, organization_id: i64, group: GroupId, in_force: i64) -> Result<(), Error> {
    store::remove_above(conn, group, in_force)?;
    store::bump(conn, organization_id)
}

/// Forgets what nobody sees: versions whose server was stopped while it applied them, and the members of those and of former
/// ones; until the server stops.
pub async fn tidy(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    loop {
        if let Err(error) = tidy_once(&app).await {
            tracing::warn!(%error, "what is left of former versions of rules could not be forgotten, it is tried again");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn tidy_once(app: &App) -> Result<(), Error> {
    let before = app.clock.now().plus(-GIVEN_UP_MS);
    let unfinished = move |conn: &mut Conn| {
        for (organization_id, group, in_force) in store::unfinished(conn, before)? {
            forget_above(conn, organization_id, GroupId(group), in_force)?;
        }
        Ok(())
    };
    app.storage.writer.run(unfinished).await?;
    let left_behind = app.storage.readers.run(left_behind).await?;
    for (organization_id, group) in left_behind {
        match forget_members(app, organization_id, group).await {
            // It was deleted meanwhile, and its members with it.
            Err(Error::NotFound(_)) => {}
            done => done?,
        }
    }
    Ok(())
}

/// Automatic groups with members that nobody sees, and their organizations.
fn left_behind(conn: &mut Conn) -> Result<Vec<(i64, GroupId)>, Error> {
    let mut found = Vec::new();
    for (organization_id, group, in_force) in groups::automatic(conn)? {
        let kept = kept(conn, group, in_force)?;
        if groups::has_others(conn, group, &kept)? {
            found.push((organization_id, group));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_removals_need_their_number() {
        let check = |confirmed, left| check_removals(confirmed, left, 100, 20).is_ok();
        assert!(check(None, 0) && check(None, 20) && !check(None, 21));
        assert!(check(Some(21), 21) && !check(Some(20), 21) && !check(Some(22), 21));
        assert!(
            !check(Some(5), 4),
            "a number that is not the one is never ignored"
        );
        assert!(check_removals(None, 1, 1, 0).is_err() && check_removals(None, 1, 1, 100).is_ok());
    }
}
