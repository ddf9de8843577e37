//! The rule editor: what is wrong, why a system matches, turning rules off, and how kinds of groups are told apart.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scmtui::model::Settings;

fn in_rule(settings: Settings) -> Driver {
    let mut server = Server::new(1, 24);
    server.role = Role::Admin;
    server.groups.some(&server.systems);
    let mut driver = Driver::start(server, settings, (80, 24));
    driver.log_in();
    driver.keys("6");
    settled(&mut driver);
    driver.keys("j Enter");
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
fn why_shows_each_condition_with_what_was_observed() {
    let mut driver = in_rule(Settings::default());
    driver.keys("a Enter o o Enter Enter e Enter Enter w Enter =");
    assert!(
        driver.screen().contains("why does which system match"),
        "{}",
        driver.screen()
    );
    driver.text("host-012");
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("rule_why", driver.screen());
    driver.keys("Esc");
    assert!(driver.screen().contains("edit auto group"), "{}", driver.screen());
    // By id too; one that is not there is named.
    driver.keys("= 5 Enter");
    settled(&mut driver);
    assert!(driver.screen().contains("host-005"), "{}", driver.screen());
    driver.keys("Enter = n o n e Enter");
    assert!(
        last_line(&driver).contains("there is no system `none`"),
        "{}",
        last_line(&driver)
    );
}

#[test]
fn an_error_stands_below_its_row() {
    let mut driver = in_rule(Settings::default());
    driver.keys("l Enter r Enter Enter Ctrl-U");
    driver.text("web-(prod");
    driver.keys("Enter W");
    insta::assert_snapshot!("rule_error", driver.screen());
    assert!(!driver.server.groups.asked.contains(&"save"));
}

#[test]
fn a_ninth_condition_is_refused() {
    let mut driver = in_rule(Settings::default());
    driver.keys("a a a a a a a a");
    assert!(last_line(&driver).contains("at most 8"), "{}", last_line(&driver));
    assert!(driver.screen().contains("8 of 8"), "{}", driver.screen());
}

#[test]
fn the_number_of_those_that_leave_is_typed() {
    let mut driver = in_rule(Settings::default());
    driver.server.groups.careful = true;
    driver.keys("l l Enter Ctrl-U");
    driver.text("host-010");
    driver.keys("Enter W");
    settled(&mut driver);
    insta::assert_snapshot!("rule_removals", driver.screen());
    driver.keys("Esc");
    assert!(
        driver.screen().contains("DRAFT"),
        "the draft stays: {}",
        driver.screen()
    );
    assert_eq!(driver.server.groups.groups[&2].1.len(), 10, "and nobody left");
}

#[test]
fn a_rule_is_turned_off_and_on_again() {
    let mut driver = in_rule(Settings::default());
    driver.keys("Esc d");
    settled(&mut driver);
    assert!(
        last_line(&driver).contains("disabled the rule of linux-docker"),
        "{}",
        last_line(&driver)
    );
    insta::assert_snapshot!("group_disabled", driver.screen());
    driver.keys("d");
    settled(&mut driver);
    assert!(
        last_line(&driver).contains("enabled the rule"),
        "{}",
        last_line(&driver)
    );
    driver.keys("k d");
    assert!(
        last_line(&driver).contains("manual group and has no rule"),
        "{}",
        last_line(&driver)
    );
}

#[test]
fn automatic_groups_stand_behind_manual_ones_and_are_marked() {
    let list = |settings: Settings| {
        let mut driver = in_rule(settings);
        driver.keys("Esc");
        driver.screen()
    };
    let screen = list(Settings::default());
    let place = |name: &str| screen.lines().position(|line| line.contains(name)).unwrap();
    assert!(place("by hand") < place("linux-docker"));
    let line = screen.lines().nth(place("linux-docker")).unwrap();
    assert!(line.contains("✨"), "{line}");
    assert!(!screen.lines().nth(place("by hand")).unwrap().contains("✨"));
    let ascii = list(Settings {
        ascii: true,
        ..Settings::default()
    });
    assert!(ascii.is_ascii() && ascii.contains("* auto"), "{ascii}");
}
