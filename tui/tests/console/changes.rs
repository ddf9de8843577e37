//! Changes of systems: from the key over the question to the outcome of each.

use crate::driver::Driver;
use crate::samples::system;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scmtui::model::{Change, Page, Phase, Settings};

fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn a_pending_system_is_approved_by_its_words() {
    let mut driver = Driver::logged_in(Server::new(2, 5));
    driver.keys("3");
    driver.advance(1_000);
    let words = system(1, SystemStatus::Pending).fingerprint_words;
    assert!(
        driver.screen().contains(words.split(' ').next().unwrap()),
        "{}",
        driver.screen()
    );
    driver.keys("a a");
    driver.settle();
    driver.draw();
    assert!(driver.screen().contains(&words), "{}", driver.screen());
    driver.advance(600);
    driver.keys("Tab Enter");
    driver.settle();
    driver.draw();
    assert_eq!(driver.server.acted, [(Change::Approve, SystemId(1))]);
    assert_eq!(last_line(&driver), "approved host-001");
    driver.advance(1_000);
    // The row stays where it was for a while, but nobody waits there any more.
    assert!(
        driver.screen().contains("1 decided  1 of 1"),
        "{}",
        driver.screen()
    );
}

#[test]
fn enter_alone_cancels_and_queued_keys_do_nothing() {
    let mut driver = Driver::logged_in(Server::new(2, 5));
    driver.keys("3 a a");
    driver.settle();
    driver.draw();
    // Typed before the question had been on the screen for half a second.
    driver.keys("Tab Enter");
    driver.settle();
    assert!(driver.server.acted.is_empty() && driver.console.state.dialog.is_some());
    driver.advance(600);
    driver.keys("Enter");
    assert!(driver.console.state.dialog.is_none(), "the focus is on Cancel");
    assert!(driver.server.acted.is_empty());
}

#[test]
fn a_destructive_change_wants_the_name_typed() {
    let mut driver = Driver::logged_in(Server::new(0, 5));
    driver.keys("2 j a x");
    driver.settle();
    driver.draw();
    driver.advance(600);
    driver.text("host-00");
    driver.keys("Enter");
    assert!(
        driver.server.acted.is_empty() && driver.console.state.dialog.is_some(),
        "a part of the name is not it"
    );
    driver.text("2");
    driver.keys("Enter");
    driver.settle();
    assert_eq!(driver.server.acted, [(Change::Delete, SystemId(2))]);
}

#[test]
fn ten_systems_want_the_number_typed_and_the_failed_become_the_marks() {
    let mut driver = Driver::logged_in(Server::new(12, 20));
    driver.server.stubborn = vec![SystemId(4), SystemId(6)];
    driver.keys("3 v G v a a");
    driver.settle();
    driver.draw();
    driver.advance(600);
    assert!(
        driver.screen().contains("type the number 12"),
        "{}",
        driver.screen()
    );
    driver.text("12");
    driver.keys("Enter");
    driver.settle();
    driver.draw();
    let screen = driver.screen();
    assert!(
        screen.contains("job 1: approve 12 systems; 7 shows it"),
        "{screen}"
    );
    assert!(driver.console.state.pending.marks.is_empty());
    driver.server.run_jobs();
    driver.jobs_changed();
    assert_eq!(driver.server.acted.len(), 10);
    let mut marks: Vec<i64> = driver.console.state.pending.marks.iter().map(|id| id.0).collect();
    marks.sort_unstable();
    assert_eq!(marks, [4, 6]);
}

#[test]
fn a_request_names_what_was_drawn_and_nothing_newer() {
    let mut driver = Driver::logged_in(Server::new(2, 5));
    driver.keys("3 a a");
    driver.settle();
    driver.draw();
    // Somebody else registers under this id's place: same id, another key, while the question is on the screen.
    let replaced = system(99, SystemStatus::Pending);
    let fingerprint = replaced.fingerprint;
    driver.server.systems.get_mut(&SystemId(1)).unwrap().fingerprint = fingerprint;
    driver.change(&[], &[1]);
    driver.advance(600);
    driver.keys("Tab Enter");
    driver.settle();
    driver.draw();
    assert!(driver.server.acted.is_empty());
    assert!(
        last_line(&driver).starts_with("could not approve host-001"),
        "{}",
        last_line(&driver)
    );
}

