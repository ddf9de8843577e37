//! Everything that matches a filter, tags and groups: from `*` to the job that the server takes.

use crate::driver::Driver;
use crate::samples::system;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::ids::{GroupId, SystemId};
use scm_protocol::jobs::{CreateJob, JobKind};
use scm_protocol::systems::SystemStatus;
use scmtui::model::Page;

fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

/// Everything is answered, drawn, and read by the person.
fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

/// Fourteen wait, twenty-six are active, and there are groups.
fn fleet(role: Role) -> Driver {
    let mut server = Server::new(14, 40);
    server.role = role;
    let systems = server.systems.clone();
    server.groups.some(&systems);
    let mut driver = Driver::logged_in(server);
    driver.keys("2");
    settled(&mut driver);
    driver
}

fn filtered(driver: &mut Driver, filter: &str) {
    driver.keys("/");
    driver.text(filter);
    driver.keys("Enter");
    settled(driver);
    assert_eq!(driver.console.state.systems.filter.text(), filter);
}

fn only_job(driver: &Driver) -> &CreateJob {
    let [job] = driver.server.jobs.created.as_slice() else {
        panic!("{:?}", driver.server.jobs.created)
    };
    job
}

#[test]
fn everything_that_matches_is_tagged_by_its_filter() {
    let mut driver = fleet(Role::Admin);
    filtered(&mut driver, "status = pending");
    driver.keys("*");
    insta::assert_snapshot!("bulk_bar_everything", driver.screen());
    driver.keys("a");
    insta::assert_snapshot!("bulk_menu", driver.screen());
    driver.keys("t");
    driver.text("two words");
    driver.keys("Enter");
    insta::assert_snapshot!("bulk_tag_form", driver.screen());
    driver.keys("Ctrl-U");
    driver.text("edge");
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("bulk_question", driver.screen());
    driver.text("14");
    driver.keys("Enter");
    driver.settle();
    let job = only_job(&driver);
    assert_eq!((job.kind, job.tag.as_deref()), (JobKind::Tag, Some("edge")));
    assert_eq!(
        (job.filter.as_deref(), job.expected_count),
        (Some("status = pending"), Some(14))
    );
    assert!(job.systems.is_empty());
    assert!(driver.console.state.systems.whole().is_none(), "it is done with");
    driver.keys("7");
    settled(&mut driver);
    driver.server.run_jobs();
    driver.jobs_changed();
    driver.keys("Enter");
    settled(&mut driver);
    driver.advance(20_000);
    assert!(
        driver.screen().contains("tag edge 14 systems by user:jdoe"),
        "{}",
        driver.screen()
    );
}

#[test]
fn another_number_is_shown_beside_the_one_that_was_confirmed() {
    let mut driver = fleet(Role::Admin);
    driver.keys("3 * a a");
    settled(&mut driver);
    // One more waits by now, and the console has not heard of it.
    let late = system(99, SystemStatus::Pending);
    driver.server.systems.insert(SystemId(99), late);
    driver.text("14");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(driver.server.jobs.created.is_empty(), "nothing is done");
    insta::assert_snapshot!("bulk_count_changed", driver.screen());
    // Keys typed for the old question do nothing; the new number is typed anew.
    driver.text("14");
    driver.keys("Enter");
    assert!(driver.calls.is_empty());
    driver.keys("Backspace Backspace 1 5 Enter");
    settled(&mut driver);
    let job = only_job(&driver);
    assert_eq!(
        (job.filter.as_deref(), job.expected_count),
        (Some("status = pending"), Some(15))
    );
}

#[test]
fn a_group_is_picked_among_manual_ones_alone() {
    let mut driver = fleet(Role::Editor);
    driver.keys("j j j j j Space Space a g");
    settled(&mut driver);
    insta::assert_snapshot!("bulk_group_picker", driver.screen());
    assert!(!driver.screen().contains("linux-docker"), "{}", driver.screen());
    driver.text("no such");
    driver.keys("Enter");
    assert!(
        driver.screen().contains("there is no such manual group"),
        "{}",
        driver.screen()
    );
    driver.keys("Ctrl-U Enter");
    settled(&mut driver);
    driver.keys("Tab Enter");
    settled(&mut driver);
    let job = only_job(&driver);
    assert_eq!((job.kind, job.group), (JobKind::GroupAdd, Some(GroupId(1))));
    assert_eq!(
        job.systems.iter().map(|chosen| chosen.ids.len()).sum::<usize>(),
        2
    );
}

/// T0: one system is tagged without a question, as a job of one.
#[test]
fn a_single_system_is_tagged_at_once() {
    let mut driver = fleet(Role::Editor);
    driver.keys("a u");
    driver.text("old");
    driver.keys("Enter");
    settled(&mut driver);
    let job = only_job(&driver);
    assert_eq!((job.kind, job.tag.as_deref()), (JobKind::Untag, Some("old")));
    assert!(driver.console.state.dialog.is_none());
}

#[test]
fn single_systems_are_taken_out_of_everything() {
    let mut driver = fleet(Role::Admin);
    driver.keys("3 * Space a a");
    settled(&mut driver);
    driver.text("13");
    driver.keys("Enter");
    settled(&mut driver);
    let job = only_job(&driver);
    assert_eq!((job.filter.as_deref(), job.expected_count), (None, None));
    assert_eq!(
        job.systems.iter().map(|chosen| chosen.ids.len()).sum::<usize>(),
        13
    );
}

