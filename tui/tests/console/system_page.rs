//! A system's own page: more than fits at 80×24, its tags and its note.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::ids::SystemId;
use scmtui::message::Failure;

/// On the page of host-012, which has containers, groups and a long note.
fn driver(role: Role) -> Driver {
    let mut server = Server::new(1, 24);
    server.role = role;
    server.groups.some(&server.systems);
    let system = server.systems.get_mut(&SystemId(12)).unwrap();
    system.note = Some("the one in the cellar: ".to_owned() + &"do not restart it on a Friday. ".repeat(6));
    system.summary.tags = vec!["cellar".to_owned(), "old".to_owned()];
    let mut driver = Driver::logged_in(server);
    driver.keys("2 / h o s t - 0 1 2 Enter Enter");
    settled(&mut driver);
    driver
}

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn what_does_not_fit_is_reached_by_scrolling() {
    let mut driver = driver(Role::Admin);
    insta::assert_snapshot!("system_top", driver.screen());
    driver.keys("G");
    insta::assert_snapshot!("system_bottom", driver.screen());
    driver.keys("g j j");
    assert!(
        driver.screen().lines().nth(2).unwrap().starts_with("address"),
        "{}",
        driver.screen()
    );
    driver.keys("k Home PgDn");
    let scrolled = driver.screen();
    assert!(!scrolled.contains("address   "), "{scrolled}");
}

#[test]
fn the_place_is_kept_while_values_change_and_never_runs_off_the_end() {
    let mut driver = driver(Role::Admin);
    driver.keys("G");
    let before = driver.screen();
    driver
        .server
        .systems
        .get_mut(&SystemId(12))
        .unwrap()
        .summary
        .cpu_percent = Some(1.0);
    driver.change(&[12], &[]);
    driver.advance(2_000);
    let line = |screen: &str| screen.lines().nth(10).unwrap_or_default().to_owned();
    assert_eq!(line(&before), line(&driver.screen()));
    // What stood there is gone: the page ends where it ends.
    let system = driver.server.systems.get_mut(&SystemId(12)).unwrap();
    system.note = None;
    system.containers.clear();
    driver.change(&[12], &[12]);
    driver.advance(2_000);
    let rows = driver
        .screen()
        .lines()
        .skip(2)
        .take(20)
        .filter(|line| line.is_empty())
        .count();
    assert_eq!(rows, 0, "{}", driver.screen());
}

#[test]
fn tags_are_changed_in_a_form() {
    let mut driver = driver(Role::Editor);
    driver.keys("t");
    insta::assert_snapshot!("system_tags_form", driver.screen());
    driver.text(" web,1");
    driver.keys("Enter");
    assert!(
        driver.screen().contains("`web,1` must have"),
        "{}",
        driver.screen()
    );
    driver.keys("Ctrl-W Ctrl-W Ctrl-W");
    driver.text("web");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        last_line(&driver).contains("tags changed"),
        "{}",
        last_line(&driver)
    );
    let (id, body) = driver.server.groups.tagged.pop().unwrap();
    assert_eq!(
        (id, body.add.len(), body.remove.len()),
        (SystemId(12), 1, 1),
        "{body:?}"
    );
}

#[test]
fn what_the_server_says_to_tags_stays_in_the_form() {
    let mut driver = driver(Role::Editor);
    driver.server.groups.refuses_tags = Some("there are 64 tags already");
    driver.keys("t");
    driver.text(" web");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        driver.screen().contains("there are 64 tags already"),
        "{}",
        driver.screen()
    );
    assert!(
        driver.screen().contains("cellar old web"),
        "what was typed is there"
    );
    driver.keys("Esc");
    assert!(!driver.screen().contains("64 tags"));
}

#[test]
fn a_note_is_changed_and_a_blank_one_removes_it() {
    let mut driver = driver(Role::Editor);
    driver.keys("n Ctrl-U");
    driver.text("moved to the attic");
    insta::assert_snapshot!("system_note_form", driver.screen());
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        last_line(&driver).contains("note changed"),
        "{}",
        last_line(&driver)
    );
    assert_eq!(
        driver.server.groups.noted.pop().unwrap(),
        (SystemId(12), "moved to the attic".to_owned())
    );
    driver.keys("n Ctrl-U Enter");
    settled(&mut driver);
    assert_eq!(driver.server.groups.noted.pop().unwrap().1, "");
}

#[test]
fn a_viewer_is_told_why_not() {
    let mut driver = driver(Role::Viewer);
    driver.keys("t");
    assert!(
        last_line(&driver).contains("needs editor"),
        "{}",
        last_line(&driver)
    );
    driver.keys("n");
    assert!(
        last_line(&driver).contains("needs editor"),
        "{}",
        last_line(&driver)
    );
}

#[test]
fn what_is_typed_survives_a_lost_connection() {
    let mut driver = driver(Role::Editor);
    driver.keys("n");
    driver.text("and more");
    driver.say(scmtui::message::Reply::StreamEnded(Failure::Unreachable(
        "the server fell silent".to_owned(),
    )));
    driver.advance(600);
    assert!(driver.screen().contains("and more"), "{}", driver.screen());
    assert!(driver.screen().contains("reconnecting") || driver.screen().contains("live"));
}
