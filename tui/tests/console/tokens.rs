//! Enrollment tokens: the list, the form, the secret that is shown once, and changes.

use crate::driver::Driver;
use crate::server::{START, Server};
use crate::token_server::{SECRET, four};
use scm_protocol::auth::Role;
use scm_protocol::events;
use scm_protocol::ids::{TokenId, UnixMillis};
use scmtui::message::{Failure, Reply};
use scmtui::model::{Page, Settings, TokenChange};

pub(crate) fn driver(role: Role) -> Driver {
    let mut server = Server::new(0, 3);
    server.role = role;
    server.tokens.items = four();
    let mut driver = Driver::logged_in(server);
    driver.keys("5");
    settled(&mut driver);
    driver
}

pub(crate) fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

pub(crate) fn last_line(driver: &Driver) -> String {
    driver.screen().lines().last().unwrap_or_default().to_owned()
}

/// The secret of a new token `name` is on the screen.
fn with_secret(name: &str) -> Driver {
    let mut driver = driver(Role::Admin);
    driver.keys("n");
    driver.text(name);
    driver.keys("Enter Enter Enter Enter");
    settled(&mut driver);
    assert!(driver.screen().contains(SECRET), "{}", driver.screen());
    driver
}

#[test]
fn screens() {
    insta::assert_snapshot!("tokens", driver(Role::Admin).screen());
    insta::assert_snapshot!("tokens_viewer", driver(Role::Viewer).screen());

    let mut empty = Driver::logged_in(Server::new(0, 3));
    empty.keys("5");
    settled(&mut empty);
    insta::assert_snapshot!("tokens_empty", empty.screen());

    let mut form = driver(Role::Admin);
    form.keys("n");
    form.text("site 8");
    form.keys("Enter s o o n Enter 5 0 Enter Enter");
    insta::assert_snapshot!("tokens_form_error", form.screen());

    let mut question = driver(Role::Admin);
    question.keys("x");
    question.advance(600);
    question.text("site");
    insta::assert_snapshot!("tokens_question", question.screen());

    let mut secret = with_secret("site 8");
    insta::assert_snapshot!("tokens_secret", secret.screen());
    secret.keys("w");
    settled(&mut secret);
    secret.keys("Space");
    insta::assert_snapshot!("tokens_secret_stored", secret.screen());
}

#[test]
fn a_small_screen_shows_status_and_name() {
    let mut driver = driver(Role::Admin);
    driver.resize(30, 10);
    let screen = driver.screen();
    assert!(
        screen.contains("> ACTIVE   site 7") && !screen.contains("user:"),
        "{screen}"
    );
}

#[test]
fn a_token_is_created_with_what_was_typed() {
    let mut driver = driver(Role::Admin);
    driver.keys("n");
    driver.text("site 8");
    driver.keys("Tab 7 d Tab 5 0 Enter Enter");
    settled(&mut driver);
    let token = driver.server.tokens.items.first().cloned().unwrap();
    assert_eq!((token.name.as_str(), token.max_uses), ("site 8", Some(50)));
    let week = token
        .expires_ms
        .map(|at| at.since(UnixMillis(START)) / 86_400_000);
    assert_eq!(week, Some(7));
    driver.keys("Space Enter");
    let screen = driver.screen();
    assert!(
        screen.contains("ACTIVE   site 8") && screen.contains("0/50"),
        "{screen}"
    );
    assert_eq!(last_line(&driver), "created site 8");
    assert!(driver.console.state.tokens.created.is_none() && !screen.contains(SECRET));
}

#[test]
fn the_secret_stays_until_the_box_is_ticked() {
    let mut driver = with_secret("site 8");
    for key in ["Enter", "Esc", "q", "Ctrl-C", "1", "?", ":"] {
        driver.keys(key);
        settled(&mut driver);
        assert!(driver.screen().contains(SECRET) && !driver.quit, "{key}");
    }
    driver.keys("Space Space Enter");
    assert!(driver.screen().contains(SECRET), "unticked again");
    driver.keys("Space Esc");
    assert!(driver.screen().contains(SECRET), "Esc leaves nothing behind");
    driver.keys("Enter");
    assert!(!driver.screen().contains(SECRET));
}

#[test]
fn keys_typed_ahead_do_not_dismiss_the_secret() {
    let mut driver = driver(Role::Admin);
    driver.keys("n a Enter Enter Enter Enter");
    driver.settle();
    driver.draw();
    driver.keys("Space Enter");
    assert!(driver.screen().contains(SECRET) && driver.screen().contains("[ ] I have stored it"));
}

#[test]
fn a_secret_is_copied_and_written_and_logged_nowhere() {
    let mut driver = with_secret("site 8");
    driver.keys("y w");
    settled(&mut driver);
    driver.keys("w");
    settled(&mut driver);
    assert_eq!(driver.copied, [SECRET]);
    assert!(driver.screen().contains("sent to the terminal's clipboard"));
    assert_eq!(driver.server.tokens.written, [SECRET], "once");
    assert!(
        driver.screen().contains("/root/enrollment-token-10-"),
        "{}",
        driver.screen()
    );
    assert!(!format!("{:?}", driver.console.state).contains(SECRET));
    let failed = Err("cannot write to /root: no space left".to_owned());
    let mut driver = with_secret("site 9");
    driver.say(Reply::SecretWritten {
        stem: "enrollment-token-10-site 9".to_owned(),
        path: failed,
    });
    assert!(driver.screen().contains("no space left"));
}

