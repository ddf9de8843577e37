//! What an administrator may decide of a system, and why not: pure, for one system and for many alike.

use crate::certificates::Reason;
use crate::error::Error;
use scm_protocol::identity::Fingerprint;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;

/// What an administrator does with a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Pending becomes Active.
    Approve,
    /// A Pending request is deleted.
    Reject,
    /// The key is blocked.
    Deny,
    /// Active is cut off.
    Revoke,
    /// Revoked becomes Active, Denied becomes Pending.
    Restore,
    /// The system is removed.
    Delete,
}

/// What becomes of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Becomes(SystemStatus),
    Goes,
}

impl Decision {
    /// The effect on a system of that status, or why there is none.
    pub(super) fn effect(self, status: SystemStatus) -> Result<Effect, &'static str> {
        use SystemStatus::{Active, Denied, Pending, Revoked};
        match (self, status) {
            (Decision::Approve, Pending) => Ok(Effect::Becomes(Active)),
            (Decision::Approve, _) => Err("only a pending system can be approved"),
            (Decision::Reject, Pending) => Ok(Effect::Goes),
            (Decision::Reject, _) => Err("only a pending system can be rejected; delete it instead"),
            (Decision::Deny, Denied) => Err("its key is denied already"),
            (Decision::Deny, _) => Ok(Effect::Becomes(Denied)),
            (Decision::Revoke, Active) => Ok(Effect::Becomes(Revoked)),
            (Decision::Revoke, _) => Err("only an active system can be revoked"),
            (Decision::Restore, Revoked) => Ok(Effect::Becomes(Active)),
            // Whoever was denied never was approved as what it is now: it waits again.
            (Decision::Restore, Denied) => Ok(Effect::Becomes(Pending)),
            (Decision::Restore, _) => Err("only a revoked or denied system can be restored"),
            (Decision::Delete, Denied) => {
                Err("deleting it would let its key register again; restore it first if that is wanted")
            }
            (Decision::Delete, _) => Ok(Effect::Goes),
        }
    }
}

impl Decision {
    /// Why the system's certificates are withdrawn with it, if they are.
    pub(super) fn withdraws(self) -> Option<Reason> {
        match self {
            Decision::Deny => Some(Reason::Denied),
            Decision::Revoke => Some(Reason::Revoked),
            Decision::Delete => Some(Reason::Deleted),
            Decision::Approve | Decision::Reject | Decision::Restore => None,
        }
    }
}

/// A system as the administrator was shown it; anything else than that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its id.
    pub id: SystemId,
    /// Its status.
    pub status: SystemStatus,
    /// Its key, where that was shown.
    pub fingerprint: Option<Fingerprint>,
}

/// Why a decision was not carried out on a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// There is no such system.
    Gone,
    /// It has another key than the one shown.
    OtherKey,
    /// It has another status than the one shown.
    OtherStatus {
        /// The status.
        now: SystemStatus,
        /// Whether the decision would have an effect on that status, too.
        fits: bool,
    },
    /// The decision has no effect on its status.
    Unfit {
        /// The status.
        now: SystemStatus,
        /// Why.
        reason: &'static str,
    },
}

impl Refused {
    /// What the administrator of one system is told.
    pub(super) fn into_error(self, id: SystemId) -> Error {
        let (code, detail) = match self {
            Refused::Gone => return Error::NotFound(format!("there is no system {id}")),
            Refused::OtherKey => (
                "fingerprint_changed",
                "the system has another key than the one you were shown; look at it again".to_owned(),
            ),
            Refused::OtherStatus { now, .. } => (
                "status_changed",
                format!("the system is {} by now; look at it again", now.as_str()),
            ),
            Refused::Unfit { now, reason } => (
                "wrong_status",
                format!("the system is {}: {reason}", now.as_str()),
            ),
        };
        Error::Conflict { code, detail }
    }
}

/// What a decision does to a system of this status, that was shown with that one; `key`: its fingerprint.
pub(super) fn check(
    (now, key): (SystemStatus, Fingerprint),
    decision: Decision,
    shown: &Shown,
) -> Result<Effect, Refused> {
    if shown.fingerprint.is_some_and(|fingerprint| fingerprint != key) {
        return Err(Refused::OtherKey);
    }
    let effect = decision.effect(now);
    if now != shown.status {
        let fits = effect.is_ok();
        return Err(Refused::OtherStatus { now, fits });
    }
    effect.map_err(|reason| Refused::Unfit { now, reason })
}

/// Whether another key may be asked of a system of this status, that was shown with that one; `key`: its fingerprint.
pub(super) fn may_rotate((now, key): (SystemStatus, Fingerprint), shown: &Shown) -> Result<(), Refused> {
    if shown.fingerprint.is_some_and(|fingerprint| fingerprint != key) {
        return Err(Refused::OtherKey);
    }
    let fits = now == SystemStatus::Active;
    if now != shown.status {
        return Err(Refused::OtherStatus { now, fits });
    }
    let reason = "only an active system gets another key";
    if fits {
        Ok(())
    } else {
        Err(Refused::Unfit { now, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_fits_some_statuses_only() {
        use Decision::*;
        let fits = |decision: Decision| {
            SystemStatus::ALL
                .into_iter()
                .filter(|s| decision.effect(*s).is_ok())
                .collect::<Vec<_>>()
        };
        assert_eq!(fits(Approve), [SystemStatus::Pending]);
        assert_eq!(fits(Reject), [SystemStatus::Pending]);
        assert_eq!(fits(Revoke), [SystemStatus::Active]);
        assert_eq!(fits(Restore), [SystemStatus::Revoked, SystemStatus::Denied]);
        assert!(!fits(Deny).contains(&SystemStatus::Denied) && !fits(Delete).contains(&SystemStatus::Denied));
        assert_eq!(
            Restore.effect(SystemStatus::Denied),
            Ok(Effect::Becomes(SystemStatus::Pending))
        );
    }

    #[test]
    fn what_is_another_than_shown_is_refused_before_anything_else() {
        use SystemStatus::{Active, Denied, Pending};
        let key = |byte| Fingerprint([byte; 32]);
        let shown = |status, fingerprint| Shown {
            id: SystemId(1),
            status,
            fingerprint,
        };
        let delete = |now, shown: Shown| check((now, key(1)), Decision::Delete, &shown);
        assert_eq!(delete(Pending, shown(Pending, Some(key(1)))), Ok(Effect::Goes));
        assert_eq!(
            delete(Pending, shown(Pending, Some(key(2)))),
            Err(Refused::OtherKey)
        );
        let changed = Refused::OtherStatus {
            now: Active,
            fits: true,
        };
        assert_eq!(delete(Active, shown(Pending, None)), Err(changed));
        let blocked = delete(Denied, shown(Denied, None)).unwrap_err();
        assert!(
            matches!(blocked, Refused::Unfit { now: Denied, .. }),
            "{blocked:?}"
        );
    }
}
