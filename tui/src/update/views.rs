//! What the server says about how lists are looked at, and what is remembered of it from run to run.

use super::{call, list_export, lists, saved_filters, session, sorting};
use crate::clock::Moment;
use crate::message::{Call, Effect, ViewCall, ViewReply};
use crate::model::{Dirty, FilterHistory, State, ToastKind, ViewMemory};

/// What a session needs of it.
pub(super) fn begin(state: &State) -> Vec<Effect> {
    let mut effects = vec![call(state, Call::View(ViewCall::Fields))];
    effects.extend(saved_filters::fetch(state));
    effects.extend(who(state).map(|who| call(state, Call::View(ViewCall::Recall(who)))));
    effects
}

/// Whose eyes these are: a user of an organization at a server.
fn who(state: &State) -> Option<String> {
    let (server, session) = (state.server()?, state.session.as_ref()?);
    Some(format!(
        "{} {} {}",
        server.url, session.organization, session.username
    ))
}

/// Remembers columns, orders and filters for the next run.
pub(super) fn remember(state: &State) -> Vec<Effect> {
    let Some(who) = who(state) else {
        return Vec::new();
    };
    let memory = ViewMemory {
        columns: state
            .views
            .columns
            .iter()
            .map(|column| column.name().to_owned())
            .collect(),
        sort: state.systems.sort().kept(),
        pending_sort: state.pending.sort().kept(),
        filters: state.views.history.lines().to_vec(),
    };
    vec![call(state, Call::View(ViewCall::Remember { who, memory }))]
}

fn recalled(state: &mut State, memory: &ViewMemory, now: Moment) -> Vec<Effect> {
    state.views.columns = memory.columns();
    state.views.history = FilterHistory::of(&memory.filters);
    let [all, waiting] = memory.sorts();
    state.systems.set_sort(all);
    state.pending.set_sort(waiting);
    lists::rebuild_all(state);
    super::fetch::look_around(state, now);
    sorting::ask(state)
}

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
        ViewReply::Saved(list) => saved_filters::listed(state, list, now),
        ViewReply::SavedOne { ticket, result } => saved_filters::saved(state, ticket, result, now),
        ViewReply::Deleted { name, result } => saved_filters::deleted(state, &name, result, now),
        ViewReply::Recalled(Ok(Some(memory))) => recalled(state, &memory, now),
        ViewReply::Recalled(Ok(None)) | ViewReply::Remembered(Ok(())) => Vec::new(),
        ViewReply::Recalled(Err(reason)) | ViewReply::Remembered(Err(reason)) => {
            let text = format!("columns and orders are not remembered: {reason}");
            state.toast(ToastKind::Error, text, now);
            Vec::new()
        }
        ViewReply::Exported(result) => list_export::exported(state, result, now),
    }
}