#[test]
fn a_selection_ends_with_the_filter_that_it_was_made_with() {
    let mut driver = fleet(Role::Admin);
    filtered(&mut driver, "status = pending");
    driver.keys("*");
    assert!(driver.console.state.systems.whole().is_some());
    driver.keys("/ Backspace");
    assert!(driver.console.state.systems.whole().is_none());
    driver.keys("Enter * -");
    assert!(driver.console.state.systems.whole().is_none());
    // A filter of the page of those that wait is about those that wait.
    driver.keys("3 /");
    driver.text("host-00 or host-01");
    driver.keys("Enter *");
    let whole = driver.console.state.pending.whole().unwrap();
    assert_eq!(whole.filter, "status = pending and (host-00 or host-01)");
}

#[test]
fn what_the_role_forbids_is_told() {
    let mut driver = fleet(Role::Viewer);
    driver.keys("* a");
    insta::assert_snapshot!("bulk_menu_viewer", driver.screen());
    driver.keys("t");
    assert!(
        last_line(&driver).starts_with("tag: needs"),
        "{}",
        last_line(&driver)
    );
    assert_eq!(driver.console.state.page, Page::Systems);
    assert!(driver.console.state.overlay.is_none());
}

/// Typed before the list was read to its end: it is everything all the same, by the server's number.
#[test]
fn everything_is_selected_before_all_of_it_was_read() {
    let mut driver = Driver::logged_in(Server::new(0, 400));
    driver.console.state.fleet.complete = false;
    driver.keys("2 * a x");
    driver
        .server
        .systems
        .insert(SystemId(999), system(999, SystemStatus::Active));
    settled(&mut driver);
    assert!(
        driver.screen().contains("Delete 401 systems in one job"),
        "{}",
        driver.screen()
    );
}

/// The form, to the last field of an action that takes values.
fn restarting(driver: &mut Driver) {
    driver.keys("a e");
    settled(driver);
    driver.text("restart");
    driver.keys("Enter");
    driver.text("nginx");
    driver.keys("Tab");
    driver.text("upgrade");
    driver.keys("Tab Ctrl-U");
    driver.text("5");
    driver.keys("Tab Ctrl-U");
    driver.text("2");
}

#[test]
fn an_action_runs_on_what_is_marked() {
    let mut driver = fleet(Role::Admin);
    filtered(&mut driver, "status = active");
    driver.keys("Space Space Space a e");
    settled(&mut driver);
    insta::assert_snapshot!("bulk_run_choose", driver.screen());
    driver.keys("Esc");
    restarting(&mut driver);
    driver.draw();
    insta::assert_snapshot!("bulk_run_values", driver.screen());
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("bulk_run_question", driver.screen());
    driver.keys("Tab Enter");
    settled(&mut driver);
    let job = only_job(&driver);
    let run = job.run.as_ref().unwrap();
    assert_eq!(
        (job.kind, run.action.as_str()),
        (JobKind::RunAction, "restart-service")
    );
    assert_eq!((run.batch_size, run.max_failures, run.confirmed), (5, 2, false));
    assert_eq!(run.parameters["service"], "nginx");
    let ids: usize = job.systems.iter().map(|chosen| chosen.ids.len()).sum();
    assert_eq!(ids, 3);
}

#[test]
fn a_job_that_ran_an_action_leads_to_what_was_written() {
    let mut driver = fleet(Role::Admin);
    filtered(&mut driver, "status = active");
    driver.keys("Space Space");
    restarting(&mut driver);
    driver.keys("Enter");
    settled(&mut driver);
    driver.keys("Tab Enter");
    settled(&mut driver);
    let told = driver.server.tell_systems();
    driver.jobs_changed();
    driver.keys("7 Enter");
    settled(&mut driver);
    driver.advance(20_000);
    driver.keys("j");
    driver.draw();
    insta::assert_snapshot!("bulk_run_job", driver.screen());
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.console.state.page, Page::Command(told[1]));
    assert!(driver.screen().contains("restarted"), "{}", driver.screen());
}

#[test]
fn what_cannot_be_typed_is_not_sent_and_what_asks_for_it_is_typed() {
    let mut driver = fleet(Role::Admin);
    filtered(&mut driver, "status = active");
    driver.keys("Space Space a e");
    settled(&mut driver);
    // `reboot` asks for confirmation: the number is typed although there are only two.
    driver.keys("Enter Ctrl-U");
    driver.text("0");
    driver.keys("Enter Enter");
    driver.draw();
    assert!(
        driver.screen().contains("must be a number from 1 to 1000"),
        "{}",
        driver.screen()
    );
    driver.keys("Ctrl-U");
    driver.text("1");
    driver.keys("Enter Enter");
    settled(&mut driver);
    driver.keys("Tab Enter");
    driver.settle();
    assert!(driver.server.jobs.created.is_empty());
    driver.text("2");
    driver.keys("Enter");
    driver.settle();
    assert!(only_job(&driver).run.as_ref().unwrap().confirmed);
    driver.keys("7 x");
    settled(&mut driver);
    assert!(
        driver.screen().contains("What is under way is"),
        "{}",
        driver.screen()
    );
    driver.keys("Esc");
    // Trying again asks as much as the first time.
    driver.server.tell_systems();
    driver.jobs_changed();
    driver.keys("r");
    settled(&mut driver);
    assert!(
        driver.screen().contains("type the number 1"),
        "{}",
        driver.screen()
    );
}

#[test]
fn an_editor_is_told_that_running_needs_an_admin() {
    let mut driver = fleet(Role::Editor);
    driver.keys("Space Space a");
    assert!(driver.screen().contains("needs admin"), "{}", driver.screen());
    driver.keys("e");
    settled(&mut driver);
    assert!(
        driver.screen().contains("execute: needs admin"),
        "{}",
        driver.screen()
    );
}
