//! Held check-ins: an agent that is willing to wait is answered when there is something to tell it.
//!
//! Invariants: a check-in is stored before it is held, so nothing hangs on its reply; whoever begins to wait before the
//! check-in is decided misses no decision that comes after it; one request waits per system, a later one takes its place.

use scm_protocol::ids::SystemId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The longest that a check-in is held, in seconds: proxies give up after a minute.
const MAX_HOLD_SECS: u32 = 55;

/// The requests that wait.
#[derive(Debug, Default)]
pub struct Holds {
    waiting: Mutex<HashMap<SystemId, Waiter>>,
}

/// One that waits.
#[derive(Debug)]
struct Waiter {
    organization_id: i64,
    wake: oneshot::Sender<()>,
}

/// One system's place among those that wait; leaves it when dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    holds: &'a Holds,
    id: SystemId,
    woken: oneshot::Receiver<()>,
}

impl Holds {
    /// Takes the place of a system. To be done before its check-in is decided.
    pub(super) fn place(&self, organization_id: i64, id: SystemId) -> Place<'_> {
        let (wake, woken) = oneshot::channel();
        let waiter = Waiter {
            organization_id,
            wake,
        };
        self.lock().insert(id, waiter);
        Place {
            holds: self,
            id,
            woken,
        }
    }

    /// There is something to tell this system.
    pub(crate) fn wake(&self, id: SystemId) {
        if let Some(waiter) = self.lock().remove(&id) {
            let _ = waiter.wake.send(());
        }
    }

    /// There may be something to tell anybody.
    pub fn wake_all(&self) {
        let all = std::mem::take(&mut *self.lock());
        for (_, waiter) in all {
            let _ = waiter.wake.send(());
        }
    }

    /// There is something to tell every system of an organization: the key that signs what it is told is another one.
    pub fn wake_all_of(&self, organization_id: i64) {
        let theirs = self
            .lock()
            .extract_if(|_, waiter| waiter.organization_id == organization_id)
            .collect::<Vec<_>>();
        for (_, waiter) in theirs {
            let _ = waiter.wake.send(());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SystemId, Waiter>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Whose it is.
    pub(super) fn id(&self) -> SystemId {
        self.id
    }

    /// Waits for something to tell, for `hold_secs` at most; whether there is something. Ends at once, with nothing, when
    /// the server stops or the agent asks again meanwhile.
    pub(super) async fn wait(mut self, hold_secs: u32, mut stopping: watch::Receiver<bool>) -> bool {
        let limit = Duration::from_secs(u64::from(hold_secs.min(MAX_HOLD_SECS)));
        tokio::select! {
            woken = &mut self.woken => woken.is_ok(),
            _ = stopping.wait_for(|stop| *stop) => false,
            () = tokio::time::sleep(limit) => false,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.woken.close();
        let mut waiting = self.holds.lock();
        // Only its own place: a later request may have taken it.
        if waiting
            .get(&self.id)
            .is_some_and(|waiter| waiter.wake.is_closed())
        {
            waiting.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SystemId = SystemId(7);
    const ORGANIZATION: i64 = 1;

    fn running() -> (watch::Sender<bool>, watch::Receiver<bool>) {
        watch::channel(false)
    }

    #[tokio::test]
    async fn a_decision_between_placing_and_waiting_is_not_missed() {
        let holds = Holds::default();
        let (_stop, stopping) = running();
        let place = holds.place(ORGANIZATION, ID);
        holds.wake(ID);
        assert!(place.wait(50, stopping).await);
        assert!(holds.lock().is_empty());
    }

    #[tokio::test]
    async fn what_concerns_an_organization_wakes_all_of_it_and_nobody_else() {
        let holds = Holds::default();
        let (_stop, stopping) = running();
        let ours = holds.place(ORGANIZATION, ID);
        let theirs = holds.place(2, SystemId(8));
        holds.wake_all_of(ORGANIZATION);
        assert!(ours.wait(50, stopping.clone()).await);
        assert!(!theirs.wait(0, stopping).await);
        assert!(holds.lock().is_empty());
    }

    #[tokio::test]
    async fn nothing_to_tell_ends_with_the_time() {
        let holds = Holds::default();
        let (_stop, stopping) = running();
        holds.wake(ID);
        assert!(!holds.place(ORGANIZATION, ID).wait(0, stopping).await);
        assert!(holds.lock().is_empty());
    }

    #[tokio::test]
    async fn a_later_request_takes_the_place() {
        let holds = Holds::default();
        let (_stop, stopping) = running();
        let first = holds.place(ORGANIZATION, ID);
        let second = holds.place(ORGANIZATION, ID);
        assert!(!first.wait(50, stopping.clone()).await);
        holds.wake(ID);
        assert!(second.wait(50, stopping).await);
        assert!(holds.lock().is_empty());
    }

    #[tokio::test]
    async fn stopping_lets_everybody_go() {
        let holds = Holds::default();
        let (stop, stopping) = running();
        let place = holds.place(ORGANIZATION, ID);
        stop.send(true).unwrap();
        assert!(!place.wait(50, stopping).await);
    }
}
