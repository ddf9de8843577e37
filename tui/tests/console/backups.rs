//! Backups: the list with its schedule and failures, the question before one is made, and whom it is for.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scmtui::model::{Page, Settings};

fn driver(role: Role, size: (u16, u16)) -> Driver {
    let mut server = Server::new(0, 3);
    server.role = role;
    let mut driver = Driver::start(server, Settings::default(), size);
    driver.log_in();
    driver.keys(":");
    driver.text("backups");
    driver.keys("Enter");
    settled(&mut driver);
    driver
}

fn owner() -> Driver {
    driver(Role::Owner, (80, 24))
}

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

#[test]
fn screens() {
    let mut driver = owner();
    insta::assert_snapshot!("backups", driver.screen());
    driver.keys("G");
    driver.draw();
    insta::assert_snapshot!("backups_damaged", driver.screen());
    driver.keys("n");
    driver.draw();
    insta::assert_snapshot!("backups_question", driver.screen());

    let mut failing = owner();
    failing.server.backups.items.clear();
    failing.server.backups.stubborn =
        Some("pg_dump is not installed: install PostgreSQL's client programs".to_owned());
    failing.keys("n");
    settled(&mut failing);
    failing.keys("Tab Enter");
    settled(&mut failing);
    failing.advance(20_000);
    insta::assert_snapshot!("backups_failed", failing.screen());
}

#[test]
fn one_is_made_after_a_question_and_only_then() {
    let mut driver = owner();
    // Keys typed ahead do not answer a question that nobody has seen.
    driver.keys("n Tab Enter");
    settled(&mut driver);
    assert!(driver.server.backups.called.is_empty());
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        driver.server.backups.called.is_empty(),
        "the focus is on the way back"
    );
    driver.keys("n");
    settled(&mut driver);
    driver.keys("Tab Enter");
    assert!(
        driver.screen().contains("Now: making a backup"),
        "{}",
        driver.screen()
    );
    driver.keys("n");
    assert!(driver.console.state.backups.question.is_none(), "one at a time");
    settled(&mut driver);
    assert_eq!(driver.server.backups.called, ["make"]);
    assert!(
        driver.screen().contains("2026-11-22 14:00:00Z"),
        "{}",
        driver.screen()
    );
    assert!(driver.screen().contains("made openscm-"), "{}", driver.screen());
}

#[test]
fn the_one_under_the_cursor_is_checked_and_downloaded() {
    let mut driver = owner();
    let names: Vec<String> = driver
        .server
        .backups
        .items
        .iter()
        .map(|backup| backup.name.clone())
        .collect();
    driver.server.backups.fault = Some("it is damaged: it is cut off".to_owned());
    driver.keys("j");
    driver.draw();
    driver.keys("c");
    settled(&mut driver);
    assert!(driver.screen().contains("it is cut off"), "{}", driver.screen());
    driver.keys("d");
    settled(&mut driver);
    let expected = [format!("check {}", names[1]), format!("download {}", names[1])];
    assert_eq!(driver.server.backups.called, expected);
    assert!(
        driver.screen().contains("wrote 12,057 KiB"),
        "{}",
        driver.screen()
    );
}

#[test]
fn it_is_for_owners_and_fits_a_small_screen() {
    let admin = driver(Role::Admin, (80, 24));
    assert_ne!(admin.console.state.page, Page::Backups);
    assert!(admin.screen().contains("needs owner"), "{}", admin.screen());
    let small = driver(Role::Owner, (60, 12));
    assert!(
        small.screen().contains("2026-11-22 12:00:00Z"),
        "{}",
        small.screen()
    );
}
