//! What a rollout does next: a pure function from where it stands.

/// Systems that are queued in one transaction.
const QUEUED_AT_ONCE: i64 = 200;

/// Where a running rollout stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Systems of this stage and those before that are not queued.
    pub waiting: i64,
    /// Upgrades of it that are queued or under way.
    pub under_way: i64,
    /// Those that failed, were rolled back or refused.
    pub failed: i64,
    /// Of those, the ones that count no more.
    pub forgiven: i64,
    /// How many may fail.
    pub budget: i64,
    /// How many may be under way at once.
    pub at_once: i64,
    /// Whether no stage follows.
    pub last_stage: bool,
    /// Whether the next stage begins by itself.
    pub automatic: bool,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Too many failed: so many since it last went on.
    Halt(i64),
    /// Queue so many more.
    Queue(i64),
    /// Wait for those that are under way.
    Nothing,
    /// The stage is done, and the next one begins.
    Advance,
    /// The stage is done, and somebody is to say that the next one may begin.
    Ask,
    /// It is done.
    Finish,
}

/// Decides. Failures come first: whatever else there is to do waits.
pub(super) fn next(standing: Standing) -> Next {
    let failed = standing.failed - standing.forgiven;
    if failed > standing.budget {
        return Next::Halt(failed);
    }
    let room = (standing.at_once - standing.under_way).min(QUEUED_AT_ONCE);
    if standing.waiting > 0 {
        return if room > 0 {
            Next::Queue(room.min(standing.waiting))
        } else {
            Next::Nothing
        };
    }
    match (standing.under_way, standing.last_stage, standing.automatic) {
        (1.., _, _) => Next::Nothing,
        (_, true, _) => Next::Finish,
        (_, false, true) => Next::Advance,
        (_, false, false) => Next::Ask,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRESH: Standing = Standing {
        waiting: 10,
        under_way: 0,
        failed: 0,
        forgiven: 0,
        budget: 1,
        at_once: 4,
        last_stage: false,
        automatic: false,
    };

    #[test]
    fn a_stage_is_queued_bit_by_bit_then_waited_for_then_asked_about() {
        assert_eq!(next(FRESH), Next::Queue(4));
        let of = |waiting, under_way| Standing {
            waiting,
            under_way,
            ..FRESH
        };
        assert_eq!(next(of(6, 3)), Next::Queue(1));
        assert_eq!(next(of(6, 4)), Next::Nothing);
        assert_eq!(next(of(2, 0)), Next::Queue(2));
        assert_eq!(next(of(0, 1)), Next::Nothing);
        assert_eq!(next(of(0, 0)), Next::Ask);
        let automatic = Standing {
            automatic: true,
            ..of(0, 0)
        };
        assert_eq!(next(automatic), Next::Advance);
        let last = Standing {
            last_stage: true,
            ..automatic
        };
        assert_eq!(next(last), Next::Finish);
    }

    #[test]
    fn more_failures_than_the_budget_halt_it_until_they_are_forgiven() {
        let of = |failed, forgiven| Standing {
            failed,
            forgiven,
            ..FRESH
        };
        assert_eq!(next(of(1, 0)), Next::Queue(4));
        assert_eq!(next(of(2, 0)), Next::Halt(2));
        assert_eq!(next(of(2, 2)), Next::Queue(4));
        assert_eq!(next(of(4, 2)), Next::Halt(2));
    }

    proptest! {
        #[test]
        fn no_more_are_ever_under_way_than_may_be(waiting in 0_i64..1000, under_way in 0_i64..1000, at_once in 1_i64..1000, failed in 0_i64..5) {
            let standing = Standing { waiting, under_way, at_once, failed, ..FRESH };
            if let Next::Queue(more) = next(standing) {
                prop_assert!(more > 0 && more <= waiting && under_way + more <= at_once && failed <= 1);
            }
        }
    }
}
