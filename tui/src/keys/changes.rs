//! What changes a system: the lines of the menu of actions.

use super::Key::Char;
use super::binding::{Action, Binding, Danger, change};

/// In the order of the menu.
pub(super) const SYSTEMS: &[Binding] = &[
    change(
        Action::Approve,
        &[Char('a')],
        Danger::Affects,
        "systems.approve",
        "approve",
        "let a pending system in, after comparing its words",
    ),
    change(
        Action::Reject,
        &[Char('r')],
        Danger::Affects,
        "systems.reject",
        "reject",
        "delete a pending request; the machine may ask again",
    ),
    change(
        Action::Deny,
        &[Char('d')],
        Danger::Destructive,
        "systems.deny",
        "deny",
        "block a system's key for good",
    ),
    change(
        Action::Revoke,
        &[Char('v')],
        Danger::Affects,
        "systems.revoke",
        "revoke",
        "cut an active system off at once; its history stays",
    ),
    change(
        Action::Restore,
        &[Char('s')],
        Danger::Reversible,
        "systems.restore",
        "restore",
        "let a revoked system in again, or a denied one wait again",
    ),
    change(
        Action::Delete,
        &[Char('x')],
        Danger::Destructive,
        "systems.delete",
        "delete",
        "remove a system and its history",
    ),
    change(
        Action::Split,
        &[Char('i')],
        Danger::Affects,
        "systems.split",
        "split",
        "two machines, one identity: the quarantined one registers anew",
    ),
    change(
        Action::Swap,
        &[Char('w')],
        Danger::Affects,
        "systems.swap",
        "swap",
        "the quarantined machine is the right one: quarantine the other",
    ),
    change(
        Action::Dismiss,
        &[Char('m')],
        Danger::Affects,
        "systems.dismiss",
        "dismiss",
        "both are one machine (a restored snapshot): let it speak again",
    ),
];
