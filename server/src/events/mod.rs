//! What changed, told to the consoles that listen: gathered for half a second, then sent as one server-sent event.
//!
//! Events say that something changed, never what it is now: a console asks for what it shows, under its own rights. A
//! listener that falls behind is told that it missed something; it never holds anybody up. What happens here is also
//! there to be passed on to other replicas ([`ToTell`]), and what they pass on is heard as if it had happened here.

mod marks;
pub mod routes;

pub use marks::{Marked, Marks};

use scm_protocol::events::{Change, MAX_CHANGED_IDS};
use scm_protocol::ids::SystemId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Notices that may wait for a slow listener.
const BACKLOG: usize = 1024;

/// One thing that changed; the number is that of the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// Systems sent telemetry, or fell silent.
    Updated(i64, Vec<SystemId>),
    /// More systems than can be named did.
    ManyUpdated(i64),
    /// Systems appeared, went, or changed their status.
    Listed(i64, Vec<SystemId>),
    /// An audit entry was added.
    Audit(i64),
    /// A setting was changed.
    Settings(i64),
    /// A bulk job was created, went on or ended.
    Jobs(i64),
    /// A command was created, went on or ended, or a system offers other actions.
    Commands(i64),
    /// A session, a role or a token was changed.
    Access(i64),
    /// A group, its members, its rule or tags were changed.
    Groups(i64),
    /// There is something to tell these systems: their check-ins are held no longer.
    Wake(Vec<SystemId>),
    /// There is something to tell every system: the organization has another signing key.
    WakeAll(i64),
    /// Notices were lost: anything may have changed.
    Missed,
}

/// A notice, and where it comes from.
#[derive(Clone, Debug)]
struct Told {
    notice: Notice,
    /// Another replica passed it on.
    elsewhere: bool,
}

/// What a listener is woken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Something changed.
    Change(Change),
    /// A session, a role or a token changed: whoever listens has to show again that they may.
    Access,
}

/// The stream of changes.
#[derive(Clone, Debug)]
pub struct Events {
    sender: broadcast::Sender<Told>,
    marks: Arc<Marks>,
}

impl Default for Events {
    fn default() -> Self {
        Events {
            sender: broadcast::channel(BACKLOG).0,
            marks: Arc::default(),
        }
    }
}

