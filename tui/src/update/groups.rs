//! Groups: reading them, moving among them, and what their keys begin.

use super::{call, group_form, members, rule_editor, session, tokens};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press, binding};
use crate::message::{Call, Effect, Failure, GroupCall, GroupReply};
use crate::model::{
    Dirty, DualList, GroupForm, GroupFront, GroupQuestion, Page, RuleEditor, State, TextField, ToastKind,
    clean,
};
use scm_protocol::access;
use scm_protocol::groups::{Group, GroupKind, GroupList};

/// Asks about groups.
pub(super) fn ask(state: &State, question: GroupCall) -> Effect {
    call(state, Call::Group(question))
}

/// Reads the list; while it is being read, once more afterwards.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    if state.groups.reading {
        state.groups.again = true;
        return Vec::new();
    }
    state.groups.reading = true;
    vec![ask(state, GroupCall::List)]
}

/// What the server says.
pub(super) fn reply(state: &mut State, reply: GroupReply, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Data);
    match reply {
        GroupReply::List(answer) => listed(state, answer, now),
        GroupReply::Written {
            ticket,
            created,
            result,
        } => group_form::written(state, ticket, created, result, now),
        GroupReply::Deleted { name, result } => done(
            state,
            &format!("deleted {}", clean(&name)),
            &format!("delete {}", clean(&name)),
            result,
            now,
        ),
        GroupReply::Switched {
            name,
            enabled,
            result,
        } => {
            let name = clean(&name);
            let (past, verb) = if enabled {
                ("enabled", "enable")
            } else {
                ("disabled", "disable")
            };
            let moved = result.as_ref().map_or(String::new(), |saved| {
                format!(": {} joined, {} left", saved.joined, saved.left)
            });
            let said = format!("{past} the rule of {name}{moved}");
            done(
                state,
                &said,
                &format!("{verb} the rule of {name}"),
                result.map(drop),
                now,
            )
        }
        GroupReply::Members { id, result } => members::read(state, id, result, now),
        GroupReply::MembersChanged { id, result } => members::changed(state, id, result, now),
        GroupReply::Preview { round, result } => rule_editor::previewed(state, round, result, now),
        GroupReply::Explained(result) => rule_editor::explained(state, result, now),
        GroupReply::Saved { id, result } => rule_editor::saved(state, id, result, now),
        GroupReply::Matching { text, result } => super::lists::matching(state, &text, result, now),
        GroupReply::Counted { ticket, result } => super::bulk::counted(state, ticket, result, now),
        GroupReply::OfSystem { id, result } => match result {
            Ok(groups) => {
                state.detail.groups = Some((id, *groups));
                Vec::new()
            }
            Err(failure) if failure.status() == Some(404) => Vec::new(),
            Err(failure) => session::failed(state, "groups", &failure, now),
        },
        GroupReply::Tags { id, result } => super::annotations::tagged(state, id, result, now),
        GroupReply::Note { id, result } => super::annotations::noted(state, id, result, now),
    }
}

fn listed(state: &mut State, answer: Result<GroupList, Failure>, now: Moment) -> Vec<Effect> {
    state.groups.reading = false;
    let again = std::mem::take(&mut state.groups.again);
    match answer {
        Ok(list) => {
            state.groups.error = None;
            state.groups.put(list.items);
            if again { fetch(state) } else { Vec::new() }
        }
        Err(failure) => {
            state.groups.error = Some(failure.to_string());
            session::failed(state, "groups", &failure, now)
        }
    }
}

/// Says how a change ended, and reads the list again.
pub(super) fn done(
    state: &mut State,
    past: &str,
    verb: &str,
    result: Result<(), Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(()) => state.toast(ToastKind::Done, past, now),
        Err(Failure::Unauthorized(reason)) => return session::lost(state, &reason),
        Err(Failure::Unreachable(reason)) => {
            let text = format!("{verb}: no answer ({reason}): look before trying again");
            state.toast(ToastKind::Error, text, now);
        }
        Err(failure) => state.toast(ToastKind::Error, format!("could not {verb}: {failure}"), now),
    }
    fetch(state)
}

/// Moves the cursor.
pub(super) fn scroll(state: &mut State, action: Action) {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME)).max(1);
    let at = state.groups.position();
    state.groups.go(match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX,
        _ => at,
    });
}

/// Whether an action is about the group under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    matches!(
        action,
        Action::OpenGroup | Action::RenameGroup | Action::DeleteGroup | Action::SwitchRule
    )
}

