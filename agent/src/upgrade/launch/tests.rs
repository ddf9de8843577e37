//! What runs next, after a kill at each step of an upgrade.

use super::super::release_key::{TestKey, fetch, install, script};
use super::super::{Fetching, Installed, Job, Step, Verified, trial};
use super::*;
use scm_protocol::commands::report::{CommandName, EndOutcome};
use scm_protocol::ids::CommandId;
use scm_protocol::upgrades::order::UpgradeOrder;
use std::path::Path;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

struct World {
    parent: tempfile::TempDir,
    key: TestKey,
    program: Vec<u8>,
    order: UpgradeOrder,
}

impl World {
    fn new() -> Self {
        let key = TestKey::new();
        let program = script("1.5.0", "exit 3");
        World {
            parent: tempfile::tempdir().unwrap(),
            order: key.order("1.5.0", &program),
            program,
            key,
        }
    }

    /// The state folder, as after a start.
    fn open(&self) -> StateFolder {
        // A child of another test in this process may hold the lock for a moment, until it executes its program.
        for _ in 0..500 {
            match StateFolder::open(&self.parent.path().join("client")) {
                Err(Error::Locked { .. }) => std::thread::sleep(std::time::Duration::from_millis(20)),
                other => return other.unwrap(),
            }
        }
        panic!("the lock is held")
    }

    fn programs(&self) -> Programs {
        Programs::of(&self.parent.path().join("client"))
    }

    fn path(&self) -> PathBuf {
        self.programs().program("1.5.0", &self.order.sha256)
    }

    fn job(&self) -> Job {
        Job {
            server: "d1dc93bf".to_owned(),
            command: CommandName {
                id: CommandId(5),
                nonce: "0".repeat(32),
            },
            order: self.order.clone(),
            step: Step::Fetching,
        }
    }

    /// Goes so many steps of an upgrade, and is killed.
    fn upgrade(&self, steps: usize) {
        let folder = self.open();
        let policy = self.key.policy("1.4.0");
        let record = Record {
            job: Some(self.job()),
            ..Record::default()
        };
        let go = |step: usize| steps >= step;
        if go(1) {
            record.write(&folder).unwrap();
        }
        if go(2) {
            Fetching::open(&self.programs(), &self.order).unwrap();
        }
        if !go(3) {
            return;
        }
        let fetching = fetch(&self.programs(), &self.order, &self.program);
        if !go(4) {
            return;
        }
        let verified = Verified::of(fetching.finish().unwrap(), &self.order, &policy).unwrap();
        if go(5) {
            Installed::of(verified, &self.programs(), &self.order).unwrap();
        }
        if go(6) {
            trial::begin(&folder, record, &self.job(), "m").unwrap();
        }
        if go(7) {
            record::confirm(&folder, "m").unwrap();
        }
        if go(8) {
            settle(&folder, "x", NOW).unwrap();
        }
    }

    /// Starts the program of that version: the record, and what runs.
    fn start(&self, version: &str, role: &Role) -> (Record, Next) {
        let folder = self.open();
        let mut record = settle(&folder, KILLED, NOW).unwrap();
        let next = next(&folder, &mut record, role, &self.key.policy(version)).unwrap();
        assert_eq!(
            Record::open(&folder, NOW).unwrap(),
            record,
            "memory follows the disk"
        );
        (record, next)
    }

    fn installed(&self) -> (Record, Next) {
        self.start("1.4.0", &Role::Installed)
    }
}

