//! From an order to what is told of it, with real programs and a real journal.

use super::*;
use crate::actions::{Action, Protected, Template};
use crate::clock::SystemClock;
use crate::identity::StateFolder;
use ed25519_dalek::SigningKey;
use scm_protocol::commands::catalogue::{OfferedAction, Parameter};
use scm_protocol::commands::order::{Order, RUN_ACTION};
use scm_protocol::ids::{CommandId, Organization, SystemId};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

struct World {
    folder: TempDir,
    offer: Arc<Offer>,
    runner: Runner,
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn authority() -> Authority {
    Authority {
        key: key().verifying_key().into(),
        organization: Organization::default(),
        system: SystemId(7),
    }
}

fn action(folder: &Path, name: &str, script: &str, redacted: bool) -> Action {
    let program = folder.join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let parameter = Parameter {
        name: "word".to_owned(),
        description: String::new(),
        pattern: Some("[a-z]*".to_owned()),
        max_length: 10,
    };
    Action {
        offered: OfferedAction {
            name: name.to_owned(),
            description: String::new(),
            parameters: vec![parameter],
            timeout_secs: 600,
            requires_confirmation: false,
            redacted,
        },
        program,
        arguments: vec![Template::parse("{word}", |_| true).unwrap()],
        user: None,
    }
}

fn open(folder: &Path, offer: &Arc<Offer>) -> Runner {
    let state = Arc::new(StateFolder::open(&folder.join("client")).unwrap());
    let upgrades = Arc::new(Upgrades::none(state.clone(), Arc::new(SystemClock)));
    let server = ServerTag::of("https://scm.example.com");
    let held = |name: &CommandName| upgrades.held(&server, name);
    let journal = Journal::open(state, "client_1.commands".to_owned(), NOW, held).unwrap();
    Runner::new(offer.clone(), journal, server, upgrades)
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let traces = path.join("traces");
        let actions = vec![
            action(
                path,
                "trace",
                &format!("echo \"$1\" >> {}; echo told", traces.display()),
                false,
            ),
            action(path, "secret", "echo hidden", true),
            action(path, "wait", "sleep 600", false),
            action(path, "loud", "head -c 400000 /dev/zero", false),
        ];
        let offer = Arc::new(Offer::new(actions, Protected::default()));
        assert_eq!(
            offer.catalogue().actions.len(),
            4,
            "{:?}",
            offer.catalogue().refused
        );
        let runner = open(path, &offer);
        World {
            folder,
            offer,
            runner,
        }
    }

