//! Bulk jobs: from the marks over the question to the outcome of each system.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::ids::{JobId, SystemId};
use scm_protocol::jobs::{JobKind, JobState};
use scm_protocol::systems::SystemStatus;
use scmtui::model::{Page, Settings};

fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

/// Fourteen approvals in one job, of which two fail and the rest is done.
fn approved(settings: Settings) -> Driver {
    let mut driver = Driver::start(Server::new(14, 20), settings, (80, 24));
    driver.log_in();
    driver.server.stubborn = vec![SystemId(4), SystemId(6)];
    driver.keys("3 * a a");
    settled(&mut driver);
    driver.text("14");
    driver.keys("Enter");
    settled(&mut driver);
    driver
}

#[test]
fn screens() {
    let mut driver = Driver::logged_in(Server::new(14, 20));
    driver.keys("2 Space Space v j");
    insta::assert_snapshot!("jobs_bulk_bar", driver.screen());
    driver.keys("v a a");
    settled(&mut driver);
    insta::assert_snapshot!("jobs_question", driver.screen());

    let mut driver = approved(Settings::default());
    driver.server.run_some(9);
    driver.keys("7");
    settled(&mut driver);
    driver.advance(6_000);
    insta::assert_snapshot!("jobs_running", driver.screen());
    driver.server.run_jobs();
    driver.jobs_changed();
    driver.keys("Enter");
    settled(&mut driver);
    driver.advance(20_000);
    insta::assert_snapshot!("jobs_one", driver.screen());
    driver.keys("r");
    driver.draw();
    insta::assert_snapshot!("jobs_retry_question", driver.screen());

    let mut empty = Driver::logged_in(Server::new(0, 3));
    empty.keys("7");
    settled(&mut empty);
    insta::assert_snapshot!("jobs_none", empty.screen());
}

/// Nothing of it is drawn with anything but ASCII, and no state with colour alone.
#[test]
fn progress_is_ascii_and_a_number() {
    let settings = Settings {
        ascii: true,
        mono: true,
        ..Settings::default()
    };
    let mut driver = approved(settings);
    driver.server.run_some(7);
    driver.keys("7");
    settled(&mut driver);
    let screen = driver.screen();
    assert!(screen.is_ascii(), "{screen}");
    assert!(screen.contains("RUNNING   [#####.....]  50%"), "{screen}");
}

#[test]
fn a_job_names_the_marked_with_the_status_that_was_shown() {
    let mut driver = Driver::logged_in(Server::new(2, 6));
    driver.keys("2 v G v a x");
    settled(&mut driver);
    // A decision of somebody else, between the question and the answer, changes nothing of what is asked for.
    driver
        .server
        .systems
        .get_mut(&SystemId(1))
        .unwrap()
        .summary
        .status = SystemStatus::Active;
    driver.change(&[], &[1]);
    driver.advance(600);
    driver.text("6");
    driver.keys("Enter");
    driver.settle();
    let [job] = driver.server.jobs.created.as_slice() else {
        panic!("{:?}", driver.server.jobs.created)
    };
    assert_eq!(job.kind, JobKind::Delete);
    let mut named: Vec<(i64, SystemStatus)> = job
        .systems
        .iter()
        .flat_map(|chosen| chosen.ids.iter().map(|id| (id.0, chosen.expected_status)))
        .collect();
    named.sort_unstable();
    let expected = (1..=6).map(|id| {
        let status = if id <= 2 {
            SystemStatus::Pending
        } else {
            SystemStatus::Active
        };
        (id, status)
    });
    assert_eq!(named, expected.collect::<Vec<_>>());
    driver.server.run_jobs();
    assert!(
        !driver.server.acted.iter().any(|(_, id)| *id == SystemId(1)),
        "it is another than it was when it was chosen"
    );
}

#[test]
fn the_end_of_a_job_is_told_anywhere_and_the_failed_are_marked() {
    let mut driver = approved(Settings::default());
    driver.keys("1");
    driver.server.run_jobs();
    driver.jobs_changed();
    assert!(
        driver.screen().contains("2 systems of job 1 are marked now"),
        "{}",
        driver.screen()
    );
    let mut marks: Vec<i64> = driver.console.state.systems.marks.iter().map(|id| id.0).collect();
    marks.sort_unstable();
    assert_eq!(marks, [4, 6]);
    assert_eq!(driver.server.acted.len(), 12);
}

#[test]
fn a_job_is_cancelled_after_a_question_and_says_what_is_left() {
    let mut driver = approved(Settings::default());
    driver.server.run_some(5);
    driver.keys("7");
    settled(&mut driver);
    driver.keys("x");
    // Typed before the question was read.
    driver.keys("Tab Enter");
    assert_eq!(driver.server.jobs.jobs[0].0.state, JobState::Running);
    driver.advance(600);
    driver.keys("Tab Enter");
    driver.settle();
    driver.draw();
    driver.advance(600);
    assert_eq!(driver.server.jobs.jobs[0].0.state, JobState::Cancelled);
    assert!(driver.screen().contains("CANCELLED"), "{}", driver.screen());
    driver.keys("x");
    assert_eq!(last_line(&driver), "job 1: is over already");
}

#[test]
fn the_failed_are_tried_again_and_marked_by_a_key() {
    let mut driver = approved(Settings::default());
    driver.server.run_jobs();
    driver.jobs_changed();
    driver.server.stubborn.clear();
    driver.keys("2 - 7 Enter");
    settled(&mut driver);
    assert_eq!(driver.console.state.page, Page::Job(JobId(1)));
    driver.keys("m");
    driver.settle();
    assert_eq!(driver.console.state.pending.marks.len(), 2);
    driver.keys("r");
    driver.draw();
    driver.advance(600);
    driver.keys("Tab Enter");
    driver.settle();
    driver.server.run_jobs();
    driver.jobs_changed();
    let (again, _) = &driver.server.jobs.jobs[1];
    assert_eq!((again.retry_of, again.counts.done), (Some(JobId(1)), 2));
    assert_eq!(driver.server.acted.len(), 14);
    driver.keys("Esc");
    assert_eq!(driver.console.state.page, Page::Jobs);
}

#[test]
fn what_is_refused_is_said_and_nothing_is_done() {
    let mut driver = Driver::logged_in(Server::new(3, 6));
    driver.server.jobs.stubborn = Some("names 4 systems too many".to_owned());
    driver.keys("3 * a a");
    settled(&mut driver);
    driver.keys("Tab Enter");
    driver.settle();
    driver.draw();
    assert_eq!(last_line(&driver), "nothing was done: names 4 systems too many");
    assert!(driver.server.acted.is_empty() && driver.console.state.dialog.is_none());
    assert!(
        driver.console.state.pending.whole().is_some(),
        "the selection stays for another try"
    );
}

#[test]
fn what_the_role_forbids_is_shown_with_its_reason() {
    let mut viewer = Server::new(2, 6);
    viewer.role = Role::Viewer;
    let mut driver = Driver::logged_in(viewer);
    driver.keys("7");
    settled(&mut driver);
    assert!(
        driver.screen().contains("x r: needs editor"),
        "{}",
        driver.screen()
    );
    let mut compliance = Server::new(2, 6);
    compliance.role = Role::Compliance;
    let mut driver = Driver::logged_in(compliance);
    driver.keys("7");
    assert!(
        last_line(&driver).starts_with("jobs: needs"),
        "{}",
        last_line(&driver)
    );
    assert_eq!(driver.console.state.page, Page::Dashboard);
}
