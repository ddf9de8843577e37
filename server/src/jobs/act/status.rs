//! Jobs that change the status of their systems: each is decided on as if it were alone.

use super::super::chunk::Step;
use super::super::target_store::TargetRow;
use super::super::view;
use super::{Acted, Deed, Verdict};
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use crate::systems::{self, Decision, Order, Refused, Shown};
use scm_protocol::jobs::JobKind;
use scm_protocol::systems::SystemStatus;

/// A system that is nothing for this job is left out; one that is not what was chosen is to be looked at.
fn verdict(refused: Refused, expected: SystemStatus) -> Verdict {
    match refused {
        Refused::Gone => Verdict::gone(),
        Refused::OtherKey => Verdict::Failed("it has another key than the one it was chosen with".to_owned()),
        Refused::OtherStatus { now, fits: true } => Verdict::Failed(format!(
            "it is {} and was {} when it was chosen: look at it again",
            now.as_str(),
            expected.as_str()
        )),
        Refused::OtherStatus { now, fits: false } => Verdict::Skipped(format!("it is {}", now.as_str())),
        Refused::Unfit { now, reason } => Verdict::Skipped(format!("it is {}: {reason}", now.as_str())),
    }
}

/// Decides on these systems.
pub(super) fn change(conn: &mut Conn, deed: &Deed<'_>, targets: &[TargetRow]) -> Result<Acted, Error> {
    let decision = decision(deed.kind)
        .ok_or_else(|| Error::internal(format!("job {} changes no status", deed.job())))?;
    let order = Order {
        organization_id: deed.row.organization_id,
        decision,
        action: deed.kind.route(),
        actor: &deed.actor,
        job: Some(deed.job()),
        now: deed.turn.now,
        rules: &deed.turn.rules,
    };
    let shown = targets.iter().map(|target| {
        let target = view::target(deed.job(), target.clone())?;
        Ok(Shown {
            id: target.system,
            status: target.expected_status,
            fingerprint: None,
        })
    });
    let shown: Vec<Shown> = shown.collect::<Result<_, Error>>()?;
    let decided = systems::decide(conn, order, &shown)?;
    let outcomes = decided.outcomes.into_iter().zip(&shown);
    let verdicts = outcomes.map(|(outcome, shown)| match outcome {
        Ok(()) => Verdict::Done,
        Err(refused) => verdict(refused, shown.status),
    });
    Ok(Acted {
        verdicts: verdicts.collect(),
        moved: decided.moved,
        ..Acted::default()
    })
}

/// After the commit.
pub(super) fn tell(app: &App, step: &Step) {
    if let Some(decision) = decision(step.kind) {
        systems::tell(app, step.organization_id, decision, &step.changed, step.moved);
    }
}

/// The decision on each system; none where the status is not what the job is about.
fn decision(kind: JobKind) -> Option<Decision> {
    Some(match kind {
        JobKind::Approve => Decision::Approve,
        JobKind::Reject => Decision::Reject,
        JobKind::Deny => Decision::Deny,
        JobKind::Revoke => Decision::Revoke,
        JobKind::Restore => Decision::Restore,
        JobKind::Delete => Decision::Delete,
        JobKind::Tag
        | JobKind::Untag
        | JobKind::GroupAdd
        | JobKind::GroupRemove
        | JobKind::RunAction
        | JobKind::Upgrade => {
            return None;
        }
    })
}
