//! The keys that matter while something lies over a page: pairs of keys and what they do.

use crate::model::{
    AccessFront, AuditFront, EditorMode, GroupFront, Offer, RunForm, RunManyForm, SavedMode, TokenFront,
};

/// Keys and what they do.
type Keys = &'static [(&'static str, &'static str)];

/// While a filter is typed.
pub(super) fn filter_keys(offer: &Offer) -> Keys {
    if offer.is_chosen() {
        &[("Tab Enter", "take it"), ("Down Up", "choose"), ("Esc", "close")]
    } else if offer.is_shown() {
        &[
            ("Tab", "take it"),
            ("Down Up", "choose"),
            ("Enter", "keep the filter"),
            ("Ctrl-U", "empty"),
        ]
    } else {
        &[
            ("Enter", "keep"),
            ("Ctrl-U", "empty"),
            ("Tab", "complete"),
            ("Ctrl-P", "before"),
            ("Down Up", "move"),
        ]
    }
}

/// Over the audit.
pub(super) fn audit_front_keys(front: AuditFront) -> Keys {
    match front {
        AuditFront::Search => &[
            ("Tab", "next field"),
            ("Enter", "search"),
            ("Ctrl-U", "empty"),
            ("Esc", "close"),
        ],
        AuditFront::Export => &[("Enter", "write it"), ("Ctrl-U", "empty"), ("Esc", "cancel")],
        AuditFront::Entry => &[("j k", "scroll"), ("Esc", "close")],
    }
}

/// Over a list: saved filters.
pub(super) fn saved_keys(mode: &SavedMode) -> Keys {
    match mode {
        SavedMode::List => &[
            ("j k", "choose"),
            ("Enter", "show"),
            ("n", "save the present one"),
            ("x", "delete"),
            ("Esc", "close"),
        ],
        SavedMode::Saving(_) => &[("Tab", "next field"), ("Enter", "save"), ("Esc", "back")],
        SavedMode::Deleting(_) => &[("Tab", "other button"), ("Enter", "press it"), ("Esc", "cancel")],
    }
}

/// Over the groups.
pub(super) fn group_front_keys(front: &GroupFront) -> Keys {
    match front {
        GroupFront::Form(_) => &[("Tab", "next field"), ("Enter", "go on"), ("Esc", "cancel")],
        GroupFront::Question(_) => &[("Enter", "confirm what was typed"), ("Esc", "cancel")],
        GroupFront::Members(lists) if lists.filtering => &[("Enter", "keep"), ("Ctrl-U", "empty")],
        GroupFront::Members(_) => &[
            ("Space", "move"),
            ("Tab", "other list"),
            ("/", "filter"),
            ("W", "save"),
            ("Esc", "back"),
        ],
        GroupFront::Rule(editor) => match editor.mode {
            EditorMode::Rows => &[
                ("Enter", "edit"),
                ("h l", "part"),
                ("a", "add"),
                ("x", "remove"),
                ("J K", "move"),
                ("=", "why?"),
                ("W", "save"),
                ("Esc", "back"),
            ],
            EditorMode::Typing => &[("Enter", "keep"), ("Ctrl-U", "empty")],
            EditorMode::Choosing { .. } => &[("j k", "choose"), ("Enter", "take it"), ("Esc", "cancel")],
            EditorMode::Asking(_) => &[("Enter", "ask"), ("Esc", "cancel")],
            EditorMode::Why(_) => &[("Esc", "back")],
            EditorMode::Confirming { .. } => &[("Enter", "confirm what was typed"), ("Esc", "cancel")],
        },
    }
}

/// Over the enrollment tokens.
pub(super) fn token_front_keys(front: TokenFront) -> Keys {
    match front {
        TokenFront::Secret => &[
            ("y", "copy"),
            ("w", "write to a file"),
            ("Space", "tick"),
            ("Enter", "done"),
        ],
        TokenFront::Question => &[("Enter", "confirm what was typed"), ("Esc", "cancel")],
        TokenFront::Form => &[
            ("Tab", "next field"),
            ("Enter", "go on"),
            ("Esc", "close, keeping what is typed"),
        ],
    }
}

/// Over the page of users.
pub(super) fn access_front_keys(front: AccessFront, typed: bool) -> Keys {
    match front {
        AccessFront::Question if typed => &[("Enter", "confirm what was typed"), ("Esc", "cancel")],
        AccessFront::Question => &[("Tab", "other button"), ("Enter", "press it"), ("Esc", "cancel")],
        AccessFront::Form => &[("Tab", "next field"), ("Enter", "go on"), ("Esc", "close")],
    }
}

/// Keys of the form that runs an action.
pub(super) fn run_form_keys(form: &RunForm) -> Keys {
    let Some(filling) = &form.filling else {
        return &[("j k", "move"), ("Enter", "choose"), ("Esc", "back")];
    };
    match &filling.confirm {
        None => &[("Tab", "next field"), ("Enter", "go on"), ("Esc", "back")],
        Some(confirm) if confirm.typed.is_some() => &[("Enter", "confirm what was typed"), ("Esc", "back")],
        Some(_) => &[("Tab", "other button"), ("Enter", "press it"), ("Esc", "back")],
    }
}

/// Keys of the form that runs an action on many.
pub(super) fn run_many_keys(form: &RunManyForm) -> Keys {
    match form.filling {
        None => &[("Down Up", "move"), ("Enter", "choose"), ("Esc", "cancel")],
        Some(_) => &[("Tab", "next field"), ("Enter", "go on"), ("Esc", "back")],
    }
}
