//! Compiled rules of each organization, with the version that they were compiled from.

use super::store;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::GroupId;
use scm_protocol::rules::Rule;
use scm_rules::{CompiledRule, Needs};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A rule that systems are held against: one in force, or one that is being applied.
#[derive(Clone, Debug)]
pub struct LiveRule {
    /// Its group.
    pub group: GroupId,
    /// Name of its group.
    pub name: String,
    /// Its version.
    pub generation: i64,
    /// Its members are those of the group.
    pub in_force: bool,
    /// What it asks.
    pub compiled: CompiledRule,
}

/// The rules of one organization.
#[derive(Clone, Debug, Default)]
pub struct OrganizationRules {
    pub(super) version: i64,
    /// Enabled ones.
    pub rules: Vec<LiveRule>,
    /// What has to be read of a system to ask all of them.
    pub needs: Needs,
}

/// The rules of all organizations, as last read.
#[derive(Clone, Debug, Default)]
pub struct RulesCache {
    known: Arc<Mutex<HashMap<i64, Arc<OrganizationRules>>>>,
}

impl RulesCache {
    /// The rules of an organization as this transaction sees them: read again when their version is another.
    ///
    /// # Errors
    /// When the database fails.
    pub fn current(&self, conn: &mut Conn, organization_id: i64) -> Result<Arc<OrganizationRules>, Error> {
        let version = store::version(conn, organization_id)?;
        let known = self.lock().get(&organization_id).map(Arc::clone);
        if let Some(known) = known.filter(|known| known.version == version) {
            return Ok(known);
        }
        let read = Arc::new(load(conn, organization_id, version)?);
        self.lock().insert(organization_id, Arc::clone(&read));
        Ok(read)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Arc<OrganizationRules>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(conn: &mut Conn, organization_id: i64, version: i64) -> Result<OrganizationRules, Error> {
    let mut rules = Vec::new();
    for (row, name, in_force) in store::all(conn, organization_id)? {
        if row.disabled_ms.is_some() || row.generation < in_force {
            continue;
        }
        let rule: Rule =
            serde_json::from_str(&row.conditions).map_err(|error| damaged(row.group_id, &error))?;
        let compiled = CompiledRule::new(&rule).map_err(|error| damaged(row.group_id, &error))?;
        rules.push(LiveRule {
            group: GroupId(row.group_id),
            name,
            generation: row.generation,
            in_force: row.generation == in_force,
            compiled,
        });
    }
    let needs = rules
        .iter()
        .fold(Needs::default(), |needs, rule| needs.and(rule.compiled.needs()));
    Ok(OrganizationRules {
        version,
        rules,
        needs,
    })
}

fn damaged(group: i64, error: &dyn std::error::Error) -> Error {
    Error::internal(format!("the rule of group {group} cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::store::{RuleRow, add, bump};
    use super::*;
    use crate::storage::trial;
    use diesel::Connection;
    use scm_rules::Filter;

    #[tokio::test]
    async fn rules_that_were_undone_are_never_taken_for_those_that_came_instead() {
        let folder = tempfile::tempdir().unwrap();
        let storage = trial::sqlite(&folder);
        trial::organization(&storage).await;
        let group = "INSERT INTO groups (id, organization_id, name, description, kind, generation, created_ms, created_by) \
             VALUES (7, 1, 'web', '', 'auto', 1, 0, 'test')";
        trial::execute(&storage, group.to_owned()).await;
        let rule = Filter::parse("hostname contains web").unwrap().to_rule().unwrap();
        let row = RuleRow {
            group_id: 7,
            generation: 1,
            conditions: serde_json::to_string(&rule).unwrap(),
            disabled_ms: None,
            changed_ms: 0,
            changed_by: "test".to_owned(),
        };
        let cache = RulesCache::default();
        let read = move |conn: &mut Conn| {
            let undone = conn.transaction(|conn| {
                add(conn, &row)?;
                bump(conn, 1)?;
                assert_eq!(cache.current(conn, 1)?.rules.len(), 1);
                Err::<(), _>(Error::Busy)
            });
            assert!(undone.is_err());
            bump(conn, 1)?;
            Ok(cache.current(conn, 1)?.rules.len())
        };
        assert_eq!(storage.writer.run(read).await.unwrap(), 0);
    }
}
