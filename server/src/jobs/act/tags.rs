//! Jobs that put a tag on their systems, or take it off.

use super::{Acted, Deed, Verdict};
use crate::annotations::{self, TagOrder, Untagged};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::annotations::MAX_TAGS;
use scm_protocol::ids::SystemId;
use scm_protocol::jobs::JobKind;

/// Changes the tags of these systems.
pub(super) fn change(
    conn: &mut Conn,
    deed: &Deed<'_>,
    tag: &str,
    systems: &[SystemId],
) -> Result<Acted, Error> {
    let on = deed.kind == JobKind::Tag;
    let order = TagOrder {
        organization_id: deed.row.organization_id,
        tag,
        on,
        action: deed.kind.route(),
        actor: &deed.actor,
        job: deed.job(),
        now: deed.turn.now,
        rules: &deed.turn.rules,
    };
    let (outcomes, moved) = annotations::tag_many(conn, order, systems)?;
    let verdicts = outcomes.into_iter().map(|outcome| match outcome {
        Ok(()) => Verdict::Done,
        Err(Untagged::Gone) => Verdict::gone(),
        Err(Untagged::Already) if on => Verdict::Skipped("it has the tag already".to_owned()),
        Err(Untagged::Already) => Verdict::Skipped("it has not got the tag".to_owned()),
        Err(Untagged::Full) => Verdict::Failed(format!("it has {MAX_TAGS} tags, which is the most")),
    });
    Ok(Acted {
        verdicts: verdicts.collect(),
        moved,
        ..Acted::default()
    })
}
