//! What the server says.

use super::{
    access, access_form, audit, backups, call, changes, commands, fetch, groups, job_pages, jobs, lists,
    new_system, session, settings, signing, token_form, token_secret, tokens, views,
};
use crate::clock::Moment;
use crate::message::{Call, Effect, Failure, Reply};
use crate::model::{Dirty, Overlay, Page, ServerClock, State, ToastKind};
use scm_protocol::events;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{SystemDetail, SystemPage};

/// The list is tried again this long after a failure, in milliseconds.
const LIST_RETRY_MS: u64 = 5_000;
/// Details of this many systems are kept.
const MAX_DETAILS: usize = 64;

pub(super) fn reply(state: &mut State, reply: Reply, now: Moment) -> Vec<Effect> {
    match reply {
        Reply::Connected(result) => session::connected(state, result),
        Reply::SetupState(answer) => session::setup_state(state, answer, now),
        Reply::Session(answer) => super::login::answered(state, answer, now),
        Reply::Overview(Ok(overview)) => {
            told(state, overview.server_time_ms, now);
            state.server_version = Some(crate::model::clean(&overview.version));
            state.overview = Some(*overview);
            Vec::new()
        }
        Reply::Overview(Err(failure)) => session::failed(state, "dashboard", &failure, now),
        Reply::List { round, page } => list(state, round, page, now),
        Reply::Rows { ids, page } => rows(state, &ids, page, now),
        Reply::Detail { id, detail: answer } => detail(state, id, answer, now),
        Reply::Gathered { ticket, id, detail } => changes::gathered(state, ticket, id, detail, now),
        Reply::Changed { ticket, id, result } => changes::changed(state, ticket, id, result, now),
        Reply::History { id, range, history } => match history {
            Ok(history) => {
                if (state.page, state.detail.range) == (Page::System(id), range) {
                    state.detail.history = Some((id, range, history));
                    state.mark(Dirty::Data);
                }
                Vec::new()
            }
            Err(failure) if failure.status() == Some(404) => Vec::new(),
            Err(failure) => session::failed(state, "history", &failure, now),
        },
        Reply::Audit { round, older, page } => audit::listed(state, (round, older), page, now),
        Reply::AuditChain(chain) => audit::chain(state, chain, now),
        Reply::AuditForwarding(forwarding) => audit::forwarding(state, forwarding, now),
        Reply::Exporting { ticket, bytes } => audit::exporting(state, ticket, bytes),
        Reply::Exported { ticket, result } => audit::exported(state, ticket, result, now),
        Reply::SecondFactorRequired => super::login::second_factor_required(state),
        Reply::AgentKeys(keys) => access_form::agent(state, keys),
        Reply::Account(second_factor) => access_form::account(state, second_factor, now),
        Reply::AccessList { tab, page } => access::listed(state, tab, page, now),
        Reply::AccessChanged { ticket, done, result } => {
            access_form::changed(state, ticket, done, result, now)
        }
        Reply::Tokens(page) => tokens::listed(state, page, now),
        Reply::TokenCreated { ticket, created } => token_form::created(state, ticket, created, now),
        Reply::TokenChanged {
            id,
            name,
            change,
            result,
        } => tokens::changed(state, (id, name, change), result, now),
        Reply::Bootstrap { ticket, made } => new_system::made(state, ticket, made, now),
        Reply::ConfigWritten(path) => new_system::written(state, path),
        Reply::Backup(answer) => backups::reply(state, answer, now),
        Reply::Command(answer) => commands::reply(state, answer, now),
        Reply::Upgrade(answer) => super::upgrades::reply(state, answer, now),
        Reply::Group(answer) => groups::reply(state, answer, now),
        Reply::View(answer) => views::reply(state, answer, now),
        Reply::SecretWritten { stem, path } => token_secret::written(state, &stem, path),
        Reply::Jobs(page) => jobs::listed(state, page, now),
        Reply::JobTargets { id, cursor, page } => job_pages::targets(state, (id, cursor), page, now),
        Reply::JobFailed { id, page } => jobs::failed_read(state, id, page, now),
        Reply::JobCreated { ticket, created } => jobs::created(state, ticket, created, now),
        Reply::JobChanged { id, change, result } => jobs::job_changed(state, (id, change), result, now),
        Reply::Settings(answer) => settings::listed(state, answer, now),
        Reply::SettingChanged {
            ticket,
            name,
            before,
            reset,
            result,
        } => settings::changed(state, ticket, (name, before, reset), result, now),
        Reply::Signing(answer) => signing::reply(state, answer, now),
        Reply::Hello(hello) => {
            told(state, hello.server_time_ms, now);
            state.server_version = Some(crate::model::clean(&hello.version));
            session::stream_open(state);
            reread(state, now)
        }
        Reply::Change(change) => changed(state, &change, now),
        Reply::Late(late) => {
            state.late = if late {
                state.late + 1
            } else {
                state.late.saturating_sub(1)
            };
            state.mark(Dirty::Data);
            Vec::new()
        }
        Reply::StreamEnded(Failure::Unauthorized(reason)) => session::lost(state, &reason),
        Reply::StreamEnded(failure) => {
            session::wait(state, &failure, now);
            // Without the stream the list is still worth seeing.
            if state.fleet.complete || state.fleet.is_reading() {
                Vec::new()
            } else {
                fetch::read_list(state)
            }
        }
        Reply::Log(lines) => {
            if let Some(Overlay::Log { lines: shown, .. }) = &mut state.overlay {
                *shown = Some(lines);
                state.mark(Dirty::Key);
            }
            Vec::new()
        }
    }
}

