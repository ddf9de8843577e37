//! Lists, connections, logins: what happens around an administrator at work.

use crate::driver::Driver;
use crate::samples::system;
use crate::server::Server;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scmtui::message::{Call, Failure, Reply};
use scmtui::model::{Link, Page, Settings};

#[test]
fn when_the_row_under_the_cursor_goes_actions_wait_for_the_next_key() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2 j j");
    assert_eq!(driver.shown_under_cursor().as_deref(), Some("host-003"));
    driver.server.systems.remove(&SystemId(3));
    driver.change(&[], &[3]);
    driver.advance(1_000);
    assert_eq!(driver.shown_under_cursor().as_deref(), Some("host-004"));
    driver.keys("a");
    assert!(
        driver.console.state.overlay.is_none(),
        "the first key after it only looks"
    );
    driver.keys("a");
    assert!(
        driver.screen().contains("actions on host-004"),
        "{}",
        driver.screen()
    );
}

#[test]
fn rows_stay_where_they_are_until_the_administrator_is_idle() {
    let mut driver = Driver::logged_in(Server::new(1, 9));
    driver.keys("2 j");
    driver.advance(2_500);
    driver.keys("j");
    let mut newcomer = system(50, SystemStatus::Pending);
    newcomer.summary.hostname = "aaa".to_owned();
    driver.server.systems.insert(SystemId(50), newcomer);
    driver.change(&[], &[50]);
    driver.advance(1_000);
    let screen = driver.screen();
    assert!(screen.contains("+1 new") && !screen.contains("aaa"), "{screen}");
    driver.advance(2_500);
    let screen = driver.screen();
    assert!(screen.contains("aaa") && !screen.contains("+1 new"), "{screen}");
    assert_eq!(
        driver.shown_under_cursor().as_deref(),
        Some("host-003"),
        "the cursor stays on its system"
    );
}

#[test]
fn values_change_in_place() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2 j");
    driver
        .server
        .systems
        .get_mut(&SystemId(2))
        .unwrap()
        .summary
        .cpu_percent = Some(99.0);
    driver.change(&[2], &[]);
    driver.advance(1_000);
    let row = driver
        .screen()
        .lines()
        .find(|line| line.contains("host-002"))
        .unwrap()
        .to_owned();
    assert!(row.contains(" 99% "), "{row}");
}

#[test]
fn a_large_fleet_is_read_page_by_page_and_an_overflow_reads_it_again() {
    let mut server = Server::new(0, 1_200);
    server.page = 500;
    let mut driver = Driver::logged_in(server);
    driver.keys("2 G");
    assert_eq!(driver.console.state.systems.len(), 1_200);
    let cursor = driver.console.state.systems.cursor();
    driver.keys("k Space");
    for id in 100..200 {
        driver.server.systems.remove(&SystemId(id));
    }
    driver.say(Reply::Change(scm_protocol::events::Change {
        listed_overflow: true,
        ..Default::default()
    }));
    driver.advance(1_000);
    assert_eq!(driver.console.state.systems.len(), 1_100);
    assert_eq!(
        driver.console.state.systems.cursor(),
        cursor,
        "the cursor keeps its system"
    );
    assert_eq!(driver.console.state.systems.marks.len(), 1);
}

#[test]
fn a_lost_connection_is_shown_and_healed_and_typed_text_survives() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2 /");
    driver.text("host");
    for failures in 1..=3 {
        driver.say(Reply::StreamEnded(Failure::Unreachable(
            "connection refused".to_owned(),
        )));
        let failing = matches!(driver.console.state.link, Link::Waiting { failures: counted, .. } if counted == failures);
        assert!(failing);
        driver.draw();
        driver.now = driver.now.plus(501);
        driver.draw();
        assert!(driver.screen().contains("reconnecting"), "{}", driver.screen());
        // The attempt is made, and fails again with the next turn of this loop.
        while driver.calls.is_empty() {
            let at = driver.console.wake_at(driver.now).unwrap();
            driver.now = at.max(driver.now.plus(1));
            driver.take(scmtui::message::Msg::Tick);
        }
        assert!(matches!(driver.calls.pop_front(), Some((_, Call::Stream))));
    }
    driver.text("-00");
    driver.say(Reply::Hello(scm_protocol::events::Hello {
        server_time_ms: driver.server.clock,
        version: "0.1.0".into(),
    }));
    driver.settle();
    driver.advance(1_000);
    let screen = driver.screen();
    assert!(screen.contains("live") && screen.contains("/host-00"), "{screen}");
}

