//! Which automatic groups a system belongs to now: a pure decision, with reading and writing around it.

use super::cache::{OrganizationRules, RulesCache};
use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::groups::{self, Membership};
use crate::storage::Conn;
use crate::systems::{self, Instants};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_rules::Facts;
use serde_json::json;
use std::collections::HashSet;

/// A system whose groups are looked at.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Its id.
    pub system: SystemId,
    /// What is known of it.
    pub facts: Facts<'a>,
}

/// What changes for one system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Moves {
    joining: Vec<Membership>,
    leaving: Vec<Membership>,
    /// Names of the groups in force among them.
    joined: Vec<String>,
    left: Vec<String>,
}

/// Compares what the rules say with what is stored.
fn decide(rules: &OrganizationRules, observed: &Observed<'_>, current: &HashSet<Membership>) -> Moves {
    let mut moves = Moves::default();
    for rule in &rules.rules {
        let membership = Membership {
            group: rule.group,
            generation: rule.generation,
            system: observed.system,
        };
        let (belongs, is_in) = (
            rule.compiled.matches(&observed.facts),
            current.contains(&membership),
        );
        let (list, names) = match (belongs, is_in) {
            (true, false) => (&mut moves.joining, &mut moves.joined),
            (false, true) => (&mut moves.leaving, &mut moves.left),
            _ => continue,
        };
        list.push(membership);
        if rule.in_force {
            names.push(rule.name.clone());
        }
    }
    moves
}

/// Puts systems into the automatic groups that they belong to by now and takes them out of the others. A system whose
/// groups stay the same writes nothing; each that moves gets an audit entry. Answers whether any moved.
///
/// # Errors
/// When the database fails.
pub fn reconcile(
    conn: &mut Conn,
    organization_id: i64,
    rules: &OrganizationRules,
    observed: &[Observed<'_>],
    now: UnixMillis,
) -> Result<bool, Error> {
    if rules.rules.is_empty() || observed.is_empty() {
        return Ok(false);
    }
    let ids: Vec<i64> = observed.iter().map(|one| one.system.0).collect();
    let current: HashSet<Membership> = groups::auto_memberships(conn, &ids)?.into_iter().collect();
    let (mut joining, mut leaving) = (Vec::new(), Vec::new());
    let mut moved = Vec::new();
    for one in observed {
        let moves = decide(rules, one, &current);
        joining.extend_from_slice(&moves.joining);
        leaving.extend_from_slice(&moves.leaving);
        if !(moves.joined.is_empty() && moves.left.is_empty()) {
            moved.push((one, moves));
        }
    }
    groups::move_auto(conn, &joining, &leaving, now)?;
    record(conn, organization_id, &moved, now)?;
    Ok(!moved.is_empty())
}

fn record(
    conn: &mut Conn,
    organization_id: i64,
    moved: &[(&Observed<'_>, Moves)],
    now: UnixMillis,
) -> Result<(), Error> {
    let actor = Actor::server();
    let targets: Vec<String> = moved
        .iter()
        .map(|(one, _)| format!("system:{}", one.system))
        .collect();
    let entries: Vec<Entry<'_>> = moved
        .iter()
        .zip(&targets)
        .map(|((one, moves), target)| Entry {
            organization_id,
            at: now,
            actor: &actor,
            action: "rules.reconcile",
            target,
            outcome: Outcome::Done,
            detail: json!({
                "hostname": one.facts.hostname,
                "joined": moves.joined,
                "left": moves.left,
            }),
        })
        .collect();
    audit::record_all(conn, &entries)
}

/// [`reconcile`] for one system, after an administrator changed something of it.
///
/// # Errors
/// When the database fails.
pub fn reconcile_one(
    conn: &mut Conn,
    cache: &RulesCache,
    organization_id: i64,
    system: SystemId,
    now: UnixMillis,
) -> Result<bool, Error> {
    reconcile_these(conn, cache, organization_id, &[system.0], now)
}

/// As [`reconcile_one`], for many at once.
///
/// # Errors
/// When the database fails.
pub fn reconcile_these(
    conn: &mut Conn,
    cache: &RulesCache,
    organization_id: i64,
    ids: &[i64],
    now: UnixMillis,
) -> Result<bool, Error> {
    let rules = cache.current(conn, organization_id)?;
    if rules.rules.is_empty() {
        return Ok(false);
    }
    let found = systems::facts_of(conn, organization_id, ids, rules.needs)?;
    let observed: Vec<Observed<'_>> = found
        .iter()
        .map(|one| Observed {
            system: one.id(),
            // Rules ask for nothing that depends on how long the server runs.
            facts: one.at(Instants { started: now, now }),
        })
        .collect();
    reconcile(conn, organization_id, &rules, &observed, now)
}

#[cfg(test)]
mod tests {
    use super::super::cache::LiveRule;
    use super::*;
    use scm_protocol::ids::GroupId;
    use scm_protocol::systems::SystemStatus;
    use scm_rules::{CompiledRule, Filter};

    fn rule(group: i64, generation: i64, in_force: bool, filter: &str) -> LiveRule {
        LiveRule {
            group: GroupId(group),
            name: format!("g{group}"),
            generation,
            in_force,
            compiled: CompiledRule::new(&Filter::parse(filter).unwrap().to_rule().unwrap()).unwrap(),
        }
    }

    fn member(group: i64, generation: i64) -> Membership {
        Membership {
            group: GroupId(group),
            generation,
            system: SystemId(7),
        }
    }

    fn moves(hostname: &str, status: SystemStatus, current: &[Membership]) -> Moves {
        let rules = OrganizationRules {
            rules: vec![
                rule(1, 3, true, "hostname contains web"),
                rule(1, 4, false, "hostname contains db"),
                rule(2, 1, true, "hostname contains 1"),
            ],
            ..OrganizationRules::default()
        };
        let facts = Facts {
            hostname: Some(hostname),
            status: Some(status),
            ..Facts::default()
        };
        let observed = Observed {
            system: SystemId(7),
            facts,
        };
        decide(&rules, &observed, &current.iter().copied().collect())
    }

    #[test]
    fn a_system_joins_and_leaves_what_its_facts_say() {
        let first = moves("web1", SystemStatus::Active, &[]);
        assert_eq!(first.joining, [member(1, 3), member(2, 1)]);
        assert_eq!(first.joined, ["g1", "g2"]);
        assert_eq!(
            moves("web1", SystemStatus::Active, &first.joining),
            Moves::default()
        );
        let renamed = moves("web", SystemStatus::Active, &first.joining);
        assert_eq!(
            (renamed.leaving, renamed.left),
            (vec![member(2, 1)], vec!["g2".to_owned()])
        );
    }

    #[test]
    fn a_rule_that_is_being_applied_fills_its_own_generation_and_is_not_told_of() {
        let moves = moves("db", SystemStatus::Active, &[]);
        assert_eq!(moves.joining, [member(1, 4)]);
        assert!(moves.joined.is_empty());
    }

    #[test]
    fn a_system_that_is_cut_off_leaves() {
        let revoked = moves("web1", SystemStatus::Revoked, &[member(1, 3), member(2, 1)]);
        assert_eq!(revoked.leaving, [member(1, 3), member(2, 1)]);
    }
}
