//! From rows to what is told of a rollout.

use super::decide::Standing;
use super::store::RolloutRow;
use super::target_store;
use crate::error::Error;
use crate::storage::Conn;
use crate::upgrades;
use scm_protocol::ids::{RolloutId, UnixMillis};
use scm_protocol::upgrades::rollout::{COHORTS, Rollout, RolloutCounts, RolloutState};
use scm_protocol::upgrades::upgrade::UpgradeState;

fn damaged(id: i64) -> Error {
    Error::internal(format!("the row of rollout {id} is damaged"))
}

/// Where a rollout stands.
pub(super) fn state(row: &RolloutRow) -> Result<RolloutState, Error> {
    RolloutState::parse(&row.state).ok_or_else(|| damaged(row.id))
}

fn stages(row: &RolloutRow) -> Result<Vec<u32>, Error> {
    serde_json::from_str(&row.stages).map_err(|_| damaged(row.id))
}

/// Cohorts below this one are of its stage or of those before.
pub(super) fn below(row: &RolloutRow) -> Result<i64, Error> {
    let stages = stages(row)?;
    let stage = usize::try_from(row.stage)
        .ok()
        .and_then(|stage| stages.get(stage));
    let percent = stage.ok_or_else(|| damaged(row.id))?;
    // The first cohort that is not within: one that is satisfies cohort * 100 < percent * COHORTS.
    Ok((u64::from(*percent) * u64::from(COHORTS))
        .div_ceil(100)
        .cast_signed())
}

/// How many systems of a rollout are where, and what its next step depends on.
pub(super) fn standing(conn: &mut Conn, row: &RolloutRow) -> Result<(RolloutCounts, Standing), Error> {
    let id = RolloutId(row.id);
    let (total, waiting, waiting_in_stage) = target_store::counts(conn, id, below(row)?)?;
    let tally = upgrades::of_rollout(conn, id)?;
    let under_way = tally.count(|state| !state.is_over());
    let failed = tally.count(UpgradeState::is_failure);
    let done = tally.count(|state| state == UpgradeState::Done);
    let counts = RolloutCounts {
        total,
        waiting,
        under_way,
        done,
        failed,
        skipped: (total - waiting - under_way - done - failed).max(0),
    };
    let standing = Standing {
        waiting: waiting_in_stage,
        under_way,
        failed,
        forgiven: row.forgiven,
        budget: row.failure_budget,
        at_once: row.at_once,
        last_stage: usize::try_from(row.stage + 1)
            .is_ok_and(|next| stages(row).is_ok_and(|all| next >= all.len())),
        automatic: row.automatic != 0,
    };
    Ok((counts, standing))
}

/// A rollout.
pub(super) fn rollout(conn: &mut Conn, row: RolloutRow) -> Result<Rollout, Error> {
    let (counts, _) = standing(conn, &row)?;
    let number = |value: i64| u32::try_from(value).map_err(|_| damaged(row.id));
    Ok(Rollout {
        id: RolloutId(row.id),
        state: state(&row)?,
        stages: stages(&row)?,
        stage: number(row.stage)?,
        failure_budget: number(row.failure_budget)?,
        automatic: row.automatic != 0,
        at_once: number(row.at_once)?,
        counts,
        version: row.version,
        reason: row.reason,
        filter: row.filter,
        created_ms: UnixMillis(row.created_ms),
        created_by: row.created_by,
        changed_ms: UnixMillis(row.changed_ms),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::upgrades::rollout::is_within;

    fn row(stages: &str, stage: i64) -> RolloutRow {
        RolloutRow {
            id: 1,
            organization_id: 1,
            version: "1.4.0".to_owned(),
            filter: None,
            stages: stages.to_owned(),
            stage,
            failure_budget: 0,
            forgiven: 0,
            automatic: 0,
            at_once: 10,
            state: "running".to_owned(),
            reason: None,
            created_ms: 1,
            created_by: "user:jdoe".to_owned(),
            created_from: "192.0.2.1".to_owned(),
            changed_ms: 1,
        }
    }

    #[test]
    fn the_cohorts_of_a_stage_are_those_within_its_percentage() {
        for (stage, percent) in [(0, 1), (1, 33), (2, 100)] {
            let below = below(&row("[1,33,100]", stage)).unwrap();
            for cohort in 0..COHORTS {
                assert_eq!(
                    i64::from(cohort) < below,
                    is_within(cohort, percent),
                    "{cohort} {percent}"
                );
            }
        }
        assert!(below(&row("[1,33,100]", 3)).is_err() && below(&row("x", 0)).is_err());
    }
}
