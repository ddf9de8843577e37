//! Jobs that put their systems into a manual group, or take them out of it.

use super::{Acted, Deed, Verdict};
use crate::error::Error;
use crate::groups::{self, MemberOrder, Unmoved};
use crate::storage::Conn;
use scm_protocol::ids::{GroupId, SystemId};
use scm_protocol::jobs::JobKind;

/// Lets these systems join the group, or leave it.
pub(super) fn change(
    conn: &mut Conn,
    deed: &Deed<'_>,
    group: GroupId,
    systems: &[SystemId],
) -> Result<Acted, Error> {
    let joins = deed.kind == JobKind::GroupAdd;
    let order = MemberOrder {
        organization_id: deed.row.organization_id,
        group,
        joins,
        action: deed.kind.route(),
        actor: &deed.actor,
        job: deed.job(),
        now: deed.turn.now,
    };
    let outcomes = groups::move_many(conn, order, systems)?;
    let verdicts = outcomes.into_iter().map(|outcome| match outcome {
        Ok(()) => Verdict::Done,
        Err(Unmoved::Gone) => Verdict::gone(),
        Err(Unmoved::NoGroup) => Verdict::Failed("the group was deleted meanwhile".to_owned()),
        Err(Unmoved::Already) if joins => Verdict::Skipped("it is in the group already".to_owned()),
        Err(Unmoved::Already) => Verdict::Skipped("it is not in the group".to_owned()),
    });
    Ok(Acted {
        verdicts: verdicts.collect(),
        // Rules of automatic groups do not ask for other groups.
        ..Acted::default()
    })
}
