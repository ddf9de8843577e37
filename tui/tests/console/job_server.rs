//! The part of the server in memory that keeps bulk jobs. They are carried out when [`Server::run_jobs`] is called.

use crate::group_server::found;
use crate::server::{Server, refused};
use scm_protocol::ids::{CommandId, JobId, SystemId, UnixMillis};
use scm_protocol::jobs::{
    CreateJob, Job, JobAbout, JobCounts, JobPage, JobState, JobTarget, JobTargetPage, TargetOutcome,
};
use scm_protocol::problem::Problem;
use scmtui::message::{Call, Failure, Reply};
use scmtui::model::{JobChange, change_of};

/// Jobs and their systems.
#[derive(Default)]
pub(crate) struct JobServer {
    pub(crate) jobs: Vec<(Job, Vec<JobTarget>)>,
    /// What was asked for, in order.
    pub(crate) created: Vec<CreateJob>,
    /// Refuses new jobs for this reason.
    pub(crate) stubborn: Option<String>,
}

fn counts(targets: &[JobTarget]) -> JobCounts {
    let of = |outcome: TargetOutcome| {
        let found = targets.iter().filter(|target| target.outcome == outcome);
        i64::try_from(found.count()).unwrap()
    };
    JobCounts {
        total: i64::try_from(targets.len()).unwrap(),
        done: of(TargetOutcome::Done),
        failed: of(TargetOutcome::Failed),
        skipped: of(TargetOutcome::Skipped),
        waiting: of(TargetOutcome::Waiting),
    }
}

fn count_changed(expected: i64, matching: i64) -> Failure {
    let detail = format!("the filter matches {matching} systems by now, and {expected} were confirmed");
    match refused(409, "count_changed", &detail) {
        Failure::Refused(problem) => Failure::Refused(Box::new(Problem {
            matching: Some(matching),
            ..*problem
        })),
        other => other,
    }
}

impl JobServer {
    fn add(&mut self, kind: scm_protocol::jobs::JobKind, targets: Vec<JobTarget>, now: UnixMillis) -> Job {
        let job = Job {
            id: JobId(i64::try_from(self.jobs.len() + 1).unwrap()),
            kind,
            tag: None,
            group: None,
            group_name: None,
            run: None,
            version: None,
            filter: None,
            state: JobState::Queued,
            counts: counts(&targets),
            retry_of: None,
            created_ms: now,
            created_by: "user:jdoe".to_owned(),
            started_ms: None,
            finished_ms: None,
            cancelled_by: None,
        };
        self.jobs.push((job.clone(), targets));
        job
    }

    fn find(&mut self, id: JobId) -> &mut (Job, Vec<JobTarget>) {
        self.jobs.iter_mut().find(|(job, _)| job.id == id).unwrap()
    }

    fn page(&mut self, id: JobId, only: Option<TargetOutcome>) -> Result<JobTargetPage, Failure> {
        let (_, targets) = self.find(id);
        let wanted = |target: &&JobTarget| only.is_none_or(|only| target.outcome == only);
        Ok(JobTargetPage {
            items: targets.iter().filter(wanted).cloned().collect(),
            next_cursor: None,
        })
    }
}

impl Server {
    pub(crate) fn answer_job(&mut self, call: Call) -> Vec<Reply> {
        let now = self.clock;
        vec![match call {
            Call::Jobs => Reply::Jobs(Ok(JobPage {
                items: self.jobs.jobs.iter().rev().map(|(job, _)| job.clone()).collect(),
                next_cursor: None,
                server_time_ms: now,
            })),
            Call::JobTargets { id, cursor } => Reply::JobTargets {
                id,
                cursor,
                page: self.jobs.page(id, None),
            },
            Call::JobFailed(id) => Reply::JobFailed {
                id,
                page: self.jobs.page(id, Some(TargetOutcome::Failed)),
            },
            Call::CreateJob { ticket, body, .. } => Reply::JobCreated {
                ticket,
                created: self.create_job(*body).map(Box::new),
            },
            Call::ChangeJob { id, change, .. } => Reply::JobChanged {
                id,
                change,
                result: Ok(self.change_job(id, change).map(Box::new)),
            },
            _ => return Vec::new(),
        }]
    }

