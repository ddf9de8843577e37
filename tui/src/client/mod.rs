//! The client task: runs the calls that `update` asks for and sends their answers back.
//!
//! It lives on a thread of its own with a small runtime, so that no answer delays a key. The session's token stays here:
//! the state never holds it.

mod access;
mod answers;
mod audit;
mod backups;
mod commands;
mod groups;
mod http;
mod jobs;
mod list_export;
mod partial_file;
mod secret_file;
mod signing;
mod ssh_agent;
mod stream;
mod tokens;
mod upgrades;
mod view_memory;
mod views;

use crate::message::{Call, GroupCall, Msg, Reply};
use http::{Http, Token};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

/// Where answers go; answers whether anyone still listens.
pub type Send = Arc<dyn Fn(Msg) -> bool + std::marker::Send + Sync>;

/// A running client.
#[derive(Clone)]
pub struct Client {
    calls: UnboundedSender<(u64, Call)>,
}

impl Client {
    /// Starts the client's thread. `log_file` is what [`Call::ReadLog`] reads.
    ///
    /// # Errors
    /// When the thread or its runtime cannot be started.
    pub fn start(send: Send, log_file: Option<PathBuf>) -> io::Result<Self> {
        let (calls, receiver) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("client".to_owned())
            .spawn(move || {
                runtime.block_on(run(receiver, send, log_file));
            })?;
        Ok(Client { calls })
    }

    /// Asks; the answer comes as a message.
    pub fn call(&self, generation: u64, call: Call) {
        // The task ends only with the program.
        drop(self.calls.send((generation, call)));
    }
}

/// What a spawned call needs to answer.
#[derive(Clone)]
struct Answer {
    send: Send,
    generation: u64,
    newest: Arc<AtomicU64>,
}

impl Answer {
    /// Sends an answer; false when nobody wants it any more.
    fn give(&self, reply: Reply) -> bool {
        self.wanted()
            && (self.send)(Msg::Reply {
                generation: self.generation,
                reply,
            })
    }

    fn wanted(&self) -> bool {
        self.newest.load(Ordering::Relaxed) == self.generation
    }
}

/// After so long without an answer it is said that there is none yet.
const LATE: Duration = Duration::from_secs(3);

/// Says that an answer is late, and when nobody waits for it any more: also where the work is dropped.
async fn watched(work: impl Future<Output = ()>, late: Duration, answer: Answer) {
    struct Told(Answer);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.give(Reply::Late(false));
        }
    }
    tokio::pin!(work);
    if tokio::time::timeout(late, &mut work).await.is_err() {
        answer.give(Reply::Late(true));
        let _told = Told(answer);
        work.await;
    }
}

async fn run(mut calls: UnboundedReceiver<(u64, Call)>, send: Send, log_file: Option<PathBuf>) {
    let newest = Arc::new(AtomicU64::new(0));
    let mut http: Option<Arc<Http>> = None;
    let mut export: Option<(u64, AbortHandle)> = None;
    let mut preview: Option<AbortHandle> = None;
    while let Some((generation, call)) = calls.recv().await {
        newest.store(generation, Ordering::Relaxed);
        let answer = Answer {
            send: send.clone(),
            generation,
            newest: newest.clone(),
        };
        match (call, &http) {
            (Call::Connect(context), _) => {
                let connected = connect(&context);
                if let Err(error) = &connected {
                    tracing::warn!(server.url = context.url, "cannot prepare the connection: {error}");
                }
                let told = connected.as_ref().map(|(_, token)| *token).map_err(Clone::clone);
                http = connected.ok().map(|(http, _)| Arc::new(http));
                answer.give(Reply::Connected(told));
            }
            (Call::ReadLog, _) => {
                answer.give(Reply::Log(log_file.as_deref().map_or_else(no_log, read_log)));
            }
            (Call::AgentKeys, _) => {
                // Needs no server: the agent is of this terminal.
                tokio::spawn(async move { answer.give(Reply::AgentKeys(ssh_agent::keys().await)) });
            }
            (Call::WriteSecret { stem, secret }, _) => {
                let path = secret_file::write_here(&stem, &secret);
                if let Err(error) = &path {
                    tracing::warn!(secret.of = stem, "it was not written: {error}");
                }
                answer.give(Reply::SecretWritten { stem, path });
            }
            // What was written goes with the task.
            (Call::StopExport(ticket), _) => {
                if let Some((_, task)) = export.take_if(|(running, _)| *running == ticket) {
                    task.abort();
                }
            }
            (Call::WriteConfig(text), _) => {
                let path = secret_file::write_config_here(&text);
                if let Err(error) = &path {
                    tracing::warn!("a configuration was not written: {error}");
                }
                answer.give(Reply::ConfigWritten(path));
            }
            (call, Some(http)) => {
                let ticket = match &call {
                    Call::Export { ticket, .. } => Some(*ticket),
                    _ => None,
                };
                let replaces = matches!(call, Call::Group(GroupCall::Preview { .. }));
                // A stream and an export take their time, and say by themselves how they are.
                let patient = matches!(call, Call::Stream | Call::Export { .. });
                let work = answers::answer(http.clone(), call, answer.clone());
                let task = if patient {
                    tokio::spawn(work)
                } else {
                    tokio::spawn(watched(work, LATE, answer))
                };
                if let Some(ticket) = ticket {
                    export = Some((ticket, task.abort_handle()));
                }
                if replaces && let Some(before) = preview.replace(task.abort_handle()) {
                    // Its request is dropped, and the server stops looking.
                    before.abort();
                }
            }
            (_, None) => {}
        }
    }
}

