//! The form of a new enrollment token: what is typed, refused, kept.

use crate::token_server::SECRET;
use crate::tokens::{driver, last_line, settled};
use scm_protocol::auth::Role;
use scm_protocol::ids::GroupId;
use scmtui::message::{Call, Failure, Reply};
use scmtui::model::{FormField, Page};
use scmtui::terminal::TerminalEvent;

/// E1: only manual groups are offered, and one that is not there is named before anything is sent.
#[test]
fn its_systems_join_the_manual_groups_that_were_chosen() {
    let mut driver = driver(Role::Admin);
    let systems = driver.server.systems.clone();
    driver.server.groups.some(&systems);
    driver.keys("n");
    driver.settle();
    driver.text("site 8");
    driver.keys("Enter Enter Enter");
    let screen = driver.screen();
    assert!(
        screen.contains("Right completes: by hand") && !screen.contains("linux-docker"),
        "{screen}"
    );
    driver.text("linux-docker");
    driver.keys("Enter");
    let screen = driver.screen();
    assert!(screen.contains("is an automatic group"), "{screen}");
    driver.keys("Ctrl-U b Right");
    insta::assert_snapshot!("tokens_form_groups", driver.screen());
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.server.tokens.groups, [GroupId(1)]);
    driver.keys("Space Enter g");
    let screen = driver.screen();
    assert!(screen.contains("its systems join group 1"), "{screen}");
}

#[test]
fn refusals_are_shown_at_their_field_and_the_key_stays() {
    let mut driver = driver(Role::Admin);
    driver.keys("n");
    driver.text("site 7");
    driver.keys("Enter Enter Enter Enter");
    settled(&mut driver);
    let screen = driver.screen();
    assert!(
        screen.contains("there is an enrollment token named `site 7`"),
        "{screen}"
    );
    assert_eq!(driver.console.state.tokens.form.focus, FormField::Name);
    driver.keys("Backspace 8 Enter Enter 0 Enter Enter");
    assert!(
        driver.screen().contains("must be between 1 and 1000000"),
        "{}",
        driver.screen()
    );
    assert_eq!(driver.server.tokens.keys.len(), 1, "it was not sent");
    driver.keys("Backspace Enter Enter");
    let (generation, Call::CreateToken { ticket, .. }) = driver.calls.pop_front().unwrap() else {
        panic!("it is not a request to create");
    };
    assert_eq!(generation, driver.console.state.generation);
    driver.say(Reply::TokenCreated {
        ticket,
        created: Err(Failure::Unreachable("the server does not answer".to_owned())),
    });
    settled(&mut driver);
    driver.keys("Tab Tab Tab Tab Enter");
    settled(&mut driver);
    let keys = &driver.server.tokens.keys;
    assert_eq!(keys.len(), 2);
    assert!(
        keys[0] == keys[1] && keys[0].starts_with("scmtui-test-"),
        "{keys:?}"
    );
    driver.keys("Space Enter n b Enter Enter Enter Enter");
    settled(&mut driver);
    let keys = &driver.server.tokens.keys;
    assert_ne!(keys[1], keys[2], "another form has another key");
}

#[test]
fn the_form_keeps_what_is_typed() {
    let mut driver = driver(Role::Admin);
    driver.keys("n a b Esc");
    assert!(
        last_line(&driver).contains("what you typed is kept"),
        "{}",
        driver.screen()
    );
    driver.keys("1");
    driver.settle();
    driver.keys("5 n");
    assert_eq!(driver.console.state.tokens.form.name.text(), "ab");
    driver.take(scmtui::message::Msg::Terminal(TerminalEvent::Paste(
        "cd".to_owned(),
    )));
    assert_eq!(driver.console.state.tokens.form.name.text(), "abcd");
}

#[test]
fn a_form_closed_too_early_still_shows_its_secret() {
    let mut driver = driver(Role::Admin);
    driver.keys("n a Enter Enter Enter Enter Esc 1");
    driver.settle();
    driver.draw();
    assert_eq!(driver.console.state.page, Page::Dashboard);
    assert!(driver.screen().contains(SECRET), "{}", driver.screen());
}