    fn create_job(&mut self, body: CreateJob) -> Result<Job, Failure> {
        if let Some(reason) = &self.jobs.stubborn {
            return Err(refused(422, "invalid_value", reason));
        }
        assert_eq!(body.problem(), None);
        let chosen = body.systems.iter();
        let chosen = chosen.flat_map(|chosen| chosen.ids.iter().map(|id| (*id, chosen.expected_status)));
        let mut targets: Vec<_> = chosen.collect();
        if let (Some(filter), Some(expected)) = (&body.filter, body.expected_count) {
            let found = found(filter, &self.systems);
            targets.extend(found.iter().map(|id| (*id, self.systems[id].summary.status)));
            if found.len() as i64 != expected {
                return Err(count_changed(expected, found.len() as i64));
            }
        }
        let targets = targets.into_iter();
        let targets = targets.map(|(system, expected_status)| JobTarget {
            system,
            hostname: self
                .systems
                .get(&system)
                .map(|system| system.summary.hostname.clone())
                .unwrap_or_default(),
            expected_status,
            outcome: TargetOutcome::Waiting,
            reason: None,
            command: None,
            at_ms: None,
        });
        let targets = targets.collect();
        self.jobs.add(body.kind, targets, self.clock);
        let (job, _) = self.jobs.jobs.last_mut().unwrap();
        (job.tag, job.group, job.filter) = (body.tag.clone(), body.group, body.filter.clone());
        job.run = body.run.clone();
        let job = job.clone();
        self.jobs.created.push(body);
        Ok(job)
    }

    fn change_job(&mut self, id: JobId, change: JobChange) -> Option<Job> {
        let now = self.clock;
        let (job, targets) = self.jobs.find(id);
        if change == JobChange::Cancel {
            job.state = JobState::Cancelled;
            job.cancelled_by = Some("user:jdoe".to_owned());
            return None;
        }
        let failed = targets
            .iter()
            .filter(|target| target.outcome == TargetOutcome::Failed);
        let again = failed.cloned().map(|target| JobTarget {
            outcome: TargetOutcome::Waiting,
            reason: None,
            ..target
        });
        let (kind, again) = (job.kind, again.collect());
        self.jobs.add(kind, again, now);
        let (job, _) = self.jobs.jobs.last_mut().unwrap();
        job.retry_of = Some(id);
        Some(job.clone())
    }

    /// Carries out what waits, at most `most` systems of each job.
    pub(crate) fn run_some(&mut self, most: usize) {
        for index in 0..self.jobs.jobs.len() {
            let (mut job, mut targets) = self.jobs.jobs[index].clone();
            if job.state.is_over() {
                continue;
            }
            let waiting = targets
                .iter_mut()
                .filter(|target| target.outcome == TargetOutcome::Waiting);
            for target in waiting.take(most) {
                (target.outcome, target.reason) = self.do_one(&job, target.system, target);
            }
            job.counts = counts(&targets);
            job.state = if job.counts.waiting == 0 {
                JobState::Done
            } else {
                JobState::Running
            };
            self.jobs.jobs[index] = (job, targets);
        }
    }

    /// Has the systems of the last job run what it is about: the first of them well, the others not. Their commands.
    pub(crate) fn tell_systems(&mut self) -> Vec<CommandId> {
        let now = self.clock;
        let (job, targets) = self.jobs.jobs.last_mut().unwrap();
        let run = job.run.clone().unwrap();
        let mut told = Vec::new();
        for target in targets.iter_mut() {
            let id = self.commands.run_for_job(target.system, &run, now);
            target.command = Some(id);
            target.outcome = TargetOutcome::Done;
            if !told.is_empty() {
                target.outcome = TargetOutcome::Failed;
                target.reason = Some("failed: it exited with 3".to_owned());
            }
            told.push(id);
        }
        job.counts = counts(targets);
        job.state = JobState::Done;
        told
    }

    /// Carries out everything that waits.
    pub(crate) fn run_jobs(&mut self) {
        self.run_some(usize::MAX);
    }

    fn do_one(&mut self, job: &Job, id: SystemId, target: &JobTarget) -> (TargetOutcome, Option<String>) {
        let Some(system) = self.systems.get(&id) else {
            return (TargetOutcome::Skipped, Some("there is no such system".to_owned()));
        };
        let about_status = job.kind.about() == JobAbout::Status;
        if self.stubborn.contains(&id) || about_status && system.summary.status != target.expected_status {
            let reason = "it is another than it was when it was chosen".to_owned();
            return (TargetOutcome::Failed, Some(reason));
        }
        let change = change_of(job.kind).unwrap();
        if let Some(reason) = change.obstacle(system.summary.status, system.summary.cloned) {
            return (TargetOutcome::Skipped, Some(reason));
        }
        self.act(change, id);
        (TargetOutcome::Done, None)
    }
}
