//! What is asked of a new job.

use super::kind::{JobAbout, JobKind};
use super::run::RunOnMany;
use crate::annotations::tag_problem;
use crate::ids::{GroupId, SystemId};
use crate::systems::SystemStatus;
use crate::upgrades::version;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// Most systems of one job.
pub const MAX_TARGETS: usize = 100_000;

/// Systems of one status that were chosen one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenSystems {
    /// The status that they were shown with. A job that changes the status leaves one as it is that has another by its
    /// turn; to tags and groups the status does not matter.
    pub expected_status: SystemStatus,
    /// Their ids.
    pub ids: Vec<SystemId>,
}

/// `POST /api/v1/jobs`: what to do, and to which systems: `systems`, or `filter` with `expected_count`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateJob {
    /// What to do to each.
    pub kind: JobKind,
    /// The tag, for `tag` and `untag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The manual group, for `group_add` and `group_remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// What is run, for `run_action`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunOnMany>,
    /// The version, for `upgrade`; the one that is offered to each unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Chosen one by one; at most 100,000 together, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<ChosenSystems>,
    /// Everything that matches this text of the condition language when the job is created; an empty one matches all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// How many systems `filter` was seen to match: where it matches more or fewer, there is no job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_count: Option<i64>,
}

impl CreateJob {
    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        self.about_problem()
            .or_else(|| self.run_problem())
            .or_else(|| self.systems_problem())
    }

    /// The tag and the group are there where the kind needs them, and nowhere else.
    fn about_problem(&self) -> Option<(&'static str, String)> {
        let about = self.kind.about();
        let kind = self.kind.as_str();
        match (&self.tag, about) {
            (None, JobAbout::Tag) => return Some(("tag", format!("must be given for `{kind}`"))),
            (Some(tag), JobAbout::Tag) => {
                if let Some(reason) = tag_problem(tag) {
                    return Some(("tag", reason));
                }
            }
            (Some(_), _) => return Some(("tag", format!("means nothing to `{kind}`; leave it out"))),
            (None, _) => {}
        }
        match (self.group, about) {
            (None, JobAbout::Group) => return Some(("group", format!("must be given for `{kind}`"))),
            (Some(_), JobAbout::Status | JobAbout::Tag | JobAbout::Run | JobAbout::Version) => {
                return Some(("group", format!("means nothing to `{kind}`; leave it out")));
            }
            _ => {}
        }
        match (self.version.as_deref(), about) {
            (Some(text), JobAbout::Version) => version(text).err().map(|reason| ("version", reason)),
            (Some(_), _) => Some(("version", format!("means nothing to `{kind}`; leave it out"))),
            (None, _) => None,
        }
    }

    fn run_problem(&self) -> Option<(&'static str, String)> {
        let kind = self.kind.as_str();
        match (&self.run, self.kind.about()) {
            (None, JobAbout::Run) => Some(("run", format!("must be given for `{kind}`"))),
            (Some(run), JobAbout::Run) => run.problem(),
            (Some(_), _) => Some(("run", format!("means nothing to `{kind}`; leave it out"))),
            (None, _) => None,
        }
    }

    fn systems_problem(&self) -> Option<(&'static str, String)> {
        match (&self.filter, self.expected_count) {
            (Some(_), _) if !self.systems.is_empty() => {
                return Some(("systems", "cannot be given beside `filter`".to_owned()));
            }
            (Some(_), None) => {
                let reason = "must be given with `filter`: the number of systems that it was seen to match";
                return Some(("expected_count", reason.to_owned()));
            }
            (Some(_), Some(..=0)) => {
                return Some(("expected_count", "must be at least 1".to_owned()));
            }
            (Some(_), Some(_)) => return None,
            (None, Some(_)) => {
                return Some(("expected_count", "means nothing without `filter`".to_owned()));
            }
            (None, None) => {}
        }
        let count: usize = self.systems.iter().map(|chosen| chosen.ids.len()).sum();
        if count == 0 {
            return Some((
                "systems",
                "must name at least one system, unless `filter` is given".to_owned(),
            ));
        }
        if count > MAX_TARGETS {
            return Some((
                "systems",
                format!("names {count} systems, at most {MAX_TARGETS} are allowed in one job"),
            ));
        }
        let mut seen = HashSet::with_capacity(count);
        let twice = self
            .systems
            .iter()
            .flat_map(|chosen| &chosen.ids)
            .find(|id| !seen.insert(**id));
        twice.map(|id| ("systems", format!("names system {id} twice")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(expected_status: SystemStatus, ids: &[i64]) -> ChosenSystems {
        ChosenSystems {
            expected_status,
            ids: ids.iter().copied().map(SystemId).collect(),
        }
    }

    fn job(kind: JobKind, systems: Vec<ChosenSystems>) -> CreateJob {
        CreateJob {
            kind,
            tag: None,
            group: None,
            run: None,
            version: None,
            systems,
            filter: None,
            expected_count: None,
        }
    }

    fn field(job: &CreateJob) -> Option<&'static str> {
        job.problem().map(|(field, _)| field)
    }

    #[test]
    fn a_job_names_some_systems_each_once() {
        let field = |systems| field(&job(JobKind::Approve, systems));
        assert_eq!(field(vec![chosen(SystemStatus::Pending, &[1, 2])]), None);
        assert_eq!(field(Vec::new()), Some("systems"));
        assert_eq!(field(vec![chosen(SystemStatus::Pending, &[])]), Some("systems"));
        let twice = vec![
            chosen(SystemStatus::Pending, &[1, 2]),
            chosen(SystemStatus::Active, &[2]),
        ];
        assert_eq!(field(twice), Some("systems"));
        let many: Vec<i64> = (1..=100_001).collect();
        assert_eq!(field(vec![chosen(SystemStatus::Pending, &many)]), Some("systems"));
    }

    #[test]
    fn a_filter_comes_with_its_number_and_without_systems() {
        let filtered = |expected_count| CreateJob {
            filter: Some("web".to_owned()),
            expected_count,
            ..job(JobKind::Approve, Vec::new())
        };
        assert_eq!(field(&filtered(Some(3))), None);
        assert_eq!(field(&filtered(None)), Some("expected_count"));
        assert_eq!(field(&filtered(Some(0))), Some("expected_count"));
        let one = vec![chosen(SystemStatus::Pending, &[1])];
        let both = CreateJob {
            systems: one.clone(),
            ..filtered(Some(3))
        };
        assert_eq!(field(&both), Some("systems"));
        let alone = CreateJob {
            expected_count: Some(1),
            ..job(JobKind::Approve, one)
        };
        assert_eq!(field(&alone), Some("expected_count"));
    }

    #[test]
    fn a_tag_and_a_group_are_for_the_kinds_that_need_them() {
        for kind in JobKind::ALL {
            let bare = job(kind, vec![chosen(SystemStatus::Active, &[1])]);
            let tagged = CreateJob {
                tag: Some("prod".to_owned()),
                ..bare.clone()
            };
            let grouped = CreateJob {
                group: Some(GroupId(1)),
                ..bare.clone()
            };
            let running = CreateJob {
                run: Some(RunOnMany {
                    action: "restart".to_owned(),
                    parameters: std::collections::BTreeMap::new(),
                    confirmed: false,
                    batch_size: 1,
                    max_failures: 0,
                    wait_secs: None,
                }),
                ..bare.clone()
            };
            let fields = (field(&bare), field(&tagged), field(&grouped), field(&running));
            let expected = match kind.about() {
                JobAbout::Status => (None, Some("tag"), Some("group"), Some("run")),
                JobAbout::Tag => (Some("tag"), None, Some("tag"), Some("tag")),
                JobAbout::Group => (Some("group"), Some("tag"), None, Some("group")),
                JobAbout::Run => (Some("run"), Some("tag"), Some("group"), None),
                JobAbout::Version => (None, Some("tag"), Some("group"), Some("run")),
            };
            assert_eq!(fields, expected, "{kind:?}");
            let versioned = |version: &str| CreateJob {
                version: Some(version.to_owned()),
                ..bare.clone()
            };
            let fits = kind.about() == JobAbout::Version;
            assert!(!fits || field(&versioned("1.4.0")).is_none(), "{kind:?}");
            assert!(fits || field(&versioned("1.4.0")).is_some(), "{kind:?}");
            assert!(field(&versioned("new")).is_some());
        }
        let bad = CreateJob {
            tag: Some("two words".to_owned()),
            ..job(JobKind::Tag, vec![chosen(SystemStatus::Active, &[1])])
        };
        assert_eq!(field(&bad), Some("tag"));
    }
}