#[test]
fn an_ended_session_leads_to_the_login_and_back_to_the_page() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2 j j j Space");
    driver.server.expired = true;
    driver.say(Reply::StreamEnded(Failure::Unauthorized(
        "the session expired".to_owned(),
    )));
    driver.settle();
    driver.draw();
    assert!(
        driver.screen().contains("the session ended"),
        "{}",
        driver.screen()
    );
    driver.keys("x Enter");
    driver.settle();
    driver.advance(1_000);
    assert_eq!(driver.console.state.page, Page::Systems);
    assert_eq!(driver.shown_under_cursor().as_deref(), Some("host-005"));
    assert_eq!(driver.console.state.systems.marks.len(), 1);
}

#[test]
fn answers_for_an_earlier_server_are_dropped() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    let before = driver.console.state.generation;
    driver.keys("@ j Enter");
    assert_eq!(driver.console.state.page, Page::Login);
    let page = driver
        .server
        .answer(Call::List {
            round: 1,
            cursor: None,
        })
        .pop()
        .unwrap();
    driver.take(scmtui::message::Msg::Reply {
        generation: before,
        reply: page,
    });
    assert!(driver.console.state.fleet.is_empty());
    assert!(
        driver.screen().contains("https://lab.example:8443"),
        "{}",
        driver.screen()
    );
}

#[test]
fn the_first_run_checks_what_it_can_before_it_asks() {
    let mut server = Server::new(0, 0);
    server.setup_needed = true;
    let mut driver = Driver::start(server, Settings::default(), (80, 24));
    driver.settle();
    driver.draw();
    driver.text("ABCD-EFGH");
    driver.keys("Tab j d o e Tab");
    driver.text("short");
    driver.keys("Tab");
    driver.text("short");
    driver.keys("Enter");
    assert!(
        driver.screen().contains("at least 12 characters"),
        "{}",
        driver.screen()
    );
    driver.text("-but-longer-now");
    driver.keys("Tab Enter");
    assert!(
        driver.screen().contains("the two passwords differ"),
        "{}",
        driver.screen()
    );
    driver.text("-but-longer-now");
    driver.keys("Enter");
    driver.settle();
    driver.advance(1_000);
    assert!(driver.screen().contains("no systems yet"), "{}", driver.screen());
}

#[test]
fn copying_goes_through_the_terminal() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2 Space Space y");
    assert_eq!(driver.copied, ["host-001\nhost-002"]);
}

#[test]
fn a_pause_holds_the_picture_still() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2 p");
    driver.written();
    driver.server.systems.remove(&SystemId(2));
    driver.change(&[1, 3], &[2]);
    driver.advance(10_000);
    assert_eq!(driver.written(), (0, 0));
    driver.keys("p");
    driver.settle();
    driver.advance(1_000);
    assert!(!driver.screen().contains("host-002"), "{}", driver.screen());
}

#[test]
fn a_server_that_does_not_answer_is_said_to_while_keys_work() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2");
    driver.say(Reply::Late(true));
    driver.advance(600);
    let first = |driver: &Driver| driver.screen().lines().next().unwrap_or_default().to_owned();
    assert!(first(&driver).contains("no answer yet"), "{}", first(&driver));
    driver.keys("j j");
    assert_eq!(driver.shown_under_cursor().as_deref(), Some("host-003"));
    driver.say(Reply::Late(false));
    driver.advance(600);
    assert!(first(&driver).contains("live"), "{}", first(&driver));
}

#[test]
fn whoever_logs_in_again_types_the_password_only() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2 j j");
    driver.say(Reply::StreamEnded(Failure::Unauthorized(
        "it has expired".to_owned(),
    )));
    driver.settle();
    driver.draw();
    driver.keys("s e c r e t Enter");
    driver.settle();
    driver.advance(600);
    assert_eq!(driver.console.state.page, Page::Systems);
    assert_eq!(driver.shown_under_cursor().as_deref(), Some("host-003"));
}
