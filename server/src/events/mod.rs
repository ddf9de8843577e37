//! What changed, told to the consoles that listen: gathered for half a second, then sent as one server-sent event.
//!
//! Events say that something changed, never what it is now: a console asks for what it shows, under its own rights. A
//! listener that falls behind is told that it missed something; it never holds anybody up.

pub mod routes;

use scm_protocol::events::{Change, MAX_CHANGED_IDS};
use scm_protocol::ids::SystemId;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Notices that may wait for a slow listener.
const BACKLOG: usize = 1024;

/// One thing that changed.
#[derive(Clone, Debug)]
enum Notice {
    Updated(i64, Arc<[SystemId]>),
    Listed(i64, Arc<[SystemId]>),
    Audit(i64),
    Settings(i64),
    Jobs(i64),
    Commands(i64),
    Access(i64),
    Groups(i64),
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
    sender: broadcast::Sender<Notice>,
}

impl Default for Events {
    fn default() -> Self {
        Events {
            sender: broadcast::channel(BACKLOG).0,
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
            let _ = self.sender.send(Notice::Updated(organization_id, systems.into()));
        }
    }

    /// A system appeared, went, or changed its status; that is audited, too.
    pub fn listed(&self, organization_id: i64, system: SystemId) {
        self.listed_all(organization_id, &[system]);
    }

    /// As [`Events::listed`], for many at once.
    pub fn listed_all(&self, organization_id: i64, systems: &[SystemId]) {
        let _ = self.sender.send(Notice::Listed(organization_id, systems.into()));
        self.audited(organization_id);
    }

    /// An audit entry was added.
    pub fn audited(&self, organization_id: i64) {
        let _ = self.sender.send(Notice::Audit(organization_id));
    }

    /// A setting was changed.
    pub fn settings(&self, organization_id: i64) {
        let _ = self.sender.send(Notice::Settings(organization_id));
        self.audited(organization_id);
    }

    /// A group, its members, its rule or tags were changed.
    pub fn groups(&self, organization_id: i64) {
        let _ = self.sender.send(Notice::Groups(organization_id));
        self.audited(organization_id);
    }

    /// Somebody's access changed; that is audited, too.
    pub fn access_changed(&self, organization_id: i64) {
        let _ = self.sender.send(Notice::Access(organization_id));
        self.audited(organization_id);
    }

    /// A bulk job was created, went on or ended.
    pub fn jobs(&self, organization_id: i64) {
        let _ = self.sender.send(Notice::Jobs(organization_id));
    }

    /// A command was created, went on or ended, or a system offers other actions.
    pub fn commands(&self, organization_id: i64) {
        let _ = self.sender.send(Notice::Commands(organization_id));
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

/// One console's end of the stream.
#[derive(Debug)]
pub struct Listener {
    organization_id: i64,
    receiver: broadcast::Receiver<Notice>,
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

    fn add(&mut self, notice: Result<Notice, broadcast::error::RecvError>) -> Option<()> {
        let change = &mut self.gathered;
        match notice {
            Ok(Notice::Updated(of, systems)) if of == self.organization_id => {
                for system in systems.iter() {
                    gather(&mut change.updated, &mut change.updated_overflow, *system);
                }
            }
            Ok(Notice::Listed(of, systems)) if of == self.organization_id => {
                for system in systems.iter() {
                    gather(&mut change.listed, &mut change.listed_overflow, *system);
                }
            }
            Ok(Notice::Audit(of)) if of == self.organization_id => change.audit = true,
            Ok(Notice::Settings(of)) if of == self.organization_id => change.settings = true,
            Ok(Notice::Groups(of)) if of == self.organization_id => change.groups = true,
            Ok(Notice::Access(of)) if of == self.organization_id => self.access = true,
            Ok(Notice::Jobs(of)) if of == self.organization_id => change.jobs = true,
            Ok(Notice::Commands(of)) if of == self.organization_id => change.commands = true,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(_)) => {
                change.updated_overflow = true;
                change.listed_overflow = true;
                change.audit = true;
                change.settings = true;
                change.groups = true;
                self.access = true;
                change.jobs = true;
                change.commands = true;
            }
            Err(broadcast::error::RecvError::Closed) => return None,
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