pub(super) fn told(state: &mut State, at: UnixMillis, now: Moment) {
    state.clock = ServerClock::told(at, now);
    state.shown_at = Some(at);
    state.mark(Dirty::Data);
}

/// Everything shown is read again: after a connection, a pause, or on request.
pub(super) fn reread(state: &mut State, now: Moment) -> Vec<Effect> {
    let mut effects = fetch::read_list(state);
    state.audit.newer = true;
    effects.extend(fetch::page(state));
    if !state.jobs.watched.is_empty() {
        effects.extend(jobs::fetch(state));
    }
    effects.extend(fetch::history(state, now));
    effects
}

fn changed(state: &mut State, change: &events::Change, now: Moment) -> Vec<Effect> {
    if state.paused {
        return Vec::new();
    }
    if change.updated_overflow {
        state.fleet.mark_all_stale();
    }
    change.updated.iter().for_each(|id| state.fleet.mark_stale(*id));
    state.wanted.extend(&change.listed);
    if !change.listed.is_empty() {
        fetch::plan_rows(state, now);
    }
    if change.listed_overflow {
        state.timers.list.get_or_insert(now.plus(500));
    }
    let shown = state.shown_system();
    let touches = |id: SystemId| change.updated.contains(&id) || change.listed.contains(&id);
    if shown.is_some_and(|id| change.updated_overflow || touches(id)) {
        fetch::plan_detail(state, now);
    }
    fetch::look_around(state, now);
    fetch::plan_overview(state, now);
    if change.groups {
        fetch::plan_detail(state, now);
        state.systems.ask_again();
        state.pending.ask_again();
        lists::plan_question(state, now);
    }
    let mut effects = if change.jobs {
        jobs::changed(state)
    } else {
        Vec::new()
    };
    effects.extend(commands::changed(state, change));
    effects.extend(super::upgrades::changed(state, change));
    effects.extend(page_changed(state, change));
    effects
}

/// What the page shows is read again where it changed.
fn page_changed(state: &mut State, change: &events::Change) -> Vec<Effect> {
    if change.audit && state.page == Page::Access {
        return access::fetch(state);
    }
    if change.audit && state.page == Page::Backups {
        return backups::fetch(state);
    }
    if change.groups && state.page == Page::Groups {
        return groups::fetch(state);
    }
    if change.settings && state.page == Page::Settings {
        return settings::fetch(state);
    }
    if change.audit {
        if state.page == Page::Tokens {
            state.audit.newer = true;
            return tokens::fetch(state);
        }
        return audit::grown(state);
    }
    Vec::new()
}

fn list(state: &mut State, round: u64, page: Result<SystemPage, Failure>, now: Moment) -> Vec<Effect> {
    if round != state.fleet.round || !state.fleet.is_reading() {
        return Vec::new();
    }
    let page = match page {
        Ok(page) => page,
        Err(failure) => {
            state.fleet.abandon();
            state.timers.list = Some(now.plus(LIST_RETRY_MS));
            return session::failed(state, "systems", &failure, now);
        }
    };
    told(state, page.server_time_ms, now);
    state.fleet.total = page.total;
    let (added, moved) = state.fleet.put(&page.items);
    lists::appeared(state, &added, moved);
    match page.next_cursor {
        Some(cursor) => vec![call(
            state,
            Call::List {
                round,
                cursor: Some(cursor),
            },
        )],
        None => {
            let first = !state.fleet.complete;
            let gone = state.fleet.finish();
            lists::vanished(state, &gone);
            if first {
                lists::rebuild_all(state);
            }
            fetch::look_around(state, now);
            Vec::new()
        }
    }
}

fn rows(state: &mut State, ids: &[SystemId], page: Result<SystemPage, Failure>, now: Moment) -> Vec<Effect> {
    let page = match page {
        Ok(page) => page,
        Err(failure) => {
            // They are as wanted as before.
            ids.iter().for_each(|id| state.fleet.mark_stale(*id));
            let unknown = ids.iter().filter(|id| state.fleet.get(**id).is_none());
            state.wanted.extend(unknown);
            state.rows_fetched = now.plus(LIST_RETRY_MS);
            fetch::plan_rows(state, now);
            return session::failed(state, "systems", &failure, now);
        }
    };
    told(state, page.server_time_ms, now);
    let (added, moved) = state.fleet.put(&page.items);
    lists::appeared(state, &added, moved);
    let missing = |id: &SystemId| !page.items.iter().any(|item| item.id == *id);
    let gone: Vec<SystemId> = ids.iter().copied().filter(missing).collect();
    lists::vanished(state, &gone);
    fetch::look_around(state, now);
    Vec::new()
}

fn detail(
    state: &mut State,
    id: SystemId,
    answer: Result<Box<SystemDetail>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match answer {
        Ok(detail) => {
            if state.details.len() >= MAX_DETAILS {
                state.details.clear();
            }
            let (added, moved) = state.fleet.put(std::slice::from_ref(&detail.summary));
            lists::appeared(state, &added, moved);
            state.details.insert(id, *detail);
            if state.shown_system() == Some(id) {
                // The answer carries no clock of its own: ages move on by the console's.
                state.shown_at = state.clock.at(now).or(state.shown_at);
                state.mark(Dirty::Data);
            }
            Vec::new()
        }
        Err(failure) if failure.status() == Some(404) => {
            lists::vanished(state, &[id]);
            if state.page == Page::System(id) {
                state.detail.gone = true;
                state.toast(ToastKind::Note, "this system was deleted", now);
            }
            Vec::new()
        }
        Err(failure) => session::failed(state, "system", &failure, now),
    }
}
