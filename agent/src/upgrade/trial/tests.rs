//! Programs on trial: real processes that behave in every bad way, and one that behaves well.

use super::super::release_key::{TestKey, install, script};
use super::super::{Programs, record::Record};
use super::*;
use scm_protocol::commands::report::CommandName;
use scm_protocol::ids::CommandId;
use std::path::PathBuf;

struct World {
    parent: tempfile::TempDir,
    ready: Ready,
}

impl World {
    /// A program that runs these lines; its first argument is the state folder.
    fn new(lines: &str, deadline_secs: u32) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let (key, program) = (TestKey::new(), script("1.5.0", lines));
        let mut order = key.order("1.5.0", &program);
        let folder = parent.path().join("client");
        drop(StateFolder::open(&folder).unwrap());
        let installed = install(&Programs::of(&folder), &order, &program, &key.policy("1.4.0")).unwrap();
        order.deadline_secs = deadline_secs;
        let job = Job {
            server: "d1dc93bf".to_owned(),
            command: CommandName {
                id: CommandId(5),
                nonce: "0".repeat(32),
            },
            order,
            step: Step::Fetching,
        };
        World {
            parent,
            ready: Ready { job, installed },
        }
    }

    fn folder(&self) -> PathBuf {
        self.parent.path().join("client")
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder().join(name)).unwrap_or_default()
    }

    fn watch(&self, mut stop: impl FnMut() -> bool) -> Watched {
        let deadline = Duration::from_secs(u64::from(self.ready.job.order.deadline_secs));
        watch(
            &self.ready,
            ("m", deadline),
            &self.folder(),
            &[self.folder().into_os_string()],
            |most| {
                thread::sleep(most);
                stop()
            },
        )
    }

    /// What the record's judge makes of it.
    fn outcome(&self) -> bool {
        let folder = StateFolder::peek(&self.folder());
        record::confirmed(&folder).unwrap().as_deref() == Some("m")
    }
}

const CONFIRM: &str = "printf %s \"${SCMCLIENT_ROLE#trial:}\" > \"$1/upgrade.confirmed\"";

#[test]
fn a_program_that_ends_or_is_silent_fails_with_its_reason() {
    let cases = [
        ("exit 3", 60, "the new program exited with 3 before"),
        ("exit 0", 60, "the new program exited with 0 before"),
        ("kill -SEGV $$", 60, "signal 11 ended the new program before"),
        ("sleep 600", 1, "completed no signed check-in within 1 s"),
        (
            "printf %s other > \"$1/upgrade.confirmed\"; sleep 600",
            1,
            "within 1 s",
        ),
    ];
    for (lines, deadline_secs, expected) in cases {
        let world = World::new(lines, deadline_secs);
        let watched = world.watch(|| false);
        assert!(watched.reason.contains(expected), "{lines}: {watched:?}");
        assert!(!watched.stopped && !world.outcome(), "{lines}");
    }
}

#[test]
fn a_program_that_proves_itself_is_confirmed_however_it_ends() {
    for after in ["", "exit 3", "kill -9 $$"] {
        let world = World::new(&format!("{CONFIRM}\n{after}"), 60);
        assert_eq!(world.watch(|| false).reason, "it was confirmed");
        assert!(world.outcome());
    }
}

#[test]
fn nothing_of_it_is_left_and_the_agent_can_be_stopped_meanwhile() {
    let lines = "(sleep 600; echo > \"$1/late\") &\necho $! > \"$1/pid\"\nwait";
    let world = World::new(lines, 600);
    let watched = world.watch(|| !world.file("pid").trim().is_empty());
    assert!(
        watched.stopped && watched.reason.contains("was stopped"),
        "{watched:?}"
    );
    let pid = world.file("pid").trim().to_owned();
    // A killed process that nobody has reaped yet is a zombie at most; a busy machine takes its time.
    let gone = || {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    };
    let until = Instant::now() + Duration::from_secs(20);
    while !gone() {
        assert!(Instant::now() < until, "it still runs");
        thread::sleep(STEP);
    }
}

#[test]
fn it_knows_its_role_and_nothing_of_the_service_manager() {
    let world = World::new("env > \"$1/env\"; exit 1", 60);
    world.watch(|| false);
    let env = world.file("env");
    assert!(env.contains("SCMCLIENT_ROLE=trial:m\n"), "{env}");
    assert!(env.contains("SCMCLIENT_INSTALLED=/"), "{env}");
    assert!(
        !env.contains("NOTIFY_SOCKET") && !env.contains("WATCHDOG"),
        "{env}"
    );
}

#[test]
fn its_input_stays_open_while_it_is_watched() {
    let world = World::new("cat; echo over > \"$1/over\"; exit 1", 2);
    // Killed with its group at the deadline: until then its input was open.
    let watched = world.watch(|| false);
    assert!(watched.reason.contains("within 2 s"), "{watched:?}");
    assert_eq!(world.file("over"), "");
}

#[test]
fn a_trial_is_written_down_before_it_begins() {
    let world = World::new("exit 1", 60);
    let folder = StateFolder::open(&world.folder()).unwrap();
    begin(&folder, Record::default(), &world.ready.job, "m").unwrap();
    let job = Record::peek(&folder).job.unwrap();
    assert_eq!(job.step, Step::Trial { mark: "m".to_owned() });
}
