//! Upgrades: what is offered in the lists, and the page of packages, rollouts and upgrades.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::events;
use scm_protocol::ids::{CommandId, RolloutId};
use scm_protocol::jobs::JobKind;
use scm_protocol::upgrades::rollout::RolloutState;
use scm_protocol::upgrades::upgrade::UpgradeState;
use scmtui::message::{Reply, Steer};
use scmtui::model::Settings;

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

/// With a package that is newer than what runs.
fn server() -> Server {
    let mut server = Server::new(1, 5);
    let now = server.clock;
    server.upgrades.add("x86_64-linux", "0.1.0", now);
    server.upgrades.add("x86_64-linux", "0.2.0", now);
    server.upgrades.add("aarch64-linux", "0.2.0", now);
    server
}

/// On the page, which is found in the palette.
fn page(server: Server) -> Driver {
    let mut driver = Driver::logged_in(server);
    driver.keys(":");
    driver.text("upgrades");
    driver.keys("Enter");
    settled(&mut driver);
    driver
}

fn changed(driver: &mut Driver) {
    driver.say(Reply::Change(events::Change {
        commands: true,
        ..events::Change::default()
    }));
    settled(driver);
}

#[test]
fn what_is_offered_stands_on_the_rows_and_one_key_queues_it() {
    let mut driver = Driver::logged_in(server());
    driver.keys("2");
    settled(&mut driver);
    insta::assert_snapshot!("upgrades_offered", driver.screen());
    let screen = driver.screen();
    let pending = screen.lines().find(|line| line.contains("PEND")).unwrap();
    assert!(
        !pending.contains("Upgrade"),
        "nothing is offered to a pending system: {pending}"
    );
    // From an active one on, two of them, in one job.
    driver.keys("j Space Space a U");
    settled(&mut driver);
    insta::assert_snapshot!("upgrades_question", driver.screen());
    driver.keys("Tab Enter");
    settled(&mut driver);
    let job = driver.server.jobs.created.last().unwrap();
    assert_eq!((job.kind, job.version.as_deref()), (JobKind::Upgrade, None));
}

#[test]
fn where_there_is_room_it_is_told_in_words() {
    for (ascii, words) in [(false, "Upgrade → v0.2.0"), (true, "Upgrade -> v0.2.0")] {
        let settings = Settings {
            ascii,
            ..Settings::default()
        };
        let mut driver = Driver::start(server(), settings, (120, 30));
        driver.log_in();
        driver.keys("2");
        settled(&mut driver);
        assert_eq!(driver.screen().matches(words).count(), 4, "{}", driver.screen());
        driver.keys("j Enter");
        settled(&mut driver);
        assert!(driver.screen().contains(words), "{}", driver.screen());
    }
}

#[test]
fn where_nothing_is_newer_nothing_is_offered() {
    let mut server = Server::new(0, 3);
    let now = server.clock;
    server.upgrades.add("x86_64-linux", "0.1.0", now);
    server.upgrades.add("x86_64-windows", "9.0.0", now);
    let mut driver = Driver::logged_in(server);
    driver.keys("2");
    settled(&mut driver);
    assert!(!driver.screen().contains("Upgrade"), "{}", driver.screen());
    // Its page says why.
    driver.keys("Enter");
    settled(&mut driver);
    let screen = driver.screen();
    assert!(
        screen.contains("none: it runs 0.1.0, and the package for x86_64-linux is 0.1.0"),
        "{screen}"
    );
}

#[test]
fn screens() {
    insta::assert_snapshot!("upgrades_none", page(Server::new(0, 2)).screen());
    let mut server = server();
    let now = server.clock;
    server.upgrades.put(3, UpgradeState::RolledBack, 5_400_000, now);
    server.upgrades.put(4, UpgradeState::Done, 5_400_000, now);
    server.upgrades.put(5, UpgradeState::Downloading, 2_700_000, now);
    let mut driver = page(server);
    driver.keys("n");
    driver.draw();
    insta::assert_snapshot!("upgrades_form", driver.screen());
    driver.keys("Tab Tab Ctrl-U");
    driver.text("50, 10");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(driver.screen().contains("percentages"), "{}", driver.screen());
    driver.keys("Ctrl-U");
    driver.text("10, 100");
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("upgrades_number", driver.screen());
    driver.text("6");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        driver.server.upgrades.created.is_empty(),
        "another number than what matches"
    );
    driver.keys("Ctrl-U");
    driver.text("5");
    driver.keys("Enter");
    settled(&mut driver);
    let body = driver.server.upgrades.created.last().unwrap();
    assert_eq!(
        (body.version.as_deref(), body.expected_count),
        (Some("0.2.0"), Some(5))
    );
    assert_eq!(body.stages, Some(vec![10, 100]));
    let rollout = driver.server.upgrades.rollouts.first_mut().unwrap();
    rollout.state = RolloutState::Halted;
    rollout.reason = Some("1 failed, were rolled back or refused, and at most 0 may".to_owned());
    rollout.counts.waiting = 3;
    rollout.counts.done = 2;
    rollout.counts.failed = 1;
    changed(&mut driver);
    driver.advance(20_000);
    insta::assert_snapshot!("upgrades_list", driver.screen());
    driver.keys("Home r");
    settled(&mut driver);
    insta::assert_snapshot!("upgrades_resume", driver.screen());
}

#[test]
fn a_question_is_about_what_was_under_the_cursor() {
    let mut server = server();
    let now = server.clock;
    server.upgrades.put(5, UpgradeState::Queued, 0, now);
    let mut driver = page(server);
    driver.keys("x");
    settled(&mut driver);
    driver.keys("Tab Enter");
    settled(&mut driver);
    assert_eq!(driver.server.upgrades.cancelled, [CommandId(45)]);
    driver.keys("h");
    driver.draw();
    assert!(driver.screen().contains("for rollouts"), "{}", driver.screen());
    driver.keys("n Enter");
    settled(&mut driver);
    driver.text("5");
    driver.keys("Enter");
    settled(&mut driver);
    driver.keys("Home h");
    settled(&mut driver);
    driver.keys("Tab Enter");
    settled(&mut driver);
    assert_eq!(
        driver.server.upgrades.steered,
        [(RolloutId(1), Steer::Halt)],
        "{}",
        driver.screen()
    );
}

#[test]
fn a_role_that_may_not_is_told_so() {
    let mut server = server();
    server.role = Role::Editor;
    let mut driver = page(server);
    driver.keys("n");
    driver.draw();
    assert!(driver.screen().contains("needs admin"), "{}", driver.screen());
}
