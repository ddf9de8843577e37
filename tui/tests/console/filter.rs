//! Filters while they are typed, and orders of the list.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::ids::SystemId;
use scm_protocol::rules::Field;
use scmtui::message::{Call, Reply, ViewCall, ViewReply};
use scmtui::model::{Sort, SortBy};

fn driver() -> Driver {
    let mut driver = Driver::logged_in(Server::new(0, 40));
    driver.keys("2");
    driver
}

fn line(driver: &Driver, number: usize) -> String {
    driver.screen().lines().nth(number).unwrap_or_default().to_owned()
}

fn filter(driver: &Driver) -> String {
    driver.console.state.systems.filter.text().to_owned()
}

fn first_host(driver: &Driver) -> String {
    let line = line(driver, 3);
    line.split_whitespace()
        .find(|word| word.starts_with("host-"))
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_condition_is_put_together_by_tab() {
    let mut driver = driver();
    driver.keys("/");
    driver.text("os_f");
    insta::assert_snapshot!("filter_field", driver.screen());
    driver.keys("Tab");
    assert_eq!(filter(&driver), "os_family ");
    driver.keys("Tab");
    assert_eq!(filter(&driver), "os_family = ");
    insta::assert_snapshot!("filter_value", driver.screen());
    driver.keys("Down Down Tab");
    assert_eq!(filter(&driver), "os_family = windows ");
    assert!(driver.screen().contains("nothing matches"), "{}", driver.screen());
    driver.keys("Ctrl-U");
    driver.text("os_family =");
    driver.keys("Tab Enter");
    assert_eq!(filter(&driver), "os_family =linux ");
    assert!(!driver.console.state.systems.filtering);
    assert_eq!(driver.console.state.systems.len(), 40);
}

#[test]
fn enter_takes_what_was_gone_to_and_esc_closes_it_first() {
    let mut driver = driver();
    driver.keys("/ Tab");
    insta::assert_snapshot!("filter_everything", driver.screen());
    driver.keys("Down Enter");
    assert_eq!(filter(&driver), "ip ");
    driver.keys("Down Esc");
    assert!(
        driver.console.state.systems.filtering,
        "Esc closed what was offered"
    );
    driver.keys("Esc");
    assert!(!driver.console.state.systems.filtering);
    assert_eq!(filter(&driver), "ip ", "and never the text");
}

#[test]
fn what_is_wrong_is_said_with_its_column_and_what_was_meant() {
    let mut driver = driver();
    driver.keys("/");
    driver.text("hostnme = web");
    assert_eq!(
        line(&driver, 2),
        "unknown field `hostnme` at column 1, did you mean `hostname`?"
    );
    driver.keys("Ctrl-U");
    driver.text("cpu_percent > lots");
    assert!(line(&driver, 2).contains("at column 15"), "{}", line(&driver, 2));
    insta::assert_snapshot!("filter_error", driver.screen());
    driver.keys("Ctrl-U");
    driver.text("uptime_secs > ");
    assert!(
        line(&driver, 2).contains("90s, 5m, 2h, 7d"),
        "{}",
        line(&driver, 2)
    );
}

#[test]
fn a_long_filter_has_the_room_of_the_line() {
    let mut driver = driver();
    driver.keys("/");
    driver.text("hostname contains host-0 and cpu_percent >= 0 or id = 7");
    assert!(
        line(&driver, 1).contains("cpu_percent >= 0 or id = 7"),
        "{}",
        line(&driver, 1)
    );
    assert!(line(&driver, 1).ends_with("40 of 40") || line(&driver, 1).contains(" of 40"));
}

#[test]
fn filters_that_were_used_come_back() {
    let mut driver = driver();
    driver.keys("/ 0 0 7 Enter / Ctrl-U 0 1 2 Enter / Ctrl-U x Ctrl-P");
    assert_eq!(filter(&driver), "012");
    driver.keys("Ctrl-P");
    assert_eq!(
        (filter(&driver).as_str(), first_host(&driver).as_str()),
        ("007", "host-007")
    );
    driver.keys("Ctrl-N Ctrl-N");
    assert_eq!(filter(&driver), "x", "what was typed is not lost");
}

#[test]
fn the_list_is_sorted_by_any_field_and_says_so() {
    let mut driver = driver();
    driver.keys("s");
    insta::assert_snapshot!("sort_menu", driver.screen());
    driver.keys("Esc");
    driver.keys(": s o r t");
    driver.text(" by cpu_p");
    driver.keys("Enter");
    assert!(line(&driver, 2).contains("CPU▼"), "{}", line(&driver, 2));
    driver.keys("g");
    assert_eq!(
        first_host(&driver),
        "host-030",
        "30 * 37 modulo 101 is the largest"
    );
    // The same once more, turned round.
    driver.keys("s r Enter");
    assert!(line(&driver, 2).contains("CPU▲"), "{}", line(&driver, 2));
    insta::assert_snapshot!("sorted", driver.screen());
}

#[test]
fn what_rows_do_not_know_is_the_servers_order() {
    let mut driver = driver();
    driver.keys("j j");
    driver.keys(": s o r t");
    driver.text(" by kernel");
    driver.keys("Enter");
    assert_eq!(
        first_host(&driver),
        "host-001",
        "by name until the server answers"
    );
    driver.settle();
    driver.draw();
    assert_eq!(
        driver.shown_under_cursor().as_deref(),
        Some("host-003"),
        "the cursor stays"
    );
    driver.keys("g");
    assert_eq!(first_host(&driver), "host-040");
    assert!(line(&driver, 1).contains("by kernel▲"), "{}", line(&driver, 1));
    // An answer to another question changes nothing.
    driver.say(Reply::View(ViewReply::Ordered {
        sort: "note".to_owned(),
        result: Ok(vec![SystemId(5)]),
    }));
    assert_eq!(first_host(&driver), "host-040");
    driver.keys(".");
    let asked = driver
        .calls
        .iter()
        .any(|(_, call)| matches!(call, Call::View(ViewCall::Ordered(sort)) if sort == "kernel"));
    assert!(asked, "re-sorting asks again");
}

#[test]
fn what_is_not_known_comes_last_in_either_direction() {
    let mut driver = Driver::logged_in(Server::new(0, 9));
    driver.keys("2");
    let unknown = driver.server.systems.get_mut(&SystemId(4)).unwrap();
    unknown.summary.cpu_percent = None;
    driver.keys("Ctrl-R");
    driver.settle();
    for descending in [true, false] {
        let sort = Sort {
            by: SortBy::Field(Field::CpuPercent),
            descending,
        };
        driver.console.state.systems.set_sort(sort);
        driver.keys(". G");
        assert_eq!(driver.shown_under_cursor().as_deref(), Some("host-004"));
    }
}

#[test]
fn a_field_that_is_begun_does_not_empty_the_list() {
    let mut driver = driver();
    driver.keys("/");
    driver.text("id <= 9 and os_f");
    assert_eq!(
        driver.console.state.systems.len(),
        9,
        "what stands before it holds"
    );
    driver.keys("Tab");
    assert_eq!(driver.console.state.systems.len(), 9);
    driver.keys("Ctrl-U");
    driver.text("host");
    assert_eq!(driver.console.state.systems.len(), 40);
    driver.text("name");
    assert_eq!(driver.console.state.systems.len(), 40);
    // Enter says that it is a word to look for.
    driver.keys("Enter");
    assert_eq!(driver.console.state.systems.len(), 0);
}

#[test]
fn a_filter_that_cannot_be_read_marks_and_exports_nothing() {
    let mut driver = driver();
    driver.keys("/");
    driver.text("cpu_percent > lots");
    driver.keys("Enter");
    assert!(
        line(&driver, 1).contains("!cpu_percent > lots"),
        "{}",
        line(&driver, 1)
    );
    driver.keys("*");
    let last = driver.screen().lines().last().unwrap_or_default().to_owned();
    assert!(last.contains("the filter cannot be read"), "{last}");
    assert!(driver.console.state.systems.marks.is_empty());
    driver.keys("e");
    assert!(driver.console.state.overlay.is_none());
}
