//! What a draft would do, before it is saved: one look at every system, stopped when nobody waits for it any more.

use crate::error::Error;
use crate::groups;
use crate::storage::Conn;
use crate::systems::{Instants, Mirror, SystemFacts};
use scm_protocol::ids::GroupId;
use scm_protocol::rules::{MAX_SAMPLE, RulePreview, SampleSystem};
use scm_rules::CompiledRule;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Tells a preview that nobody waits for it; does so when it is dropped, as the caller's request is.
#[derive(Debug, Default)]
pub(super) struct Waiting(Arc<AtomicBool>);

impl Waiting {
    /// Turns true when nobody waits any more.
    pub(super) fn gone(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Looks at every system.
pub(super) fn preview(
    conn: &mut Conn,
    (mirror, organization_id): (&Mirror, i64),
    rule: &CompiledRule,
    group: Option<GroupId>,
    instants: Instants,
    gone: &AtomicBool,
) -> Result<RulePreview, Error> {
    let saved = match group {
        Some(group) => {
            let (_, generation) = groups::auto_group(conn, organization_id, group)?;
            groups::members_of(conn, group, generation)?
        }
        None => Vec::new(),
    };
    let mut result = RulePreview {
        saved: count(saved.len()),
        holds: vec![0; rule.conditions().len()],
        ..RulePreview::default()
    };
    mirror.scan(conn, organization_id, rule.needs(), |system| {
        if gone.load(Ordering::Relaxed) {
            return Err(Error::Unavailable(
                "nobody waits for this preview any more".to_owned(),
            ));
        }
        // Both lists are in the order of their ids.
        let is_in = saved.binary_search(&system.id().0).is_ok();
        look(&mut result, rule, system, is_in, instants);
        Ok(())
    })?;
    for sample in [&mut result.joining, &mut result.leaving, &mut result.staying] {
        sample.sort_by(|a, b| (&a.hostname, a.id).cmp(&(&b.hostname, b.id)));
    }
    Ok(result)
}

fn look(
    result: &mut RulePreview,
    rule: &CompiledRule,
    system: &SystemFacts,
    is_in: bool,
    instants: Instants,
) {
    let facts = system.at(instants);
    let admitted = rule.admits(facts.status);
    let mut matches = admitted;
    for (condition, holds) in rule.conditions().iter().zip(&mut result.holds) {
        let does = admitted && condition.holds(&facts);
        *holds += i64::from(does);
        matches &= does;
    }
    result.systems += 1;
    result.matching += i64::from(matches);
    let sample = match (matches, is_in) {
        (true, false) => {
            result.joins += 1;
            &mut result.joining
        }
        (false, true) => {
            result.leaves += 1;
            &mut result.leaving
        }
        (true, true) => &mut result.staying,
        (false, false) => return,
    };
    if sample.len() < MAX_SAMPLE {
        sample.push(SampleSystem {
            id: system.id(),
            hostname: system.hostname().to_owned(),
        });
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
