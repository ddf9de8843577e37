//! The page of packages, rollouts and upgrades: reading, moving, and the question before something is stopped or goes on.

use super::{call, questions, rollout_form, session};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{Call, Effect, Failure, Steer, UpgradeCall, UpgradeReply};
use crate::model::{
    ARM_MS, Dirty, Focus, Page, State, ToastKind, UpgradeAsked, UpgradeItem, UpgradeQuestion,
};
use scm_protocol::events;
use scm_protocol::ids::RolloutId;
use scm_protocol::upgrades::rollout::{Rollout, RolloutState};

/// Lists that are read together.
const LISTS: u8 = 3;

/// A question about upgrades.
pub(super) fn ask(state: &State, question: UpgradeCall) -> Effect {
    call(state, Call::Upgrade(question))
}

/// An answer.
pub(super) fn reply(state: &mut State, answer: UpgradeReply, now: Moment) -> Vec<Effect> {
    match answer {
        UpgradeReply::Packages(list) => {
            let list = list.map(|list| state.upgrades.packages = list.items);
            read(state, list, now)
        }
        UpgradeReply::Rollouts(page) => {
            let page = page.map(|page| {
                super::replies::told(state, page.server_time_ms, now);
                state.upgrades.put_rollouts(page.items);
            });
            read(state, page, now)
        }
        UpgradeReply::List { only, page } => {
            let page = page.map(|page| {
                super::replies::told(state, page.server_time_ms, now);
                if only == state.upgrades.only {
                    state.upgrades.put_upgrades(page.items);
                }
            });
            read(state, page, now)
        }
        UpgradeReply::Steered { id, what, result } => steered(state, id, what, result, now),
        UpgradeReply::Cancelled(result) => cancelled(state, result, now),
        UpgradeReply::Counted { ticket, count } => rollout_form::counted(state, ticket, count, now),
        UpgradeReply::Created { ticket, created } => rollout_form::created(state, ticket, created, now),
    }
}

/// Reads what there is to upgrade to: the lists of systems show it.
pub(super) fn fetch_packages(state: &State) -> Vec<Effect> {
    if state.obstacle("packages.list").is_some() {
        return Vec::new();
    }
    vec![ask(state, UpgradeCall::Packages)]
}

/// Reads everything; while it is being read, once more afterwards.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    if state.obstacle("upgrades.list").is_some() {
        return Vec::new();
    }
    if state.upgrades.reading > 0 {
        state.upgrades.again = true;
        return Vec::new();
    }
    state.upgrades.reading = LISTS;
    let only = state.upgrades.only;
    vec![
        ask(state, UpgradeCall::Packages),
        ask(state, UpgradeCall::Rollouts),
        ask(state, UpgradeCall::List(only)),
    ]
}

/// The server says that upgrades went on: read where somebody looks.
pub(super) fn changed(state: &mut State, change: &events::Change) -> Vec<Effect> {
    if change.commands && state.page == Page::Upgrades {
        fetch(state)
    } else {
        Vec::new()
    }
}

fn read(state: &mut State, result: Result<(), Failure>, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Data);
    let view = &mut state.upgrades;
    view.reading = view.reading.saturating_sub(1);
    let last = view.reading == 0;
    match result {
        Ok(()) => {
            if last {
                view.complete = true;
                view.error = None;
            }
            if last && std::mem::take(&mut view.again) {
                return fetch(state);
            }
            Vec::new()
        }
        Err(failure) => {
            view.error = Some(failure.to_string());
            session::failed(state, "upgrades", &failure, now)
        }
    }
}

/// Moves the cursor.
pub(super) fn scroll(state: &mut State, action: Action) -> Vec<Effect> {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME)).max(1);
    let at = state.upgrades.position();
    let place = match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX / 2,
        _ => at,
    };
    state.upgrades.go(place);
    Vec::new()
}

/// Whether an action is about what is under the cursor, which must be what was drawn.
pub(super) fn acts(action: Action) -> bool {
    matches!(
        action,
        Action::OpenRollout
            | Action::HaltRollout
            | Action::ResumeRollout
            | Action::AdvanceRollout
            | Action::StopUpgrade
    )
}

/// A key of the page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    if action == Action::NewRollout {
        return rollout_form::open(state, now);
    }
    let drawn = state.upgrades.drawn == state.upgrades.cursor();
    let Some(item) = state.upgrades.cursor() else {
        state.toast(ToastKind::Note, "there is nothing here", now);
        return Vec::new();
    };
    if !drawn {
        state.toast(ToastKind::Note, "look where the cursor is now", now);
        return Vec::new();
    }
    match (item, action) {
        (UpgradeItem::Rollout(id), Action::OpenRollout) => narrow(state, id),
        (UpgradeItem::Upgrade(_), Action::OpenRollout) => {
            state.upgrades.only = None;
            fetch(state)
        }
        (UpgradeItem::Rollout(id), Action::HaltRollout) => ask_whether(state, id, Steer::Halt, now),
        (UpgradeItem::Rollout(id), Action::ResumeRollout) => ask_whether(state, id, Steer::Resume, now),
        (UpgradeItem::Rollout(id), Action::AdvanceRollout) => ask_whether(state, id, Steer::Advance, now),
        (UpgradeItem::Rollout(id), Action::StopUpgrade) => ask_whether(state, id, Steer::Abort, now),
        (UpgradeItem::Upgrade(_), Action::StopUpgrade) => ask_to_cancel(state, item, now),
        _ => {
            state.toast(
                ToastKind::Note,
                "this is for rollouts: an upgrade is stopped with x",
                now,
            );
            Vec::new()
        }
    }
}

