//! Staged rollouts: an upgrade for a part of the fleet, then for more of it, and a halt when too many fail.

use crate::ids::{RolloutId, SystemId, UnixMillis};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// Cohorts that systems are spread over.
pub const COHORTS: u32 = 10_000;
/// Most stages of a rollout.
pub const MAX_STAGES: usize = 10;
/// Most upgrades of a rollout that are under way at once, unless it says otherwise.
pub const DEFAULT_AT_ONCE: u32 = 100;
/// What it may say.
pub const AT_ONCE: std::ops::RangeInclusive<u32> = 1..=10_000;

/// The cohort of a system, 0 to 9,999: the same in every rollout to that version, and another mix in the next, so that it is not
/// always the same machines that go first.
pub fn cohort(system: SystemId, version: &str) -> u32 {
    let hash = Sha256::digest(format!("openscm rollout\n{version}\n{system}\n"));
    let first = hash
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    u32::try_from(first % u64::from(COHORTS)).unwrap_or_default()
}

/// Whether a cohort is among the first `percent` of all. Whoever is among 10 % is among 50 %, and everybody among 100 %.
pub fn is_within(cohort: u32, percent: u32) -> bool {
    u64::from(cohort) * 100 < u64::from(percent) * u64::from(COHORTS)
}

/// Where a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RolloutState {
    /// The systems of its stage are upgraded.
    Running,
    /// The stage is done: somebody is to say that the next one may begin.
    Waiting,
    /// Halted, by somebody or because too many failed: nothing more is queued, what was queued was taken back.
    Halted,
    /// Every stage is done.
    Done,
    /// Given up.
    Aborted,
}

impl RolloutState {
    /// Every state.
    pub const ALL: [RolloutState; 5] = [
        RolloutState::Running,
        RolloutState::Waiting,
        RolloutState::Halted,
        RolloutState::Done,
        RolloutState::Aborted,
    ];

    /// The stable name in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            RolloutState::Running => "running",
            RolloutState::Waiting => "waiting",
            RolloutState::Halted => "halted",
            RolloutState::Done => "done",
            RolloutState::Aborted => "aborted",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing more comes.
    pub fn is_over(self) -> bool {
        matches!(self, RolloutState::Done | RolloutState::Aborted)
    }
}

/// `POST /api/v1/rollouts`: which systems, `systems`, or `filter` with `expected_count`, and in which steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRollout {
    /// To which version; the newest that is offered unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Chosen one by one; at most 100,000, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<SystemId>,
    /// Everything that matches this text of the condition language when the rollout is created; an empty one matches all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// How many systems `filter` was seen to match: where it matches more or fewer, there is no rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_count: Option<i64>,
    /// Percentages, each more than the one before, the last one 100; `[5, 25, 100]` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<u32>>,
    /// How many systems may fail, be rolled back or refuse before it halts; 0 unless given: the first one halts it.
    #[serde(default)]
    pub failure_budget: u32,
    /// Whether the next stage begins by itself when one is done; otherwise it waits for `advance`.
    #[serde(default)]
    pub automatic: bool,
    /// How many may be under way at once: 1 to 10,000, 100 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
}

impl CreateRollout {
    /// Its stages.
    pub fn stages(&self) -> Vec<u32> {
        self.stages.clone().unwrap_or_else(|| vec![5, 25, 100])
    }

    /// The first member that cannot be, and why. What chooses the systems is looked at as that of a job.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let stages = self.stages();
        let rising = stages.windows(2).all(|pair| pair[0] < pair[1]);
        if stages.len() > MAX_STAGES || !rising || stages.last() != Some(&100) || stages[0] == 0 {
            let reason = format!(
                "must be 1 to {MAX_STAGES} percentages, each more than the one before and the last one 100"
            );
            return Some(("stages", reason));
        }
        let at_once = self.at_once.unwrap_or(DEFAULT_AT_ONCE);
        (!AT_ONCE.contains(&at_once)).then(|| ("at_once", "must be 1 to 10000".to_owned()))
    }
}

/// How many systems of a rollout are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolloutCounts {
    /// All of them.
    pub total: i64,
    /// Of a later stage, or not begun.
    pub waiting: i64,
    /// Queued or under way.
    pub under_way: i64,
    /// Done.
    pub done: i64,
    /// Failed, rolled back or refused.
    pub failed: i64,
    /// Nothing to do: as new already, gone, no package for its platform; or taken back.
    pub skipped: i64,
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    /// Its id.
    pub id: RolloutId,
    /// To which version.
    pub version: String,
    /// Where it stands.
    pub state: RolloutState,
    /// Why it halted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The filter that chose its systems; none where they were chosen one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Its stages, in percent.
    pub stages: Vec<u32>,
    /// Which of them it is in, from 0.
    pub stage: u32,
    /// How many may fail.
    pub failure_budget: u32,
    /// Whether the next stage begins by itself.
    pub automatic: bool,
    /// How many may be under way at once.
    pub at_once: u32,
    /// How many systems are where.
    pub counts: RolloutCounts,
    /// When it was created.
    pub created_ms: UnixMillis,
    /// By whom, as the audit names them.
    pub created_by: String,
    /// When it last came to another state or stage.
    pub changed_ms: UnixMillis,
}

/// `GET /api/v1/rollouts?cursor=&limit=`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolloutPage {
    /// The rollouts.
    pub items: Vec<Rollout>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn who_is_among_few_is_among_more(system: i64, few in 0_u32..=100, more in 0_u32..=100) {
            let cohort = cohort(SystemId(system), "1.4.0");
            prop_assert!(cohort < COHORTS);
            if few <= more && is_within(cohort, few) {
                prop_assert!(is_within(cohort, more));
            }
            prop_assert!(is_within(cohort, 100) && !is_within(cohort, 0));
        }
    }

    #[test]
    fn cohorts_are_spread_evenly_and_mixed_anew_for_each_version() {
        let among = |version: &str, percent| {
            let chosen = (1..=10_000).filter(|id| is_within(cohort(SystemId(*id), version), percent));
            chosen.collect::<Vec<_>>()
        };
        for percent in [5, 25, 50] {
            let share = among("1.4.0", percent).len();
            let expected = percent as usize * 100;
            assert!(share.abs_diff(expected) < 200, "{percent} % gave {share}");
        }
        assert_ne!(among("1.4.0", 5), among("1.5.0", 5));
    }

    #[test]
    fn stages_rise_to_everybody() {
        let field = |stages: &[u32]| {
            let wanted = CreateRollout {
                stages: Some(stages.to_vec()),
                ..CreateRollout::default()
            };
            wanted.problem().map(|(field, _)| field)
        };
        for good in [&[100][..], &[1, 100], &[1, 10, 50, 100]] {
            assert_eq!(field(good), None);
        }
        for bad in [
            &[][..],
            &[0, 100],
            &[10],
            &[10, 10, 100],
            &[50, 10, 100],
            &[50, 101],
        ] {
            assert_eq!(field(bad), Some("stages"), "{bad:?}");
        }
        let many: Vec<u32> = (90..=100).collect();
        assert_eq!(field(&many), Some("stages"));
        let at_once = |at_once| CreateRollout {
            at_once: Some(at_once),
            ..CreateRollout::default()
        };
        assert!(at_once(1).problem().is_none());
        assert_eq!(at_once(0).problem().map(|(field, _)| field), Some("at_once"));
        assert_eq!(CreateRollout::default().problem(), None);
        for state in RolloutState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(RolloutState::parse(state.as_str()), Some(state));
        }
    }
}
