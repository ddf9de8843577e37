//! Commands: from what a system offers to what a program writes.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scm_protocol::commands::CommandState;
use scm_protocol::events;
use scm_protocol::ids::CommandId;
use scmtui::message::Reply;
use scmtui::model::Page;

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

fn changed(driver: &mut Driver) {
    driver.say(Reply::Change(events::Change {
        commands: true,
        ..events::Change::default()
    }));
    settled(driver);
}

/// On the page of an active system, with the form open.
fn choosing() -> Driver {
    let mut driver = Driver::logged_in(Server::new(0, 3));
    driver.keys("2 Enter");
    settled(&mut driver);
    driver.keys("r");
    settled(&mut driver);
    driver
}

#[test]
fn screens() {
    let mut driver = choosing();
    insta::assert_snapshot!("commands_choose", driver.screen());
    driver.keys("j Enter");
    driver.text("apache");
    driver.draw();
    insta::assert_snapshot!("commands_values", driver.screen());
    driver.keys("Ctrl-U");
    driver.text("nginx");
    driver.keys("Enter");
    driver.text("upgrade");
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("commands_question", driver.screen());
    driver.keys("Tab Enter");
    settled(&mut driver);
    let (command, text) = driver.server.commands.find(CommandId(1));
    command.state = CommandState::Running;
    command.output_bytes = 20;
    *text = "stopping\n\u{1b}[2Jstarting\n".to_owned();
    changed(&mut driver);
    driver.advance(20_000);
    insta::assert_snapshot!("commands_one", driver.screen());
    let (command, _) = driver.server.commands.find(CommandId(1));
    command.state = CommandState::Failed;
    command.exit_code = Some(3);
    command.reason = Some("it exited with 3".to_owned());
    changed(&mut driver);
    driver.keys(":");
    driver.text("commands");
    driver.keys("Enter");
    settled(&mut driver);
    insta::assert_snapshot!("commands_list", driver.screen());
}

#[test]
fn what_is_typed_and_confirmed_is_what_is_sent() {
    let mut driver = choosing();
    driver.keys("j Enter");
    driver.text("apache");
    driver.keys("Tab");
    driver.text("x");
    driver.keys("Enter Enter Enter");
    settled(&mut driver);
    assert!(
        driver.server.commands.created.is_empty(),
        "the pattern does not match"
    );
    driver.keys("Ctrl-U");
    driver.text("caddy");
    driver.keys("Tab Enter");
    // Keys that were typed ahead press no button.
    driver.keys("Tab Enter");
    settled(&mut driver);
    assert!(driver.server.commands.created.is_empty());
    driver.keys("Tab Enter");
    settled(&mut driver);
    let (system, body) = driver.server.commands.created.last().unwrap().clone();
    assert_eq!(
        (system, body.action.as_str(), body.confirmed),
        (system, "restart-service", false)
    );
    assert_eq!(body.parameters["service"], "caddy");
    assert_eq!(driver.console.state.page, Page::Command(CommandId(1)));
}

#[test]
fn what_an_action_marks_so_is_confirmed_by_the_systems_name() {
    let mut driver = choosing();
    driver.keys("Enter");
    settled(&mut driver);
    driver.keys("Enter");
    settled(&mut driver);
    assert!(driver.server.commands.created.is_empty());
    let name = driver
        .console
        .state
        .commands
        .form
        .as_ref()
        .unwrap()
        .hostname
        .clone();
    driver.text(&name);
    driver.keys("Enter");
    settled(&mut driver);
    assert!(driver.server.commands.created.last().unwrap().1.confirmed);
}

#[test]
fn a_role_that_may_not_is_told_so() {
    let mut server = Server::new(0, 3);
    server.role = Role::Editor;
    let mut driver = Driver::logged_in(server);
    driver.keys("2 Enter");
    settled(&mut driver);
    driver.keys("r");
    driver.draw();
    assert!(driver.screen().contains("needs admin"), "{}", driver.screen());
    assert!(driver.console.state.commands.form.is_none());
}
