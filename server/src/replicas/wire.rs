//! The thread with the connection over which replicas tell each other, and another one in its place when it is stuck.

use super::message::Message;
use crate::clock::random;
use crate::error::Error;
use crate::events::Notice;
use crate::storage::{Bus, DatabaseUrl};
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedSender;

/// How often to look for what others tell: the database cannot wake a connection that waits for something to tell.
const PERIOD: Duration = Duration::from_millis(50);
/// How often to ask whether the database is there, when nothing is told.
const CHECK: Duration = Duration::from_secs(5);
/// How long to wait before the database is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// A thread that did nothing for so long waits for an answer that does not come.
const STUCK: Duration = Duration::from_secs(15);
/// Messages that may wait for a slow database.
const BACKLOG: usize = 64;

/// A thread with its connection.
pub(super) struct Wire {
    outgoing: SyncSender<String>,
    /// When it last got anywhere; none while it connects, which ends by itself.
    alive: Arc<Mutex<Option<Instant>>>,
}

impl Wire {
    /// Starts it; it gives what is heard to `heard`. With `lost`, both sides are told that they missed something.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(url: &DatabaseUrl, heard: &UnboundedSender<Notice>, lost: bool) -> io::Result<Self> {
        let (outgoing, waiting) = mpsc::sync_channel(BACKLOG);
        let alive = Arc::new(Mutex::new(None));
        let line = Line {
            url: url.clone(),
            outgoing: waiting,
            heard: heard.clone(),
            alive: Arc::clone(&alive),
        };
        std::thread::Builder::new()
            .name("replicas".to_owned())
            .spawn(move || line.run(lost))?;
        Ok(Wire { outgoing, alive })
    }

    /// Tells the other replicas; false when too much waits already.
    pub(super) fn tell(&self, message: String) -> bool {
        self.outgoing.try_send(message).is_ok()
    }

    /// Whether the database has not answered for too long. Such a thread is dropped, ends when its connection does, and
    /// another one is started.
    pub(super) fn is_stuck(&self) -> bool {
        lock(&self.alive).is_some_and(|since| since.elapsed() > STUCK)
    }
}

fn lock(alive: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    alive.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's side.
struct Line {
    url: DatabaseUrl,
    outgoing: Receiver<String>,
    heard: UnboundedSender<Notice>,
    alive: Arc<Mutex<Option<Instant>>>,
}

impl Line {
    /// Until nobody has anything to tell or wants to hear any more.
    fn run(self, mut lost: bool) {
        let from = match name() {
            Ok(from) => from,
            Err(error) => {
                tracing::error!(%error, "other servers are not told what happens here");
                return;
            }
        };
        loop {
            match self.connected(&from, lost) {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "no connection to other servers, another one is tried"),
            }
            // What was on its way is lost.
            lost = true;
            *lock(&self.alive) = None;
            // Nothing is kept for a database that is away: the others hear later that they missed something.
            if matches!(
                self.outgoing.recv_timeout(RETRY),
                Err(RecvTimeoutError::Disconnected)
            ) {
                return;
            }
        }
    }

    fn connected(&self, from: &str, lost: bool) -> Result<(), Error> {
        let mut bus = Bus::connect(&self.url)?;
        self.got_on();
        if lost {
            tracing::info!("the connection to other servers is made again");
            bus.tell(&message(from, r#"["missed"]"#))?;
            if self.heard.send(Notice::Missed).is_err() {
                return Ok(());
            }
        }
        let mut checked = Instant::now();
        loop {
            self.got_on();
            match self.outgoing.recv_timeout(PERIOD) {
                Ok(notices) => bus.tell(&message(from, &notices))?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) if checked.elapsed() > CHECK => {
                    bus.check()?;
                    checked = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            for text in bus.heard()? {
                for notice in read(&text, from) {
                    if self.heard.send(notice).is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn got_on(&self) {
        *lock(&self.alive) = Some(Instant::now());
    }
}

/// Tells this replica from others: random for each start.
fn name() -> Result<String, Error> {
    let bytes: [u8; 8] = random()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn message(from: &str, notices: &str) -> String {
    format!(r#"{{"from":"{from}","notices":{notices}}}"#)
}

/// What another replica tells; a later version may tell what this one does not know.
fn read(payload: &str, own: &str) -> Vec<Notice> {
    match serde_json::from_str::<Message>(payload) {
        Ok(message) if message.from == own => Vec::new(),
        Ok(message) => message.notices,
        Err(_) => vec![Notice::Missed],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_tell_is_heard() {
        let told = |from: &str| format!(r#"{{"from":"{from}","notices":[{{"audit":1}},"missed"]}}"#);
        assert_eq!(read(&told("a"), "a"), []);
        assert_eq!(read(&told("b"), "a"), [Notice::Audit(1), Notice::Missed]);
    }

    #[test]
    fn what_is_not_understood_may_be_anything() {
        for strange in ["", "{}", r#"{"from":"b","notices":[{"later":1}]}"#] {
            assert_eq!(read(strange, "a"), [Notice::Missed], "{strange}");
        }
    }
}