#[test]
fn a_secret_outlives_the_session() {
    let mut driver = with_secret("site 8");
    driver.server.expired = true;
    driver.say(Reply::StreamEnded(Failure::Unauthorized("too old".to_owned())));
    settled(&mut driver);
    assert!(
        !driver.screen().contains(SECRET),
        "the login page shows no secret"
    );
    driver.keys("s e c r e t Enter");
    settled(&mut driver);
    assert!(driver.screen().contains(SECRET), "{}", driver.screen());
}

#[test]
fn disabling_is_done_at_once_and_taken_back() {
    let mut driver = driver(Role::Admin);
    driver.keys("d");
    settled(&mut driver);
    assert_eq!(driver.server.tokens.changed, [(TokenChange::Disable, TokenId(9))]);
    assert_eq!(last_line(&driver), "disabled site 7  (u takes it back)");
    assert!(
        driver.screen().contains("> DISABLED site 7"),
        "{}",
        driver.screen()
    );
    driver.keys("u");
    settled(&mut driver);
    assert_eq!(driver.server.tokens.changed[1], (TokenChange::Enable, TokenId(9)));
    assert!(
        driver.screen().contains("> ACTIVE   site 7"),
        "{}",
        driver.screen()
    );
    driver.keys("e");
    assert_eq!(last_line(&driver), "enable: site 7 is not disabled");
    driver.keys("j d");
    assert!(last_line(&driver).contains("is disabled already"));
    driver.keys("e");
    settled(&mut driver);
    assert_eq!(driver.server.tokens.changed[2], (TokenChange::Enable, TokenId(7)));
}

#[test]
fn deleting_wants_the_name_typed() {
    let mut driver = driver(Role::Admin);
    driver.keys("x");
    driver.text("site 7");
    driver.keys("Enter");
    assert!(driver.calls.is_empty(), "keys typed ahead count for nothing");
    driver.advance(600);
    driver.text("site");
    driver.keys("Enter");
    assert!(driver.calls.is_empty() && driver.console.state.tokens.question.is_some());
    driver.text(" 7");
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.server.tokens.changed, [(TokenChange::Delete, TokenId(9))]);
    assert_eq!(last_line(&driver), "deleted site 7");
    driver.keys("x");
    assert!(
        driver.console.state.tokens.question.is_none(),
        "the cursor moved by itself"
    );
    driver.keys("x");
    driver.advance(600);
    driver.keys("Esc");
    assert!(driver.console.state.tokens.question.is_none() && driver.calls.is_empty());
}

#[test]
fn a_role_is_told_what_it_lacks() {
    let mut viewer = driver(Role::Viewer);
    for (key, text) in [
        ("n", "new token: needs admin"),
        ("d", "disable: needs admin"),
        ("e", "enable: needs admin"),
        ("x", "delete: needs admin"),
    ] {
        viewer.keys(key);
        assert_eq!(last_line(&viewer), text);
        assert!(viewer.calls.is_empty() && viewer.console.state.token_front().is_none());
    }
    let compliance = driver(Role::Compliance);
    assert_eq!(compliance.console.state.page, Page::Dashboard);
    assert_eq!(compliance.server.tokens.lists, 0);
}

#[test]
fn read_only_mode_refuses_changes() {
    let mut driver = driver(Role::Owner);
    driver.console.state.contexts[0].read_only = true;
    driver.keys("d");
    assert_eq!(last_line(&driver), "disable: read-only mode");
    driver.keys("n");
    assert_eq!(last_line(&driver), "new token: read-only mode");
    assert!(driver.calls.is_empty());
}

#[test]
fn the_list_follows_the_server_and_no_key_hits_another_row() {
    let mut driver = driver(Role::Admin);
    let lists = driver.server.tokens.lists;
    driver.server.tokens.items.remove(0);
    let audited = || {
        Reply::Change(events::Change {
            audit: true,
            ..events::Change::default()
        })
    };
    driver.say(audited());
    driver.say(audited());
    settled(&mut driver);
    assert_eq!(
        driver.server.tokens.lists,
        lists + 4,
        "two pages, and once more afterwards"
    );
    assert!(!driver.screen().contains("site 7"), "{}", driver.screen());
    driver.keys("d");
    assert!(driver.calls.is_empty(), "the row under the cursor went");
    driver.keys("Ctrl-R");
    driver.settle();
    assert_eq!(driver.server.tokens.lists, lists + 6);
    driver.keys("1");
    settled(&mut driver);
    driver.say(audited());
    settled(&mut driver);
    assert_eq!(
        driver.server.tokens.lists,
        lists + 6,
        "only while the page is open"
    );
}

#[test]
fn an_idle_page_writes_nothing() {
    let mut driver = driver(Role::Admin);
    driver.advance(10_000);
    driver.written();
    driver.advance(600_000);
    assert_eq!(driver.written(), (0, 0));
}

#[test]
fn the_palette_goes_there() {
    let mut driver = Driver::start(Server::new(0, 1), Settings::default(), (80, 24));
    driver.log_in();
    driver.keys(":");
    driver.text("tokens");
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.console.state.page, Page::Tokens);
    driver.keys(":");
    driver.text("new token");
    driver.keys("Enter");
    assert!(driver.console.state.tokens.form.open);
}
