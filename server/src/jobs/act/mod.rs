//! What a job does to the systems of one transaction, and what came of each: by the room that owns what is changed.

mod members;
mod status;
mod tags;

use super::chunk::{Step, Turn};
use super::store::JobRow;
use super::subject::Subject;
use super::target_store::TargetRow;
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

/// What came of the systems of a transaction, in their order.
#[derive(Debug)]
pub(super) struct Acted {
    /// Of each.
    pub verdicts: Vec<Verdict>,
    /// Members of automatic groups changed with it.
    pub moved: bool,
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

/// Does it to these systems.
pub(super) fn on_all(
    conn: &mut Conn,
    row: &JobRow,
    targets: &[TargetRow],
    turn: &Turn,
) -> Result<Acted, Error> {
    let actor = Actor {
        name: row.created_by.clone(),
        address: row.created_from.clone(),
    };
    let deed = Deed {
        row,
        kind: view::kind(row)?,
        actor,
        turn,
    };
    match view::subject(row)? {
        Subject::Status => status::change(conn, &deed, targets),
        Subject::Tag(tag) => tags::change(conn, &deed, &tag, &systems(targets)),
        Subject::Group(group) => members::change(conn, &deed, group, &systems(targets)),
    }
}

fn systems(targets: &[TargetRow]) -> Vec<SystemId> {
    targets.iter().map(|target| SystemId(target.system_id)).collect()
}

/// After the commit: those who wait for such a change, or show it, are told.
pub(super) fn tell(app: &App, step: &Step) {
    match step.kind.about() {
        JobAbout::Status => status::tell(app, step),
        JobAbout::Tag | JobAbout::Group => {
            app.events.listed_all(step.organization_id, &step.changed);
            if step.moved || step.kind.about() == JobAbout::Group {
                app.events.groups(step.organization_id);
            }
        }
    }
}
