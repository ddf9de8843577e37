//! A worker in this process, with files of its own, and the honest server's answers.

use crate::fake_server::Request;
use ed25519_dalek::SigningKey;
use scm_protocol::identity::PublicKey;
use scmclient::clock::SystemClock;
use scmclient::config::{Server, Telemetry};
use scmclient::identity::StateFolder;
use scmclient::stop::Stop;
use scmclient::upgrade::{Policy, Record, Upgrades};
use scmclient::wire::Client;
use scmclient::worker::{Surroundings, Worker};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// A running worker.
pub(crate) struct Running {
    folder: PathBuf,
    stop: Arc<Stop>,
    client: Client,
    thread: thread::JoinHandle<()>,
}

impl Running {
    /// Starts one for this server on the folder `client` in `parent`.
    pub(crate) fn start(server: &Server, parent: &Path) -> Self {
        Running::start_with(server, parent, Policy::of_this_program(false, Vec::new()))
    }

    /// Starts one that takes upgrades up by this policy. What is ready to be tried stays so.
    pub(crate) fn start_with(server: &Server, parent: &Path, policy: Policy) -> Self {
        let folder = parent.join("client");
        let stop = Arc::new(Stop::default());
        let state = Arc::new(StateFolder::open(&folder).unwrap());
        let around = Surroundings {
            clock: Arc::new(SystemClock),
            stop: stop.clone(),
            folder: state.clone(),
            boot_id: "0".repeat(32),
            offer: Arc::default(),
            upgrades: Arc::new(Upgrades::new(
                policy,
                Record::default(),
                state,
                Arc::new(SystemClock),
                drop,
            )),
            trial: None,
            config: PathBuf::new(),
        };
        let client = Client::new(server, None).unwrap();
        let telemetry = Telemetry {
            enabled: false,
            containers: false,
        };
        let worker = Worker::new(around, server.clone(), client.clone(), telemetry).unwrap();
        let thread = thread::spawn(|| worker.run());
        Running {
            folder,
            stop,
            client,
            thread,
        }
    }

    /// Stops it; how long that took.
    pub(crate) fn end(self) -> Duration {
        let started = Instant::now();
        self.stop.request();
        self.client.shut_down();
        self.thread.join().unwrap();
        started.elapsed()
    }

    /// Names and contents of what makes the identity.
    pub(crate) fn identity(&self) -> BTreeMap<String, Vec<u8>> {
        let kept = |name: &str| [".key", ".pub", ".id"].iter().any(|kind| name.ends_with(kind));
        files(&self.folder)
            .into_iter()
            .filter(|(name, _)| kept(name))
            .collect()
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    let read = |entry: std::fs::DirEntry| {
        let content = std::fs::read(entry.path()).ok()?;
        Some((entry.file_name().into_string().unwrap(), content))
    };
    entries.filter_map(|entry| read(entry.unwrap())).collect()
}

/// Waits for something, for at most half a minute.
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within 30 s");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The organization's key.
pub(crate) fn server_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// The honest answer to a request, from an organization that approves at once.
pub(crate) fn honest(request: &Request) -> Vec<u8> {
    let time = "\"next_checkin_secs\":1,\"server_time_ms\":1790000000000";
    let body = if request.path == "/agent/v1/register" {
        format!("{{\"system_id\":42,\"organization\":\"default\",\"status\":\"active\",{time}}}")
    } else if request
        .body
        .windows(21)
        .any(|part| part == b"\"has_server_key\":true")
    {
        format!("{{\"status\":\"active\",{time}}}")
    } else {
        let key = PublicKey::from(server_key().verifying_key());
        format!("{{\"status\":\"active\",\"server_public_key\":\"{key}\",{time}}}")
    };
    request.signed_reply(&server_key(), 200, body.as_bytes())
}
