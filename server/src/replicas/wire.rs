//! The thread with the connection over which replicas tell each other.

use super::message::Message;
use crate::clock::random;
use crate::error::Error;
use crate::events::Notice;
use crate::storage::{Bus, DatabaseUrl};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How often to look for what others tell: the database cannot wake a connection that waits for something to tell.
const PERIOD: Duration = Duration::from_millis(50);
/// How long to wait before the database is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Tells what is `outgoing` and gives what is heard to `heard`, until either ends.
pub(super) fn run(url: &DatabaseUrl, outgoing: &Receiver<String>, heard: &UnboundedSender<Notice>) {
    let from = match name() {
        Ok(from) => from,
        Err(error) => {
            tracing::error!(%error, "other servers are not told what happens here");
            return;
        }
    };
    let mut lost = false;
    loop {
        match Bus::connect(url) {
            Ok(mut bus) => {
                if lost {
                    tracing::info!("the connection to other servers is made again");
                    if heard.send(Notice::Missed).is_err() {
                        return;
                    }
                }
                match again(&mut bus, &from, lost).and_then(|()| talk(&mut bus, &from, outgoing, heard)) {
                    Ok(()) => return,
                    Err(error) => {
                        tracing::warn!(%error, "the connection to other servers is lost, another one is tried");
                    }
                }
                // What was on its way is lost.
                lost = true;
            }
            Err(error) => {
                tracing::debug!(%error, "no connection to other servers yet");
                lost = true;
            }
        }
        // Nothing is kept for a database that is away: the others hear later that they missed something.
        if matches!(outgoing.recv_timeout(RETRY), Err(RecvTimeoutError::Disconnected)) {
            return;
        }
    }
}

/// Tells this replica from others: random for each start.
fn name() -> Result<String, Error> {
    let bytes: [u8; 8] = random()?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Tells the others that they missed something, where they did.
fn again(bus: &mut Bus, from: &str, lost: bool) -> Result<(), Error> {
    if lost {
        bus.tell(&message(from, r#"["missed"]"#))?;
    }
    Ok(())
}

fn message(from: &str, notices: &str) -> String {
    format!(r#"{{"from":"{from}","notices":{notices}}}"#)
}

/// Ends well when nobody has anything to tell or wants to hear any more.
fn talk(
    bus: &mut Bus,
    from: &str,
    outgoing: &Receiver<String>,
    heard: &UnboundedSender<Notice>,
) -> Result<(), Error> {
    loop {
        match outgoing.recv_timeout(PERIOD) {
            Ok(notices) => {
                bus.tell(&message(from, &notices))?;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        for text in bus.heard()? {
            for notice in read(&text, from) {
                if heard.send(notice).is_err() {
                    return Ok(());
                }
            }
        }
    }
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
