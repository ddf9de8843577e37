//! Settings of the organization: the list, the form of one, its default, and what is forbidden.

use crate::driver::Driver;
use crate::server::{START, Server};
use scm_protocol::auth::Role;
use scm_protocol::events;
use scm_protocol::ids::UnixMillis;
use scm_protocol::settings::SettingValue;
use scmtui::message::Reply;

fn driver(role: Role) -> Driver {
    let mut server = Server::new(0, 3);
    server.role = role;
    let changed = (SettingValue::Integer(500), UnixMillis(START - 7_200_000));
    server.settings.changed.insert("pending.max".to_owned(), changed);
    let mut driver = Driver::logged_in(server);
    driver.keys("9");
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

fn value(driver: &Driver, name: &str) -> Option<SettingValue> {
    driver
        .server
        .settings
        .changed
        .get(name)
        .map(|(value, _)| value.clone())
}

#[test]
fn screens() {
    insta::assert_snapshot!("settings", driver(Role::Admin).screen());
    insta::assert_snapshot!("settings_viewer", driver(Role::Viewer).screen());
    let mut form = driver(Role::Admin);
    form.keys("j Enter");
    form.text("0000");
    form.keys("Enter");
    insta::assert_snapshot!("settings_form_error", form.screen());
}

#[test]
fn a_setting_is_changed_and_taken_back() {
    let mut driver = driver(Role::Owner);
    driver.keys("Enter Ctrl-U");
    driver.text("7,000");
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(value(&driver, "pending.max"), Some(SettingValue::Integer(7_000)));
    assert!(driver.screen().contains("7,000 systems"), "{}", driver.screen());
    driver.keys("u");
    settled(&mut driver);
    assert_eq!(value(&driver, "pending.max"), Some(SettingValue::Integer(500)));
    driver.keys("d");
    settled(&mut driver);
    assert_eq!(value(&driver, "pending.max"), None);
    driver.keys("d");
    assert!(last_line(&driver).contains("at its default already"));
    driver.keys("j Enter Ctrl-U 9 Enter");
    settled(&mut driver);
    driver.keys("u");
    settled(&mut driver);
    assert_eq!(
        value(&driver, "pending.expire_days"),
        None,
        "back to the default that held"
    );
}

#[test]
fn what_is_refused_is_said_at_the_field_and_stays_typed() {
    let mut driver = driver(Role::Admin);
    driver.server.settings.stubborn = Some("would lock you out".to_owned());
    driver.keys("Enter 1 Enter");
    settled(&mut driver);
    assert!(driver.screen().contains("would lock you out") && driver.screen().contains("5001"));
    driver.keys("Esc q");
    assert!(driver.screen().contains("Dashboard"));
}

#[test]
fn a_role_that_may_not_is_told_why() {
    let mut driver = driver(Role::Viewer);
    driver.keys("Enter");
    assert_eq!(last_line(&driver), "pending.max: needs admin");
    driver.keys("d");
    assert_eq!(last_line(&driver), "pending.max: needs admin");
    assert!(driver.console.state.organization.form.is_none());
}

#[test]
fn changes_of_others_appear() {
    let mut driver = driver(Role::Viewer);
    driver.server.settings.changed.clear();
    driver.say(Reply::Change(events::Change {
        settings: true,
        ..events::Change::default()
    }));
    settled(&mut driver);
    let shown = driver.screen().matches("10,000 systems").count();
    assert_eq!(shown, 2, "{}", driver.screen());
}

#[test]
fn the_signing_key_is_looked_at_and_replaced_when_it_is_typed() {
    let mut driver = driver(Role::Owner);
    driver.keys("K");
    settled(&mut driver);
    insta::assert_snapshot!("signing_key", driver.screen());
    driver.keys("Enter");
    driver.text("yes");
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.server.settings.replaced, 0, "something else was typed");
    driver.keys("Ctrl-U");
    driver.text("replace");
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.server.settings.replaced, 1);
    assert!(
        last_line(&driver).contains("the former one signs until"),
        "{}",
        driver.screen()
    );

    // Somebody else was first.
    driver.keys("K");
    settled(&mut driver);
    driver.server.settings.replaced += 1;
    driver.text("replace");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(
        driver.screen().contains("another one by now"),
        "{}",
        driver.screen()
    );
    assert_eq!(driver.server.settings.replaced, 2);
    driver.keys("Esc");
    assert!(driver.console.state.organization.signing.is_none());
}

#[test]
fn the_signing_key_is_the_owners() {
    let mut driver = driver(Role::Admin);
    driver.keys("K");
    assert_eq!(last_line(&driver), "signing key: needs owner");
    assert!(driver.console.state.organization.signing.is_none());
}
