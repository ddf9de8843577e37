//! Groups: the list, the two lists of a manual one, the rule of an automatic one.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::groups::GroupKind;
use scm_protocol::ids::SystemId;

fn driver(role: Role) -> Driver {
    let mut server = Server::new(1, 24);
    server.role = role;
    server.groups.some(&server.systems);
    let mut driver = Driver::logged_in(server);
    driver.keys("6");
    settled(&mut driver);
    driver
}

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

fn asked(driver: &Driver, name: &str) -> usize {
    driver
        .server
        .groups
        .asked
        .iter()
        .filter(|asked| **asked == name)
        .count()
}

fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn screens() {
    insta::assert_snapshot!("groups", driver(Role::Admin).screen());
    insta::assert_snapshot!("groups_editor_role", driver(Role::Editor).screen());
    let mut members = driver(Role::Editor);
    members.keys("Enter");
    settled(&mut members);
    insta::assert_snapshot!("groups_members", members.screen());
    let mut rule = driver(Role::Admin);
    rule.keys("j Enter");
    settled(&mut rule);
    rule.keys("a l l Enter");
    rule.text("2");
    rule.keys("Enter");
    settled(&mut rule);
    insta::assert_snapshot!("groups_rule", rule.screen());
    let mut form = driver(Role::Admin);
    form.keys("n");
    insta::assert_snapshot!("groups_form", form.screen());
}

#[test]
fn a_group_is_created_and_its_rule_written_watching_what_matches() {
    let mut driver = driver(Role::Admin);
    driver.keys("n");
    driver.text("web");
    driver.keys("Tab Tab Space Enter");
    settled(&mut driver);
    assert!(
        driver.screen().contains("edit auto group \"web\""),
        "{}",
        driver.screen()
    );
    driver.keys("l l Enter");
    driver.text("host");
    assert_eq!(asked(&driver, "preview"), 0, "asked before the draft rested");
    driver.advance(200);
    settled(&mut driver);
    assert_eq!(asked(&driver, "preview"), 1);
    assert!(driver.screen().contains("matching now"), "{}", driver.screen());
    driver.keys("Enter W");
    settled(&mut driver);
    let (group, members) = &driver.server.groups.groups[&3];
    assert_eq!(group.kind, GroupKind::Auto);
    assert!(!members.is_empty() && group.rule.as_ref().unwrap().filter == "hostname contains host");
    assert!(last_line(&driver).contains("joined"), "{}", last_line(&driver));
}

#[test]
fn what_is_wrong_stands_at_its_row_while_it_is_typed() {
    let mut driver = driver(Role::Admin);
    driver.keys("j Enter a Enter");
    driver.text("m");
    driver.keys("Enter l l Enter");
    driver.text("lots");
    assert!(driver.screen().contains("is not a number"), "{}", driver.screen());
    driver.keys("Enter W");
    assert_eq!(asked(&driver, "save"), 0);
    assert!(
        driver.screen().contains("condition 2 cannot be saved"),
        "{}",
        driver.screen()
    );
    // The draft is kept.
    driver.keys("Esc");
    assert!(last_line(&driver).contains("draft of linux-docker is kept"));
    driver.keys("Enter");
    assert!(driver.screen().contains("lots"), "{}", driver.screen());
}

#[test]
fn an_old_preview_is_marked_and_its_answer_dropped() {
    let mut driver = driver(Role::Admin);
    driver.keys("j Enter");
    settled(&mut driver);
    assert!(driver.screen().contains("matching now"));
    driver.keys("l l Enter");
    driver.text("0");
    assert!(driver.screen().contains("matching before"), "{}", driver.screen());
    driver.take(scmtui::message::Msg::Tick);
    driver.text("1");
    settled(&mut driver);
    assert!(driver.screen().contains("matching now"), "{}", driver.screen());
}

#[test]
fn many_removals_want_their_number() {
    let mut driver = driver(Role::Admin);
    driver.server.groups.careful = true;
    let before = driver.server.groups.groups[&2].1.len();
    driver.keys("j Enter l l Enter Ctrl-U");
    driver.text("host-010");
    driver.keys("Enter W");
    settled(&mut driver);
    assert!(
        driver.screen().contains("many systems leave"),
        "{}",
        driver.screen()
    );
    driver.advance(600);
    let left = before
        - driver.server.groups.groups[&2]
            .1
            .iter()
            .filter(|id| id.0 == 10)
            .count();
    driver.keys("9 9 9 Enter");
    assert_eq!(asked(&driver, "save"), 1, "a wrong number was sent");
    driver.keys("Ctrl-U");
    driver.text(&left.to_string());
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(asked(&driver, "save"), 2);
}

#[test]
fn members_are_moved_by_hand_and_sent_as_one_change() {
    let mut driver = driver(Role::Editor);
    driver.keys("Enter");
    settled(&mut driver);
    driver.keys("Space Space Tab j j Space");
    assert!(
        driver.screen().contains("3 moved, not saved"),
        "{}",
        driver.screen()
    );
    driver.keys("Esc");
    assert!(last_line(&driver).contains("3 moves are not saved"));
    driver.keys("W");
    settled(&mut driver);
    assert_eq!(asked(&driver, "members"), 1);
    let members = &driver.server.groups.groups[&1].1;
    assert!(
        members.len() == 3 && !members.contains(&SystemId(4)),
        "{members:?}"
    );
}

#[test]
fn a_group_is_deleted_by_its_name_and_a_rule_is_turned_off() {
    let mut driver = driver(Role::Admin);
    driver.keys("j d");
    settled(&mut driver);
    assert!(!driver.server.groups.groups[&2].0.rule.as_ref().unwrap().enabled);
    driver.keys("x");
    driver.advance(600);
    driver.text("linux-docker");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(!driver.server.groups.groups.contains_key(&2));
}

#[test]
fn an_editor_changes_manual_groups_only() {
    let mut driver = driver(Role::Editor);
    driver.keys("j x");
    assert!(
        last_line(&driver).contains("automatic groups need admin"),
        "{}",
        last_line(&driver)
    );
    driver.keys("d");
    assert!(
        last_line(&driver).contains("needs admin"),
        "{}",
        last_line(&driver)
    );
}