/// Why an action cannot be done to a group; none when it can.
pub(super) fn obstacle(state: &State, action: Action, group: &Group) -> Option<String> {
    let plain = state.action_obstacle(action);
    let auto = group.kind == GroupKind::Auto;
    let role = state.session.as_ref().map(|session| session.role);
    let changes = matches!(action, Action::RenameGroup | Action::DeleteGroup);
    if plain.is_none() && auto && changes && role.is_some_and(|role| !access::allows(role, "rules.save")) {
        return Some("automatic groups need admin".to_owned());
    }
    plain.or_else(|| match (action, &group.rule) {
        (Action::SwitchRule, _) if !auto => Some("is a manual group and has no rule".to_owned()),
        (Action::SwitchRule, None) => Some("has no rule yet".to_owned()),
        _ => None,
    })
}

/// A key of the page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    if action == Action::NewGroup {
        if let Some(reason) = state.action_obstacle(action) {
            state.toast(ToastKind::Error, format!("new group: {reason}"), now);
        } else {
            state.groups.front = Some(GroupFront::Form(Box::new(GroupForm::empty())));
        }
        return Vec::new();
    }
    if !acts(action) {
        return Vec::new();
    }
    let Some(group) = state.groups.current().cloned() else {
        return Vec::new();
    };
    let verb = binding(action).map_or("", |line| line.name);
    let refusal = if state.groups.drawn == Some(group.id) {
        obstacle(state, action, &group)
    } else {
        Some("look where the cursor is now".to_owned())
    };
    if let Some(reason) = refusal {
        let text = format!("{verb}: {}: {reason}", clean(&group.name));
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    match action {
        Action::OpenGroup => open(state, &group, now),
        Action::RenameGroup => {
            state.groups.front = Some(GroupFront::Form(Box::new(GroupForm::of(&group))));
            Vec::new()
        }
        Action::SwitchRule => vec![ask(
            state,
            GroupCall::Switch {
                id: group.id,
                enabled: group.rule.as_ref().is_some_and(|rule| !rule.enabled),
                name: group.name,
            },
        )],
        _ => {
            state.groups.front = Some(GroupFront::Question(GroupQuestion {
                id: group.id,
                name: clean(&group.name),
                members: group.members,
                typed: TextField::default(),
                shown_at: None,
            }));
            Vec::new()
        }
    }
}

/// Opens who is in a manual group, or the rule of an automatic one.
pub(super) fn open(state: &mut State, group: &Group, now: Moment) -> Vec<Effect> {
    if group.kind == GroupKind::Manual {
        state.groups.front = Some(GroupFront::Members(Box::new(DualList::of(group))));
        return vec![ask(state, GroupCall::Members(group.id))];
    }
    let draft = state.groups.draft.take_if(|draft| draft.group == group.id);
    let editor = draft.unwrap_or_else(|| Box::new(RuleEditor::of(group)));
    state.groups.front = Some(GroupFront::Rule(editor));
    rule_editor::plan(state, now);
    Vec::new()
}

/// Whether something lies over the list and takes the keys.
pub(super) fn has_front(state: &State) -> bool {
    state.page == Page::Groups && state.groups.front.is_some()
}

/// A key while something lies over the list.
pub(super) fn front_key(state: &mut State, press: Press, now: Moment) -> Vec<Effect> {
    match state.groups.front {
        Some(GroupFront::Form(_)) => group_form::key(state, press.key),
        Some(GroupFront::Question(_)) => question_key(state, press),
        Some(GroupFront::Members(_)) => members::key(state, press.key, now),
        Some(GroupFront::Rule(_)) => rule_editor::key(state, press, now),
        None => Vec::new(),
    }
}

fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(GroupFront::Question(question)) = &mut state.groups.front else {
        return Vec::new();
    };
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        state.groups.front = None;
        return Vec::new();
    }
    if !tokens::armed(question.shown_at, press.at) {
        return Vec::new();
    }
    if press.key != Key::Enter {
        question.typed.key(press.key);
        return Vec::new();
    }
    if question.typed.text() != question.name {
        return Vec::new();
    }
    let (id, name) = (question.id, std::mem::take(&mut question.name));
    state.groups.front = None;
    vec![ask(state, GroupCall::Delete { id, name })]
}

/// The text that is being typed, for what is pasted.
pub(super) fn typed_into(front: &mut GroupFront) -> Option<&mut TextField> {
    match front {
        GroupFront::Form(form) => form.focused(),
        GroupFront::Question(question) => Some(&mut question.typed),
        GroupFront::Members(lists) => lists.filtering.then_some(&mut lists.filter),
        GroupFront::Rule(editor) => rule_editor::typed_into(editor),
    }
}