#[test]
fn a_kill_at_each_step_leaves_a_defined_state() {
    for steps in 0..=8 {
        let world = World::new();
        world.upgrade(steps);
        for _ in 0..2 {
            let (record, next) = world.installed();
            let step = record.job.as_ref().map(|job| &job.step);
            let outcome = record.last.as_ref().map(|last| last.outcome);
            match steps {
                0 => assert_eq!((step, next), (None, Next::Own)),
                1..=5 => {
                    assert_eq!((step, next), (Some(&Step::Fetching), Next::Own), "{steps}");
                    let all = fetch(&world.programs(), &world.order, &world.program);
                    assert!(all.finish().is_ok(), "{steps}");
                }
                6 => {
                    assert_eq!((outcome, next), (Some(EndOutcome::RolledBack), Next::Own));
                    assert!(!world.path().exists(), "what failed is removed");
                }
                _ => {
                    assert_eq!(outcome, Some(EndOutcome::Completed), "{steps}");
                    assert_eq!(next, Next::Program(world.path()), "{steps}");
                }
            }
            if steps >= 6 {
                assert!(matches!(step, Some(Step::Ended(_))), "the journal is to know");
            }
        }
    }
}

#[test]
fn the_stored_program_is_verified_at_each_start() {
    type Damage = fn(&Path);
    let damages: [Damage; 3] = [
        |path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[40] ^= 1;
            std::fs::write(path, bytes).unwrap();
        },
        |path| std::fs::remove_file(path).unwrap(),
        |path| std::fs::write(path, "#!/bin/sh\nexit 0\n").unwrap(),
    ];
    for damage in damages {
        let world = World::new();
        world.upgrade(8);
        damage(&world.path());
        let (record, next) = world.installed();
        assert_eq!((record.current, next), (None, Next::Own));
        assert!(!world.path().exists());
    }
    // A key that is not known any more.
    let world = World::new();
    world.upgrade(8);
    let folder = world.open();
    let mut record = settle(&folder, KILLED, NOW).unwrap();
    let other = TestKey::new().policy("1.4.0");
    assert_eq!(
        next(&folder, &mut record, &Role::Installed, &other).unwrap(),
        Next::Own
    );
    assert_eq!(record.current, None);
}

#[test]
fn without_a_release_key_nothing_stored_runs_and_nothing_is_lost() {
    let world = World::new();
    world.upgrade(8);
    let folder = world.open();
    let mut record = settle(&folder, KILLED, NOW).unwrap();
    let keyless = Policy {
        keys: Vec::new(),
        ..world.key.policy("1.4.0")
    };
    assert_eq!(
        next(&folder, &mut record, &Role::Installed, &keyless).unwrap(),
        Next::Own
    );
    drop(folder);
    assert_eq!(world.installed().1, Next::Program(world.path()));
}

#[test]
fn what_a_package_manager_installed_as_new_or_newer_wins() {
    for version in ["1.5.0", "1.6.0", "2.0.0-rc.1"] {
        let world = World::new();
        world.upgrade(8);
        let (record, next) = world.start(version, &Role::Installed);
        assert_eq!((record.current, next), (None, Next::Own), "{version}");
        assert!(!world.path().exists());
    }
}

#[test]
fn the_stored_program_itself_stays_where_it_is() {
    let world = World::new();
    world.upgrade(8);
    let (record, next) = world.start("1.5.0", &Role::Launched);
    assert_eq!(next, Next::Own);
    assert!(record.current.is_some() && world.path().exists());
}

#[test]
fn a_failed_trial_leaves_the_program_before_it() {
    let world = World::new();
    world.upgrade(8);
    let (folder, programs) = (world.open(), world.programs());
    let newest = script("1.6.0", "exit 3");
    let order = world.key.order("1.6.0", &newest);
    install(&programs, &order, &newest, &world.key.policy("1.5.0")).unwrap();
    let job = Job {
        order: order.clone(),
        ..world.job()
    };
    let record = Record {
        job: None,
        ..settle(&folder, KILLED, NOW).unwrap()
    };
    install(&programs, &order, &newest, &world.key.policy("1.5.0")).unwrap();
    trial::begin(&folder, record, &job, "n").unwrap();
    drop(folder);
    let (record, next) = world.installed();
    assert_eq!(record.last.unwrap().version, "1.6.0");
    assert_eq!(next, Next::Program(world.path()));
    assert!(!programs.program("1.6.0", &order.sha256).exists());
}