#[test]
fn what_fits_none_is_said_and_what_fits_some_leaves_the_rest_out() {
    let mut driver = Driver::logged_in(Server::new(2, 5));
    driver.keys("2 G a a");
    driver.settle();
    driver.draw();
    assert_eq!(last_line(&driver), "nothing to approve: host-005 is active");
    driver.keys("* a a");
    driver.settle();
    driver.draw();
    assert!(
        driver.screen().contains("left out: 3 systems"),
        "{}",
        driver.screen()
    );
    driver.advance(600);
    driver.keys("Tab Enter");
    driver.settle();
    driver.server.run_jobs();
    assert_eq!(driver.server.acted.len(), 2);
}

#[test]
fn restoring_one_system_is_done_at_once_and_taken_back_by_one_key() {
    let mut driver = Driver::logged_in(Server::new(0, 3));
    driver
        .server
        .systems
        .get_mut(&SystemId(1))
        .unwrap()
        .summary
        .status = SystemStatus::Revoked;
    driver.change(&[], &[1]);
    driver.advance(1_000);
    driver.keys("2 a s");
    driver.settle();
    driver.draw();
    assert_eq!(driver.server.acted, [(Change::Restore, SystemId(1))]);
    assert!(
        last_line(&driver).contains("u takes it back"),
        "{}",
        last_line(&driver)
    );
    driver.keys("u");
    driver.settle();
    assert_eq!(driver.server.acted.last(), Some(&(Change::Revoke, SystemId(1))));
}

#[test]
fn a_viewer_sees_what_it_may_not_do_and_why() {
    let mut server = Server::new(2, 5);
    server.role = Role::Viewer;
    let mut driver = Driver::logged_in(server);
    driver.keys("3 a");
    assert_eq!(
        driver.screen().matches("(needs editor)").count(),
        14,
        "{}",
        driver.screen()
    );
    driver.keys("a");
    driver.settle();
    driver.draw();
    assert_eq!(last_line(&driver), "approve: needs editor");
    assert!(driver.console.state.dialog.is_none() && driver.calls.is_empty());
}

#[test]
fn read_only_mode_refuses_here_whatever_the_role() {
    let mut driver = Driver::start(Server::new(2, 5), Settings::default(), (80, 24));
    driver.console.state.contexts[0].read_only = true;
    driver.log_in();
    assert!(driver.screen().contains("  RO "), "{}", driver.screen());
    driver.keys("3 a d");
    driver.settle();
    assert!(driver.server.acted.is_empty() && driver.console.state.dialog.is_none());
    assert_eq!(last_line(&driver), "deny: read-only mode");
}

#[test]
fn a_change_runs_on_behind_and_tells_when_it_is_done() {
    let mut driver = Driver::logged_in(Server::new(3, 9));
    driver.keys("3 * a a");
    driver.settle();
    driver.draw();
    driver.advance(600);
    driver.keys("Tab Enter");
    assert!(matches!(
        driver.console.state.dialog.as_ref().map(|dialog| &dialog.phase),
        Some(Phase::Running { .. })
    ));
    driver.keys("Esc 2");
    driver.settle();
    driver.draw();
    assert!(driver.console.state.dialog.is_none());
    driver.server.run_jobs();
    driver.jobs_changed();
    assert_eq!(last_line(&driver), "job 1: approved 3 systems");
}

#[test]
fn the_palette_finds_pages_actions_and_systems() {
    let mut driver = Driver::logged_in(Server::new(2, 9));
    driver.keys(": a u d i t Enter");
    assert_eq!(driver.console.state.page, Page::Audit);
    driver.keys(": h o s t - 0 0 7 Enter");
    driver.settle();
    driver.draw();
    assert_eq!(driver.console.state.page, Page::System(SystemId(7)));
    driver.keys("Esc");
    assert_eq!(driver.console.state.page, Page::Audit);
    driver.keys("3 : a p p r o v e Enter");
    driver.settle();
    assert!(driver.console.state.dialog.is_some());
}
