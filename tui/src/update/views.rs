//! What the server says about how lists are looked at.

use super::{session, sorting};
use crate::clock::Moment;
use crate::message::{Effect, ViewReply};
use crate::model::{Dirty, State};

/// An answer.
pub(super) fn reply(state: &mut State, reply: ViewReply, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Data);
    match reply {
        ViewReply::Fields(Ok(fields)) => {
            state.views.fields = fields;
            Vec::new()
        }
        ViewReply::Fields(Err(failure)) => session::failed(state, "fields", &failure, now),
        ViewReply::Ordered { sort, result } => sorting::ordered(state, &sort, result, now),
    }
}