/// Only the upgrades of this rollout, or all of them again.
fn narrow(state: &mut State, id: RolloutId) -> Vec<Effect> {
    let view = &mut state.upgrades;
    view.only = if view.only == Some(id) { None } else { Some(id) };
    fetch(state)
}

/// Why that cannot be done with a rollout in that state.
fn unfit(rollout: &Rollout, what: Steer) -> Option<String> {
    let fits = match what {
        Steer::Halt => matches!(rollout.state, RolloutState::Running | RolloutState::Waiting),
        Steer::Resume => rollout.state == RolloutState::Halted,
        Steer::Advance => rollout.state == RolloutState::Waiting,
        Steer::Abort => !rollout.state.is_over(),
    };
    (!fits).then(|| format!("is {}", rollout.state.as_str()))
}

fn ask_whether(state: &mut State, id: RolloutId, what: Steer, now: Moment) -> Vec<Effect> {
    let Some(rollout) = state.upgrades.rollout(id).cloned() else {
        return Vec::new();
    };
    let obstacle = state.obstacle(&format!("rollouts.{}", what.verb()));
    if let Some(reason) = obstacle.or_else(|| unfit(&rollout, what)) {
        let text = format!("{}: rollout {id}: {reason}", what.verb());
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    open_question(state, UpgradeAsked::Steer(Box::new(rollout), what))
}

fn ask_to_cancel(state: &mut State, item: UpgradeItem, now: Moment) -> Vec<Effect> {
    let UpgradeItem::Upgrade(id) = item else {
        return Vec::new();
    };
    let Some(upgrade) = state.upgrades.upgrade(id).cloned() else {
        return Vec::new();
    };
    let over = upgrade.state.is_over().then(|| "is over already".to_owned());
    if let Some(reason) = state.obstacle("commands.cancel").or(over) {
        state.toast(ToastKind::Error, format!("upgrade {id}: {reason}"), now);
        return Vec::new();
    }
    open_question(state, UpgradeAsked::Cancel(Box::new(upgrade)))
}

fn open_question(state: &mut State, asked: UpgradeAsked) -> Vec<Effect> {
    state.upgrades.question = Some(UpgradeQuestion {
        asked,
        focus: Focus::Cancel,
        shown_at: None,
    });
    Vec::new()
}

/// Whether a question takes the keys.
pub(super) fn question_open(state: &State) -> bool {
    state.upgrades.question.is_some() && state.page == Page::Upgrades
}

/// A key in the question.
pub(super) fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        state.upgrades.question = None;
        return Vec::new();
    }
    let Some(question) = &mut state.upgrades.question else {
        return Vec::new();
    };
    if question
        .shown_at
        .is_none_or(|shown| press.at < shown.plus(ARM_MS))
    {
        return Vec::new();
    }
    let answer = questions::question_key(press.key, &mut question.focus, &mut None);
    let Some(yes) = answer else {
        return Vec::new();
    };
    let asked = state.upgrades.question.take().map(|question| question.asked);
    match asked {
        Some(UpgradeAsked::Steer(rollout, what)) if yes => {
            let id = rollout.id;
            vec![ask(state, UpgradeCall::Steer { id, what })]
        }
        Some(UpgradeAsked::Cancel(upgrade)) if yes => vec![ask(state, UpgradeCall::Cancel(upgrade.command))],
        _ => Vec::new(),
    }
}

fn steered(
    state: &mut State,
    id: RolloutId,
    what: Steer,
    result: Result<Box<Rollout>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(rollout) => {
            let text = format!("{}: rollout {id} is {}", what.verb(), rollout.state.as_str());
            state.upgrades.put_rollout(*rollout);
            state.toast(ToastKind::Done, text, now);
            fetch(state)
        }
        Err(failure) => failed(state, failure, now),
    }
}

fn cancelled(state: &mut State, result: Result<(), Failure>, now: Moment) -> Vec<Effect> {
    match result {
        Ok(()) => {
            let text = "the upgrade is stopped, where its system has not begun to restart";
            state.toast(ToastKind::Done, text, now);
            fetch(state)
        }
        Err(failure) => failed(state, failure, now),
    }
}

fn failed(state: &mut State, failure: Failure, now: Moment) -> Vec<Effect> {
    if let Failure::Unauthorized(reason) = failure {
        return session::lost(state, &reason);
    }
    state.toast(ToastKind::Error, failure.to_string(), now);
    fetch(state)
}
