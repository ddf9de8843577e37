//! Why a system is in its groups, and why it is not in others.

use super::service;
use crate::error::Error;
use crate::groups;
use crate::storage::Conn;
use crate::systems::{self, Instants, SystemFacts};
use scm_protocol::groups::{GroupKind, SystemGroup, SystemGroups};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::rules::{ConditionOutcome, Rule, RuleExplained};
use scm_rules::{CompiledRule, Needs, explain};

/// How a system stands to a rule.
pub(super) struct Stands {
    pub not_active: bool,
    pub matches: bool,
    pub conditions: Vec<ConditionOutcome>,
}

/// Looks at one system.
pub(super) fn stands(rule: &Rule, system: &SystemFacts, instants: Instants) -> Result<Stands, Error> {
    let broken = |error: scm_rules::RuleFault| Error::internal(error.to_string());
    let facts = system.at(instants);
    let compiled = CompiledRule::new(rule).map_err(broken)?;
    let conditions = explain(rule, &facts).map_err(broken)?.into_iter();
    Ok(Stands {
        not_active: !compiled.admits(facts.status),
        matches: compiled.matches(&facts),
        conditions: conditions
            .map(|one| ConditionOutcome {
                condition: one.condition,
                observed: one.observed,
                holds: one.holds,
            })
            .collect(),
    })
}

fn facts(
    conn: &mut Conn,
    organization_id: i64,
    system: SystemId,
    instants: Instants,
) -> Result<(SystemFacts, Instants), Error> {
    let found = systems::facts_of(conn, organization_id, &[system.0], Needs::ALL)?
        .into_iter()
        .next();
    let found = found.ok_or_else(|| Error::NotFound(format!("there is no system {system}")))?;
    Ok((found, instants))
}

/// How a system stands to a draft.
pub(super) fn draft(
    conn: &mut Conn,
    organization_id: i64,
    rule: &Rule,
    system: SystemId,
    instants: Instants,
) -> Result<RuleExplained, Error> {
    let (system, instants) = facts(conn, organization_id, system, instants)?;
    let stands = stands(rule, &system, instants)?;
    Ok(RuleExplained {
        hostname: system.hostname().to_owned(),
        matches: stands.matches,
        not_active: stands.not_active,
        conditions: stands.conditions,
    })
}

/// The manual groups that a system is in, and every automatic one with its reasons.
pub(super) fn groups_of(
    conn: &mut Conn,
    organization_id: i64,
    system: SystemId,
    instants: Instants,
) -> Result<SystemGroups, Error> {
    let (facts, instants) = facts(conn, organization_id, system, instants)?;
    let memberships = groups::memberships_of(conn, system)?;
    let mut items = Vec::new();
    for (id, name, kind) in groups::names(conn, organization_id)? {
        let added = memberships.get(&id.0);
        if kind == GroupKind::Manual && added.is_none() {
            continue;
        }
        let mut group = SystemGroup {
            id,
            name,
            kind,
            member: added.is_some(),
            added_by: added.map(|(by, _)| by.clone()),
            added_ms: added.map(|(_, at): &(String, UnixMillis)| *at),
            rule_enabled: None,
            conditions: Vec::new(),
            not_active: false,
        };
        if kind == GroupKind::Auto
            && let Some(rule) = service::in_force(conn, organization_id, id)?
        {
            let stands = stands(&rule.parsed()?, &facts, instants)?;
            group.rule_enabled = Some(rule.is_enabled());
            group.not_active = stands.not_active;
            group.conditions = stands.conditions;
        }
        items.push(group);
    }
    items.sort_by_key(|group| !group.member);
    Ok(SystemGroups { items })
}
