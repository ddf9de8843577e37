//! What administrators do with rules.

use super::apply::{self, Version};
use super::preview::{self, Waiting};
use super::store::{self, RuleRow};
use super::why;
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::groups;
use crate::storage::Conn;
use crate::systems::Instants;
use scm_protocol::groups::{GroupRule, SystemGroups};
use scm_protocol::ids::{GroupId, SystemId, UnixMillis};
use scm_protocol::rules::{
    Condition, ExplainRule, PreviewRule, Rule, RuleExplained, RulePreview, RuleSaved, RuleSize, SaveRule,
};
use scm_rules::{CompiledRule, Filter};
use std::collections::HashMap;
use std::sync::Arc;

/// A version of a group's rule, as it is stored.
#[derive(Clone, Debug)]
pub struct RuleOf(RuleRow);

impl RuleOf {
    /// As the API tells it.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn view(self) -> Result<GroupRule, Error> {
        let rule = self.parsed()?;
        Ok(GroupRule {
            filter: Filter::from(&rule).to_string(),
            conditions: rule.into(),
            enabled: self.is_enabled(),
            version: self.0.generation,
            changed_ms: UnixMillis(self.0.changed_ms),
            changed_by: self.0.changed_by,
        })
    }

    /// Its conditions.
    pub(super) fn parsed(&self) -> Result<Rule, Error> {
        serde_json::from_str(&self.0.conditions)
            .map_err(|error| Error::internal(format!("the rule of group {}: {error}", self.0.group_id)))
    }

    /// Whether it fills its group.
    pub(super) fn is_enabled(&self) -> bool {
        self.0.disabled_ms.is_none()
    }
}

/// The rules of an organization by group and version.
///
/// # Errors
/// When the database fails.
pub fn of_organization(conn: &mut Conn, organization_id: i64) -> Result<HashMap<(i64, i64), RuleOf>, Error> {
    let rows = store::all(conn, organization_id)?.into_iter();
    Ok(rows
        .map(|(row, ..)| ((row.group_id, row.generation), RuleOf(row)))
        .collect())
}

/// The rule of a group in a version.
///
/// # Errors
/// When the database fails.
pub fn of_group(conn: &mut Conn, group: GroupId, generation: i64) -> Result<Option<RuleOf>, Error> {
    Ok(store::find(conn, group, generation)?.map(RuleOf))
}

/// Something that compiled rules depend on was changed.
///
/// # Errors
/// When the database fails.
pub fn changed(conn: &mut Conn, organization_id: i64) -> Result<(), Error> {
    store::bump(conn, organization_id)
}

/// The rule in force of an automatic group.
pub(super) fn in_force(
    conn: &mut Conn,
    organization_id: i64,
    group: GroupId,
) -> Result<Option<RuleOf>, Error> {
    let (_, generation) = groups::auto_group(conn, organization_id, group)?;
    of_group(conn, group, generation)
}

/// Checks the conditions of a request, naming the one at fault and its part.
fn checked(conditions: Vec<Condition>) -> Result<(Rule, CompiledRule), Error> {
    let rule = Rule::new(conditions).map_err(|size| match size {
        RuleSize::Empty => Error::invalid("conditions", "must have at least one condition"),
        RuleSize::TooMany(_) => Error::invalid("conditions", format!("is refused: {size}")),
    })?;
    let compiled = CompiledRule::new(&rule).map_err(|wrong| {
        let field = format!("conditions[{}].{}", wrong.condition, wrong.fault.part.as_str());
        Error::invalid(field, wrong.fault.reason)
    })?;
    Ok((rule, compiled))
}

/// Saves a rule and fills its group by it. A rule that is off stays off.
pub(super) async fn save(
    app: &Arc<App>,
    caller: Caller,
    group: GroupId,
    save: SaveRule,
) -> Result<RuleSaved, Error> {
    let (rule, _) = checked(save.conditions)?;
    let organization_id = caller.organization_id();
    let before = app
        .storage
        .readers
        .run(move |conn| in_force(conn, organization_id, group));
    let version = Version {
        group,
        rule,
        enabled: before.await?.is_none_or(|rule| rule.is_enabled()),
        expected: save.expected_version,
        confirmed: save.confirm_removals,
    };
    apply::apply(app, caller, version).await
}

/// Turns a rule on or off; what it is already, it stays.
pub(super) async fn switch(
    app: &Arc<App>,
    caller: Caller,
    group: GroupId,
    enabled: bool,
) -> Result<RuleSaved, Error> {
    let organization_id = caller.organization_id();
    let read = app.storage.readers.run(move |conn| {
        let rule = in_force(conn, organization_id, group)?;
        let rule = rule.ok_or_else(|| Error::NotFound(format!("group {group} has no rule yet")))?;
        let members = groups::count(conn, group, rule.0.generation)?;
        Ok((rule, members))
    });
    let (rule, members) = read.await?;
    if rule.is_enabled() == enabled {
        return Ok(RuleSaved {
            version: rule.0.generation,
            members,
            joined: 0,
            left: 0,
        });
    }
    let version = Version {
        group,
        rule: rule.parsed()?,
        enabled,
        expected: Some(rule.0.generation),
        confirmed: None,
    };
    apply::apply(app, caller, version).await
}

/// What a draft would do. Changes nothing.
pub(super) async fn preview(
    app: &App,
    organization_id: i64,
    draft: PreviewRule,
) -> Result<RulePreview, Error> {
    let (_, compiled) = checked(draft.conditions)?;
    let instants = Instants::of(app);
    // Dropped with this request, and the look at the fleet ends with it.
    let waiting = Waiting::default();
    let gone = waiting.gone();
    let group = draft.group;
    let mirror = app.mirror.clone();
    let look = move |conn: &mut Conn| {
        let fleet = (&mirror, organization_id);
        preview::preview(conn, fleet, &compiled, group, instants, &gone)
    };
    app.storage.readers.run(look).await
}

/// Why a system matches a draft, or does not. Changes nothing.
pub(super) async fn explain(
    app: &App,
    organization_id: i64,
    draft: ExplainRule,
) -> Result<RuleExplained, Error> {
    let (rule, _) = checked(draft.conditions)?;
    let instants = Instants::of(app);
    let look = move |conn: &mut Conn| why::draft(conn, organization_id, &rule, draft.system, instants);
    app.storage.readers.run(look).await
}

/// The groups of a system, and why.
pub(super) async fn groups_of(
    app: &App,
    organization_id: i64,
    system: SystemId,
) -> Result<SystemGroups, Error> {
    let instants = Instants::of(app);
    let look = move |conn: &mut Conn| why::groups_of(conn, organization_id, system, instants);
    app.storage.readers.run(look).await
}
