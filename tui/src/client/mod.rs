//! The client task: runs the calls that `update` asks for and sends their answers back.
//!
//! It lives on a thread of its own with a small runtime, so that no answer delays a key. The session's token stays here:
//! the state never holds it.

mod access;
mod answers;
mod audit;
mod backups;
mod groups;
mod http;
mod jobs;
mod list_export;
mod partial_file;
mod secret_file;
mod ssh_agent;
mod stream;
mod tokens;
mod view_memory;
mod views;

use crate::message::{Call, GroupCall, Msg, Reply};
use http::{Http, Token};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
                let task = tokio::spawn(answers::answer(http.clone(), call, answer));
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
