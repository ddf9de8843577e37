//! What a job is about besides its systems: a tag, a group, what is run, a version, or nothing more; stored as the job's
//! `argument`.

use scm_protocol::ids::GroupId;
use scm_protocol::jobs::{CreateJob, JobAbout, JobKind, RunOnMany};
use serde_json::{Value, json};

/// What a job is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// The status of its systems: the kind says it all.
    Status,
    /// This tag.
    Tag(String),
    /// This group.
    Group(GroupId),
    /// This is run.
    Run(Box<RunOnMany>),
    /// This version, or the one that is offered to each.
    Version(Option<String>),
}

impl Subject {
    /// What a request is about; none where it does not say.
    pub(super) fn asked(wanted: &CreateJob) -> Option<Self> {
        match wanted.kind.about() {
            JobAbout::Status => Some(Subject::Status),
            JobAbout::Tag => wanted.tag.clone().map(Subject::Tag),
            JobAbout::Group => wanted.group.map(Subject::Group),
            JobAbout::Run => wanted.run.clone().map(|run| Subject::Run(Box::new(run))),
            JobAbout::Version => Some(Subject::Version(wanted.version.clone())),
        }
    }

    /// What a stored job is about; none where the row is damaged.
    pub(super) fn stored(kind: JobKind, argument: &str) -> Option<Self> {
        match kind.about() {
            JobAbout::Status => Some(Subject::Status),
            JobAbout::Tag => Some(Subject::Tag(argument.to_owned())),
            JobAbout::Group => argument.parse().ok().map(|id| Subject::Group(GroupId(id))),
            JobAbout::Run => serde_json::from_str(argument).ok().map(Subject::Run),
            JobAbout::Version => {
                let version = Some(argument.to_owned()).filter(|version| !version.is_empty());
                Some(Subject::Version(version))
            }
        }
    }

    /// As it is stored.
    pub(super) fn argument(&self) -> String {
        match self {
            Subject::Status => String::new(),
            Subject::Tag(tag) => tag.clone(),
            Subject::Group(id) => id.to_string(),
            Subject::Run(run) => json!(run).to_string(),
            Subject::Version(version) => version.clone().unwrap_or_default(),
        }
    }

    /// The tag, if it is one.
    pub(super) fn tag(&self) -> Option<&str> {
        match self {
            Subject::Tag(tag) => Some(tag),
            Subject::Status | Subject::Group(_) | Subject::Run(_) | Subject::Version(_) => None,
        }
    }

    /// The group, if it is one.
    pub(super) fn group(&self) -> Option<GroupId> {
        match self {
            Subject::Group(id) => Some(*id),
            Subject::Status | Subject::Tag(_) | Subject::Run(_) | Subject::Version(_) => None,
        }
    }

    /// What is run, if it is that.
    pub(super) fn run(&self) -> Option<&RunOnMany> {
        match self {
            Subject::Run(run) => Some(run),
            Subject::Status | Subject::Tag(_) | Subject::Group(_) | Subject::Version(_) => None,
        }
    }

    /// The version, if it is one.
    pub(super) fn version(&self) -> Option<&str> {
        match self {
            Subject::Version(version) => version.as_deref(),
            Subject::Status | Subject::Tag(_) | Subject::Group(_) | Subject::Run(_) => None,
        }
    }

    /// Adds it to the detail of an audit entry.
    pub(super) fn tell(&self, detail: &mut Value) {
        match self {
            Subject::Status => {}
            Subject::Tag(tag) => detail["tag"] = json!(tag),
            Subject::Group(id) => detail["group"] = json!(id),
            Subject::Run(run) => detail["run"] = json!(run),
            Subject::Version(version) => detail["version"] = json!(version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunOnMany {
        RunOnMany {
            action: "restart".to_owned(),
            parameters: [("unit".to_owned(), "nginx".to_owned())].into(),
            confirmed: true,
            batch_size: 5,
            max_failures: 2,
            wait_secs: None,
        }
    }

    #[test]
    fn what_is_stored_is_what_was_asked() {
        for (kind, subject) in [
            (JobKind::Deny, Subject::Status),
            (JobKind::Untag, Subject::Tag("prod".to_owned())),
            (JobKind::GroupAdd, Subject::Group(GroupId(7))),
            (JobKind::RunAction, Subject::Run(Box::new(run()))),
            (JobKind::Upgrade, Subject::Version(None)),
            (JobKind::Upgrade, Subject::Version(Some("1.4.0".to_owned()))),
        ] {
            assert_eq!(Subject::stored(kind, &subject.argument()), Some(subject));
        }
        assert_eq!(Subject::stored(JobKind::GroupRemove, "seven"), None);
        assert_eq!(Subject::stored(JobKind::RunAction, "{}"), None);
    }
}