    /// The agent ends in the midst of whatever it does, and starts again.
    fn restart(&mut self) {
        let journal = self.path("client/client_1.commands");
        let as_it_was = fs::read(&journal).unwrap();
        self.runner.stop();
        let offer = self.offer.clone();
        let other = tempfile::tempdir().unwrap();
        // The old one's lock goes with it.
        self.runner = open(other.path(), &offer);
        fs::write(&journal, as_it_was).unwrap();
        self.runner = open(self.folder.path(), &offer);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn give(&mut self, orders: &[SignedOrder]) {
        let tasks = Tasks {
            commands: orders.to_vec(),
            cancel: Vec::new(),
        };
        self.runner.take(&tasks, &authority(), NOW);
    }

    /// Everything that is told until nothing runs and nothing is left to tell.
    fn told(&mut self) -> Vec<CommandReport> {
        let mut all = Vec::new();
        while self.runner.is_busy() {
            let reports = self.runner.reports();
            self.runner.taken(reports.len());
            all.extend(reports);
            if !self.runner.has_news() && self.runner.is_busy() {
                self.runner.listen(Duration::from_secs(60));
            }
        }
        all
    }

    fn traces(&self) -> usize {
        fs::read_to_string(self.path("traces")).map_or(0, |text| text.lines().count())
    }
}

fn order(id: i64, action: &str, word: &str) -> SignedOrder {
    Order {
        id: CommandId(id),
        system: SystemId(7),
        kind: RUN_ACTION.to_owned(),
        body: serde_json::json!({ "action": action, "parameters": { "word": word } }).to_string(),
        issued_ms: NOW,
        expires_ms: NOW.plus(60_000),
        nonce: format!("{id:032x}"),
    }
    .sign(&key(), &Organization::default())
}

fn ends(reports: &[CommandReport]) -> Vec<(i64, EndOutcome)> {
    let ends = reports.iter().filter_map(|report| match &report.event {
        Event::Ended(end) => Some((report.command.id.0, end.outcome)),
        _ => None,
    });
    ends.collect()
}

fn output(reports: &[CommandReport]) -> Vec<u8> {
    let mut all = Vec::new();
    for report in reports {
        if let Event::Output { start, data } = &report.event {
            assert_eq!(usize::try_from(*start).unwrap(), all.len());
            all.extend(scm_protocol::commands::report::output_bytes(data).unwrap());
        }
    }
    all
}

#[test]
fn an_order_is_carried_out_once_however_often_it_arrives() {
    let mut world = World::new();
    let order = order(1, "trace", "a");
    world.give(&[order.clone(), order.clone()]);
    world.give(std::slice::from_ref(&order));
    let reports = world.told();
    assert_eq!(reports[0].event, Event::Started);
    assert_eq!(output(&reports), b"told\n");
    assert_eq!(ends(&reports), [(1, EndOutcome::Completed)]);
    world.give(std::slice::from_ref(&order));
    assert_eq!(
        ends(&world.told()),
        [(1, EndOutcome::Completed)],
        "what is known is told again"
    );
    world.restart();
    world.give(&[order]);
    assert_eq!(ends(&world.told()), [(1, EndOutcome::Completed)]);
    assert_eq!(world.traces(), 1);
}

#[test]
fn a_run_that_was_cut_off_is_interrupted_and_never_repeated() {
    let mut world = World::new();
    let order = order(1, "wait", "a");
    world.give(std::slice::from_ref(&order));
    world.restart();
    world.give(&[order]);
    let reports = world.told();
    assert_eq!(ends(&reports), [(1, EndOutcome::Interrupted)]);
    assert!(!reports.iter().any(|report| report.event == Event::Started));
}

#[test]
fn refusals_are_told_with_their_reason_and_a_forgery_not_at_all() {
    let mut world = World::new();
    let forged = Order {
        id: CommandId(9),
        ..order(9, "trace", "a").claimed().clone()
    };
    let forged = forged.sign(&SigningKey::from_bytes(&[2; 32]), &Organization::default());
    world.give(&[order(1, "nothing", "a"), order(2, "trace", "A; id"), forged]);
    assert_eq!(
        ends(&world.told()),
        [(1, EndOutcome::UnknownAction), (2, EndOutcome::BadParameter)]
    );
    assert_eq!(world.traces(), 0);
}

#[test]
fn what_is_cancelled_ends_or_never_begins() {
    let mut world = World::new();
    let (running, later) = (order(1, "wait", "a"), order(2, "trace", "a"));
    world.give(std::slice::from_ref(&running));
    let cancel = vec![running.claimed().name(), later.claimed().name()];
    let tasks = Tasks {
        commands: Vec::new(),
        cancel,
    };
    world.runner.take(&tasks, &authority(), NOW);
    world.give(&[later]);
    let mut ended = ends(&world.told());
    ended.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(ended, [(1, EndOutcome::Cancelled), (2, EndOutcome::Cancelled)]);
    assert_eq!(world.traces(), 0);
}

#[test]
fn output_stays_within_its_bound_and_secrets_stay_here() {
    let mut world = World::new();
    world.give(&[order(1, "loud", "a")]);
    let reports = world.told();
    assert_eq!(i64::try_from(output(&reports).len()).unwrap(), MAX_OUTPUT_BYTES);
    let Some(CommandReport {
        event: Event::Ended(end),
        ..
    }) = reports.last()
    else {
        panic!("no end")
    };
    assert_eq!((end.outcome, end.output_bytes), (EndOutcome::Completed, 400_000));
    world.give(&[order(2, "secret", "a")]);
    let reports = world.told();
    assert!(output(&reports).is_empty());
    let Some(CommandReport {
        event: Event::Ended(end),
        ..
    }) = reports.last()
    else {
        panic!("no end")
    };
    assert_eq!(end.output_bytes, 7);
}

#[test]
fn a_message_is_never_larger_than_a_server_reads() {
    let mut world = World::new();
    world.give(&[order(1, "loud", "a")]);
    while !world.runner.running.is_empty() {
        world.runner.listen(Duration::from_secs(60));
    }
    while world.runner.is_busy() {
        let reports = world.runner.reports();
        let request = scm_protocol::commands::report::ResultsRequest {
            reports,
            ..Default::default()
        };
        assert!(serde_json::to_vec(&request).unwrap().len() <= scm_protocol::agent::MAX_BODY_BYTES);
        assert_eq!(request.problem(), None);
        world.runner.taken(request.reports.len());
    }
}

#[test]
fn only_so_many_run_at_once() {
    let mut world = World::new();
    let orders: Vec<SignedOrder> = (1..=5).map(|id| order(id, "wait", "a")).collect();
    world.give(&orders);
    assert_eq!(ends(&world.runner.reports()), [(5, EndOutcome::Busy)]);
    world.runner.stop();
}
