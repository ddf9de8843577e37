//! Columns, saved filters, exports, and what is remembered of them.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::ids::SystemId;
use scm_protocol::saved_filters::SaveFilter;
use scmtui::model::{ExportFormat, Overlay, Page};

fn server() -> Server {
    let mut server = Server::new(0, 40);
    let filter = |name: &str, filter: &str, sort: &str, shared| SaveFilter {
        name: name.to_owned(),
        filter: filter.to_owned(),
        sort: sort.to_owned(),
        columns: Vec::new(),
        shared,
    };
    server
        .views
        .add(1, filter("busy", "cpu_percent >= 90", "-cpu_percent", false));
    server
        .views
        .add(2, filter("offline ones", "presence = offline", "", true));
    server
}

fn driver(role: Role) -> Driver {
    let mut server = server();
    server.role = role;
    let mut driver = Driver::logged_in(server);
    driver.keys("2");
    driver
}

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

fn line(driver: &Driver, number: usize) -> String {
    driver.screen().lines().nth(number).unwrap_or_default().to_owned()
}

fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn the_present_filter_is_saved_under_a_name_and_found_by_the_palette() {
    let mut driver = driver(Role::Editor);
    driver.keys("/ 0 0 7 Enter F");
    settled(&mut driver);
    insta::assert_snapshot!("saved_filters", driver.screen());
    driver.keys("n");
    driver.text("seven");
    driver.keys("Tab Space");
    insta::assert_snapshot!("saved_filters_form", driver.screen());
    driver.keys("Enter");
    settled(&mut driver);
    let saved = driver.server.views.filters.last().unwrap();
    assert_eq!(
        (saved.name.as_str(), saved.filter.as_str(), saved.shared),
        ("seven", "007", true)
    );
    assert!(!saved.columns.is_empty());
    driver.keys("Esc 1");
    driver.keys(":");
    driver.text("filter off");
    assert!(
        driver.screen().contains("presence = offline"),
        "{}",
        driver.screen()
    );
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.console.state.page, Page::Systems);
    assert_eq!(driver.console.state.systems.filter.text(), "presence = offline");
    assert_eq!(driver.console.state.systems.len(), 5);
}

#[test]
fn a_saved_filter_brings_its_order() {
    let mut driver = driver(Role::Viewer);
    driver.keys("F");
    settled(&mut driver);
    driver.keys("Enter");
    assert!(
        line(&driver, 1).contains("/cpu_percent >= 90"),
        "{}",
        line(&driver, 1)
    );
    assert!(line(&driver, 2).contains("CPU▼"), "{}", line(&driver, 2));
}

#[test]
fn what_is_wrong_stays_in_the_form() {
    let mut driver = driver(Role::Admin);
    driver.server.views.refuses = Some("there are 200 saved filters already; delete some first");
    driver.keys("F n Enter");
    assert!(driver.screen().contains("the name must"), "{}", driver.screen());
    driver.text("busy");
    assert!(driver.screen().contains("takes the place"), "{}", driver.screen());
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        driver.screen().contains("200 saved filters"),
        "{}",
        driver.screen()
    );
    driver.text("2");
    assert!(driver.screen().contains("busy2"), "what was typed is there");
    // A filter that cannot be read is not saved.
    driver.keys("Esc Esc / =");
    driver.keys("Enter F n");
    assert!(
        last_line(&driver).contains("cannot be read"),
        "{}",
        last_line(&driver)
    );
}

#[test]
fn a_viewer_keeps_filters_of_their_own_only() {
    let mut driver = driver(Role::Viewer);
    driver.keys("F n Tab Space");
    assert!(driver.screen().contains("needs editor"), "{}", driver.screen());
    driver.keys("Esc j x");
    assert!(
        last_line(&driver).contains("needs editor"),
        "{}",
        last_line(&driver)
    );
    driver.keys("k x");
    assert!(driver.screen().contains("Delete busy?"), "{}", driver.screen());
}

#[test]
fn deleting_asks_first_with_the_focus_on_cancel() {
    let mut driver = driver(Role::Admin);
    driver.keys("F j x Tab Enter");
    assert_eq!(
        driver.server.views.filters.len(),
        2,
        "keys typed ahead do nothing"
    );
    assert!(matches!(driver.console.state.overlay, Some(Overlay::Saved(_))));
    driver.advance(600);
    insta::assert_snapshot!("saved_filters_delete", driver.screen());
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.server.views.filters.len(), 2, "Cancel had the focus");
    driver.keys("x");
    driver.advance(600);
    driver.keys("Tab Enter");
    settled(&mut driver);
    let left: Vec<&str> = driver
        .server
        .views
        .filters
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(left, ["busy"]);
}

#[test]
fn columns_are_chosen_and_remembered_with_the_order_and_the_filters() {
    let mut driver = driver(Role::Viewer);
    driver.keys("C Space j Space");
    insta::assert_snapshot!("columns", driver.screen());
    driver.keys("Esc");
    settled(&mut driver);
    assert!(
        line(&driver, 2).contains("ID") && line(&driver, 2).contains("ADDRESS"),
        "{}",
        line(&driver, 2)
    );
    driver.keys("s j Enter / h o s t Enter");
    settled(&mut driver);
    let before = driver.screen();
    // Another run, as the same user at the same server.
    let mut again = server();
    again.views.memories = std::mem::take(&mut driver.server.views.memories);
    let mut driver = Driver::logged_in(again);
    driver.keys("2 / Ctrl-P Enter");
    settled(&mut driver);
    driver.advance(10_000);
    let mut before: Vec<&str> = before.lines().collect();
    let after = driver.screen();
    let mut after: Vec<&str> = after.lines().collect();
    // The clock of the first line goes on.
    before.remove(0);
    after.remove(0);
    assert_eq!(before[1], after[1], "the headings are those of the last run");
    assert_eq!(driver.console.state.systems.filter.text(), "host");
}

#[test]
fn columns_that_do_not_fit_say_so() {
    let mut driver = driver(Role::Viewer);
    driver.keys("C Space j Space j Space");
    assert!(driver.screen().contains("does not fit"), "{}", driver.screen());
    driver.keys("d");
    assert!(!driver.screen().contains("does not fit"), "{}", driver.screen());
}

#[test]
fn what_is_marked_or_matches_is_exported() {
    let mut driver = driver(Role::Viewer);
    driver.keys("/ 0 0 Enter e");
    insta::assert_snapshot!("list_export", driver.screen());
    driver.keys("Ctrl-U f o o . t x t Enter");
    assert!(driver.screen().contains("ends in .csv"), "{}", driver.screen());
    driver.keys("Ctrl-U");
    driver.text("a.json");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        last_line(&driver).contains("exported 9 systems to a.json"),
        "{}",
        last_line(&driver)
    );
    let export = driver.server.views.exports.last().unwrap();
    assert_eq!(export.format, ExportFormat::Json);
    driver.keys("Space Space e Enter");
    settled(&mut driver);
    let export = driver.server.views.exports.last().unwrap();
    let ids: Vec<SystemId> = export.rows.iter().map(|row| row.id).collect();
    assert_eq!(ids, [SystemId(1), SystemId(2)]);
}
