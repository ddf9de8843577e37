//! Users, sessions, API tokens, SSH keys and organizations; one's own account; logins in other ways than by password.

use crate::driver::Driver;
use crate::server::{Server, refused};
use scm_protocol::auth::Role;
use scm_protocol::second_factors::LOGIN_OVER;
use scmtui::message::{Call, Failure, Reply};
use scmtui::model::{LoginStep, Settings};

fn driver(role: Role) -> Driver {
    let mut server = Server::new(0, 3);
    server.role = role;
    let mut driver = Driver::logged_in(server);
    driver.keys("8");
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
fn screens() {
    let mut owner = driver(Role::Owner);
    insta::assert_snapshot!("access_users", owner.screen());
    for tab in ["sessions", "api_tokens", "ssh_keys", "organizations"] {
        owner.keys("Tab");
        settled(&mut owner);
        insta::assert_snapshot!(format!("access_{tab}"), owner.screen());
    }
    insta::assert_snapshot!("access_viewer", driver(Role::Viewer).screen());
    let mut form = driver(Role::Owner);
    form.keys("n");
    form.text("local-admin");
    form.keys("Tab Right Tab Tab Tab Enter");
    insta::assert_snapshot!("access_user_form_error", form.screen());
    let mut question = driver(Role::Owner);
    question.keys("j x");
    insta::assert_snapshot!("access_delete_question", question.screen());
}

#[test]
fn a_deletion_is_typed_and_the_user_goes() {
    let mut driver = driver(Role::Owner);
    driver.keys("j x");
    driver.advance(600);
    driver.keys("Enter");
    settled(&mut driver);
    assert!(driver.server.access.done.is_empty(), "deleted without the name");
    driver.text("ops");
    driver.keys("Enter");
    settled(&mut driver);
    assert_eq!(driver.server.access.done, ["users.delete"]);
    assert!(last_line(&driver).contains("deleted ops"));
    assert!(!driver.screen().contains("  ops "), "{}", driver.screen());
}

#[test]
fn keys_that_were_typed_ahead_do_not_answer_a_question() {
    let mut driver = driver(Role::Owner);
    driver.keys("Tab");
    settled(&mut driver);
    driver.keys("x Tab Enter");
    settled(&mut driver);
    assert!(driver.server.access.done.is_empty());
    driver.keys("Tab Enter");
    settled(&mut driver);
    assert_eq!(driver.server.access.done, ["sessions.end"]);
}

#[test]
fn a_new_api_tokens_secret_stays_until_it_is_stored() {
    let mut driver = driver(Role::Admin);
    driver.keys("Tab Tab");
    settled(&mut driver);
    driver.keys("n");
    driver.text("nightly");
    driver.keys("Tab Right Tab");
    driver.text("30");
    driver.keys("Enter");
    settled(&mut driver);
    assert!(driver.screen().contains("osca_0123"), "{}", driver.screen());
    driver.keys("Enter Esc q");
    assert!(driver.screen().contains("osca_0123"));
    driver.keys("Space Enter");
    settled(&mut driver);
    assert!(!driver.screen().contains("osca_0123"));
    assert!(last_line(&driver).contains("created nightly"));
}

#[test]
fn a_second_factor_is_set_up_from_anywhere() {
    let mut driver = driver(Role::Viewer);
    driver.keys("1 :");
    driver.text("mfa");
    driver.keys("Enter");
    settled(&mut driver);
    driver.text("a password");
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("access_second_factor", driver.screen());
    driver.text("123456");
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("access_recovery_codes", driver.screen());
    assert!(!format!("{:?}", driver.console.state).contains("AAAA-BBBB"));
}

#[test]
fn what_is_refused_is_said_in_the_form() {
    let mut driver = driver(Role::Owner);
    driver.server.access.stubborn = Some(("last_owner", "`jdoe` is the only owner"));
    driver.keys("r Right Enter");
    settled(&mut driver);
    assert!(
        driver.screen().contains("is the only owner"),
        "{}",
        driver.screen()
    );
}

#[test]
fn a_role_that_may_not_is_told_why() {
    let mut driver = driver(Role::Viewer);
    assert!(driver.screen().contains("needs owner"), "{}", driver.screen());
    driver.keys("x");
    assert!(last_line(&driver).contains("needs owner"));
}

fn at_login(agent: bool) -> Driver {
    let settings = Settings {
        ssh_agent: agent,
        ..Settings::default()
    };
    let mut driver = Driver::start(Server::new(0, 3), settings, (80, 24));
    driver.settle();
    driver
}

#[test]
fn a_key_of_the_agent_logs_in() {
    let mut driver = at_login(true);
    driver.text("jdoe");
    driver.keys("Down Down");
    insta::assert_snapshot!("login_ssh_key", driver.screen());
    driver.keys("Enter");
    assert!(
        driver
            .calls
            .iter()
            .any(|(_, call)| matches!(call, Call::LoginSsh { username, .. } if username == "jdoe"))
    );
    assert!(!at_login(false).screen().contains("SSH key"));
}

#[test]
fn a_second_factor_is_asked_for_after_the_first() {
    let mut driver = at_login(false);
    driver.text("jdoe");
    driver.keys("Tab");
    driver.text("secret");
    driver.keys("Enter");
    driver.calls.clear();
    driver.say(Reply::SecondFactorRequired);
    driver.draw();
    insta::assert_snapshot!("login_second_factor", driver.screen());
    driver.text("123456");
    driver.keys("Enter");
    assert!(matches!(driver.calls.back(), Some((_, Call::SecondFactor(code))) if code.as_str() == "123456"));
    // A wrong code is typed again; a half that is over begins with the password.
    driver.calls.clear();
    driver.say(Reply::Session(Err(Failure::Unauthorized(
        "the code is wrong".to_owned(),
    ))));
    assert_eq!(driver.console.state.login.step, LoginStep::SecondFactor);
    driver.say(Reply::Session(Err(refused(401, LOGIN_OVER, "over"))));
    assert_eq!(driver.console.state.login.step, LoginStep::Password);
}
