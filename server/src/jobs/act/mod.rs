//! What a job does to the systems of one transaction, and what came of each: by the room that owns what is changed.

mod members;
mod run;
mod status;
mod tags;
mod upgrades;

use super::chunk::{Step, Turn};
use super::store::JobRow;
use super::subject::Subject;
use super::target_store::{self, TargetRow};
use super::view;
use crate::app::App;
use crate::audit::Actor;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::{JobId, SystemId};
use scm_protocol::jobs::{JobAbout, JobKind, TargetOutcome};

/// What came of one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// It is changed.
    Done,
    /// It is not, and somebody should look.
    Failed(String),
    /// There was nothing to do.
    Skipped(String),
}

impl Verdict {
    /// As it is stored.
    pub(super) fn outcome(&self) -> (TargetOutcome, Option<&str>) {
        match self {
            Verdict::Done => (TargetOutcome::Done, None),
            Verdict::Failed(reason) => (TargetOutcome::Failed, Some(reason)),
            Verdict::Skipped(reason) => (TargetOutcome::Skipped, Some(reason)),
        }
    }

    fn gone() -> Self {
        Verdict::Skipped("there is no such system".to_owned())
    }
}

/// What came of the systems of a transaction.
#[derive(Debug, Default)]
pub(super) struct Acted {
    /// Those that have their outcome now.
    pub targets: Vec<TargetRow>,
    /// Of each of them, in their order.
    pub verdicts: Vec<Verdict>,
    /// Members of automatic groups changed with it.
    pub moved: bool,
    /// Systems that were told to do something, and have no outcome yet.
    pub told: Vec<SystemId>,
}

impl Acted {
    fn add(&mut self, target: TargetRow, verdict: Verdict) {
        self.targets.push(target);
        self.verdicts.push(verdict);
    }

    fn failed(&self) -> i64 {
        let failed = self
            .verdicts
            .iter()
            .filter(|verdict| matches!(verdict, Verdict::Failed(_)));
        i64::try_from(failed.count()).unwrap_or(i64::MAX)
    }
}

/// A job at work, for whoever created it.
struct Deed<'a> {
    row: &'a JobRow,
    kind: JobKind,
    actor: Actor,
    turn: &'a Turn,
}

impl Deed<'_> {
    fn job(&self) -> JobId {
        JobId(self.row.id)
    }
}

/// One turn of a job.
pub(super) fn turn(conn: &mut Conn, row: &JobRow, turn: &Turn) -> Result<Acted, Error> {
    let subject = view::subject(row)?;
    let deed = deed(row, turn)?;
    if let Some(run) = subject.run() {
        return run::turn(conn, &deed, run);
    }
    let targets = target_store::waiting_after(conn, deed.job(), 0, turn.most)?;
    let acted = on_all(conn, &deed, &subject, &targets)?;
    Ok(Acted { targets, ..acted })
}

/// Gives up what the server fails at each time.
pub(super) fn give_up(conn: &mut Conn, row: &JobRow, turn: &Turn) -> Result<Acted, Error> {
    let deed = deed(row, turn)?;
    let targets = match deed.kind.about() {
        JobAbout::Run => run::first(conn, &deed)?,
        JobAbout::Status | JobAbout::Tag | JobAbout::Group | JobAbout::Version => {
            target_store::waiting_after(conn, deed.job(), 0, turn.most)?
        }
    };
    let mut acted = Acted::default();
    for target in targets {
        acted.add(
            target,
            Verdict::Failed("the server failed; its log says more".to_owned()),
        );
    }
    Ok(acted)
}

fn deed<'a>(row: &'a JobRow, turn: &'a Turn) -> Result<Deed<'a>, Error> {
    let actor = Actor {
        name: row.created_by.clone(),
        address: row.created_from.clone(),
    };
    Ok(Deed {
        row,
        kind: view::kind(row)?,
        actor,
        turn,
    })
}

/// Does it to these systems.
fn on_all(
    conn: &mut Conn,
    deed: &Deed<'_>,
    subject: &Subject,
    targets: &[TargetRow],
) -> Result<Acted, Error> {
    match subject {
        Subject::Status => status::change(conn, deed, targets),
        Subject::Tag(tag) => tags::change(conn, deed, tag, &systems(targets)),
        Subject::Group(group) => members::change(conn, deed, *group, &systems(targets)),
        Subject::Run(_) => Err(Error::internal("what is run is not done in one transaction")),
        Subject::Version(version) => upgrades::queue(conn, deed, version.as_deref(), &systems(targets)),
    }
}

fn systems(targets: &[TargetRow]) -> Vec<SystemId> {
    targets.iter().map(|target| SystemId(target.system_id)).collect()
}

/// After the commit: those who wait for such a change, or show it, are told.
pub(super) fn tell(app: &App, step: &Step) {
    match step.kind.about() {
        JobAbout::Status => status::tell(app, step),
        JobAbout::Run => run::tell(app, step.organization_id, &step.told),
        JobAbout::Tag | JobAbout::Group => {
            app.events.listed_all(step.organization_id, &step.changed);
            if step.moved || step.kind.about() == JobAbout::Group {
                app.events.groups(step.organization_id);
            }
        }
        JobAbout::Version => upgrades::tell(app, step),
    }
}