/// Trust, HTTP client and, where one is configured and readable, the local administrator token.
fn connect(context: &crate::config::Context) -> Result<(Http, bool), String> {
    let token = match &context.token_file {
        Some(path) => Some(read_token(path)?),
        None => None,
    };
    let has_token = token.is_some();
    Http::new(&context.url, &context.trust, token, context.organization.clone()).map(|http| (http, has_token))
}

fn read_token(path: &Path) -> Result<Token, String> {
    let unreadable = |error: io::Error| format!("cannot read the token file {}: {error}", path.display());
    let mut text = zeroize::Zeroizing::new(String::new());
    std::fs::File::open(path)
        .and_then(|file| file.take(4096).read_to_string(&mut text))
        .map_err(unreadable)?;
    Ok(Token::new(text.trim().to_owned()))
}

fn no_log() -> Vec<String> {
    vec!["no log file: its folder could not be written".to_owned()]
}

/// The last 64 KiB of the log, as lines.
fn read_log(path: &Path) -> Vec<String> {
    const TAIL: u64 = 64 * 1024;
    let read = || -> io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => text.lines().map(crate::model::clean).collect(),
        Err(error) => vec![format!("cannot read {}: {error}", path.display())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::sync::Notify;

    type Heard = Arc<Mutex<Vec<bool>>>;

    /// Hears what is said of lateness, and notifies when there is some.
    fn ears() -> (Answer, Heard, Arc<Notify>) {
        let (heard, told) = (Heard::default(), Arc::new(Notify::new()));
        let (list, tell) = (heard.clone(), told.clone());
        let answer = Answer {
            send: Arc::new(move |msg| {
                if let Msg::Reply {
                    reply: Reply::Late(late),
                    ..
                } = msg
                {
                    list.lock().unwrap().push(late);
                    tell.notify_one();
                }
                true
            }),
            generation: 1,
            newest: Arc::new(AtomicU64::new(1)),
        };
        (answer, heard, told)
    }

    fn block_on(work: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(work);
    }

    #[test]
    fn only_what_takes_long_is_said_to_be_late_and_its_end_always_is() {
        let (answer, heard, _) = ears();
        block_on(watched(async {}, Duration::from_secs(3600), answer));
        assert_eq!(*heard.lock().unwrap(), Vec::<bool>::new());

        let (answer, heard, told) = ears();
        block_on(watched(
            async move { told.notified().await },
            Duration::ZERO,
            answer,
        ));
        assert_eq!(*heard.lock().unwrap(), [true, false]);
    }

    #[test]
    fn what_is_dropped_is_not_late_any_more() {
        let (answer, heard, told) = ears();
        block_on(async move {
            let task = tokio::spawn(watched(std::future::pending(), Duration::ZERO, answer));
            told.notified().await;
            task.abort();
            drop(task.await);
        });
        assert_eq!(*heard.lock().unwrap(), [true, false]);
    }
}