impl Events {
    /// Whether anybody listens.
    pub fn has_listeners(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Systems of an organization sent telemetry, or fell silent.
    pub fn updated(&self, organization_id: i64, systems: &[SystemId]) {
        if self.has_listeners() {
            self.tell(Notice::Updated(organization_id, systems.into()));
        }
    }

    /// A system appeared, went, or changed its status; that is audited, too.
    pub fn listed(&self, organization_id: i64, system: SystemId) {
        self.listed_all(organization_id, &[system]);
    }

    /// As [`Events::listed`], for many at once.
    pub fn listed_all(&self, organization_id: i64, systems: &[SystemId]) {
        self.tell(Notice::Listed(organization_id, systems.into()));
        self.audited(organization_id);
    }

    /// An audit entry was added.
    pub fn audited(&self, organization_id: i64) {
        self.tell(Notice::Audit(organization_id));
    }

    /// A setting was changed.
    pub fn settings(&self, organization_id: i64) {
        self.tell(Notice::Settings(organization_id));
        self.audited(organization_id);
    }

    /// A group, its members, its rule or tags were changed.
    pub fn groups(&self, organization_id: i64) {
        self.tell(Notice::Groups(organization_id));
        self.audited(organization_id);
    }

    /// Somebody's access changed; that is audited, too.
    pub fn access_changed(&self, organization_id: i64) {
        self.tell(Notice::Access(organization_id));
        self.audited(organization_id);
    }

    /// A bulk job was created, went on or ended.
    pub fn jobs(&self, organization_id: i64) {
        self.tell(Notice::Jobs(organization_id));
    }

    /// There is something to tell these systems.
    pub fn woken(&self, systems: &[SystemId]) {
        self.tell(Notice::Wake(systems.into()));
    }

    /// There is something to tell every system of an organization.
    pub fn all_woken(&self, organization_id: i64) {
        self.tell(Notice::WakeAll(organization_id));
    }

    /// What changed since somebody who keeps the fleet in memory last looked.
    pub fn marks(&self) -> Arc<Marks> {
        Arc::clone(&self.marks)
    }

    fn tell(&self, notice: Notice) {
        self.marks.note(&notice, false);
        // Nobody listening is no error.
        let _ = self.sender.send(Told {
            notice,
            elsewhere: false,
        });
    }

    /// Another replica passed this on.
    pub fn heard(&self, notice: Notice) {
        self.marks.note(&notice, true);
        let _ = self.sender.send(Told {
            notice,
            elsewhere: true,
        });
    }

    /// Listens to what happens here, to pass it on.
    pub fn to_tell(&self) -> ToTell {
        ToTell(self.sender.subscribe())
    }

    /// A command was created, went on or ended, or a system offers other actions.
    pub fn commands(&self, organization_id: i64) {
        self.tell(Notice::Commands(organization_id));
    }

    /// Listens to one organization.
    pub fn listen(&self, organization_id: i64) -> Listener {
        Listener {
            organization_id,
            receiver: self.sender.subscribe(),
            access: false,
            gathered: Change::default(),
        }
    }
}

/// What happens on this replica.
#[derive(Debug)]
pub struct ToTell(broadcast::Receiver<Told>);

impl ToTell {
    /// Waits for the next notice; none when the server ends.
    pub async fn next(&mut self) -> Option<Notice> {
        loop {
            match self.0.recv().await {
                Ok(Told {
                    notice,
                    elsewhere: false,
                }) => return Some(notice),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return Some(Notice::Missed),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// One console's end of the stream.
#[derive(Debug)]
pub struct Listener {
    organization_id: i64,
    receiver: broadcast::Receiver<Told>,
    /// Access changed, and was not told yet.
    access: bool,
    /// Gathered, and not told yet.
    gathered: Change,
}

impl Listener {
    /// Waits for a change, gathers what follows within `gather`, and returns it all; nothing when the server stops. What
    /// concerns access is told at once. What was gathered when the wait is given up is kept for the next one.
    pub async fn next(&mut self, gather: std::time::Duration) -> Option<News> {
        while self.gathered == Change::default() && !self.access {
            let notice = self.receiver.recv().await;
            self.add(notice)?;
        }
        let deadline = tokio::time::Instant::now() + gather;
        while !self.access
            && let Ok(notice) = tokio::time::timeout_at(deadline, self.receiver.recv()).await
        {
            if self.add(notice).is_none() {
                break;
            }
        }
        if std::mem::take(&mut self.access) {
            return Some(News::Access);
        }
        Some(News::Change(std::mem::take(&mut self.gathered)))
    }

    fn add(&mut self, told: Result<Told, broadcast::error::RecvError>) -> Option<()> {
        let notice = match told {
            Ok(told) => told.notice,
            Err(broadcast::error::RecvError::Lagged(_)) => Notice::Missed,
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        let change = &mut self.gathered;
        match notice {
            Notice::Updated(of, systems) if of == self.organization_id => {
                for system in systems {
                    gather(&mut change.updated, &mut change.updated_overflow, system);
                }
            }
            Notice::ManyUpdated(of) if of == self.organization_id => change.updated_overflow = true,
            Notice::Listed(of, systems) if of == self.organization_id => {
                for system in systems {
                    gather(&mut change.listed, &mut change.listed_overflow, system);
                }
            }
            Notice::Audit(of) if of == self.organization_id => change.audit = true,
            Notice::Settings(of) if of == self.organization_id => change.settings = true,
            Notice::Groups(of) if of == self.organization_id => change.groups = true,
            Notice::Access(of) if of == self.organization_id => self.access = true,
            Notice::Jobs(of) if of == self.organization_id => change.jobs = true,
            Notice::Commands(of) if of == self.organization_id => change.commands = true,
            Notice::Missed => {
                change.updated_overflow = true;
                change.listed_overflow = true;
                change.audit = true;
                change.settings = true;
                change.groups = true;
                self.access = true;
                change.jobs = true;
                change.commands = true;
            }
            _ => {}
        }
        Some(())
    }
}

fn gather(ids: &mut Vec<SystemId>, overflow: &mut bool, id: SystemId) {
    if ids.len() >= MAX_CHANGED_IDS {
        *overflow = true;
    } else if !ids.contains(&id) {
        ids.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn changes_are_gathered_per_organization() {
        let events = Events::default();
        let mut listener = events.listen(1);
        events.updated(2, &[SystemId(9)]);
        events.updated(1, &[SystemId(3), SystemId(4)]);
        events.updated(1, &[SystemId(3)]);
        events.listed(1, SystemId(5));
        let Some(News::Change(change)) = listener.next(SOON).await else {
            panic!("no change")
        };
        assert_eq!(change.updated, [SystemId(3), SystemId(4)]);
        assert_eq!(change.listed, [SystemId(5)]);
        assert!(change.audit && !change.updated_overflow && !change.listed_overflow);
    }

    #[tokio::test]
    async fn a_listener_that_fell_behind_is_told() {
        let events = Events::default();
        let mut listener = events.listen(1);
        for id in 0..2000 {
            events.updated(1, &[SystemId(id)]);
        }
        assert_eq!(listener.next(SOON).await, Some(News::Access));
        let Some(News::Change(change)) = listener.next(SOON).await else {
            panic!("no change")
        };
        assert!(change.listed_overflow);
    }

    #[tokio::test]
    async fn what_another_replica_passed_on_is_heard_and_not_passed_on_again() {
        let events = Events::default();
        let (mut listener, mut to_tell) = (events.listen(1), events.to_tell());
        events.heard(Notice::Listed(1, vec![SystemId(5)]));
        events.woken(&[SystemId(7)]);
        assert_eq!(to_tell.next().await, Some(Notice::Wake(vec![SystemId(7)])));
        let Some(News::Change(change)) = listener.next(SOON).await else {
            panic!("no change")
        };
        assert_eq!(change.listed, [SystemId(5)]);
    }

    #[tokio::test]
    async fn access_is_told_at_once_and_what_was_gathered_is_kept() {
        let events = Events::default();
        let mut listener = events.listen(1);
        events.updated(1, &[SystemId(3)]);
        events.access_changed(2);
        events.access_changed(1);
        assert_eq!(listener.next(Duration::from_secs(3600)).await, Some(News::Access));
        let Some(News::Change(change)) = listener.next(SOON).await else {
            panic!("no change")
        };
        assert!(change.audit && change.updated == [SystemId(3)]);
    }
}
