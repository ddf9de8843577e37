//! Whole screens at 80×24, as a terminal shows them.

use crate::driver::Driver;
use crate::server::Server;
use scm_protocol::auth::Role;
use scmtui::message::{Failure, Reply};
use scmtui::model::Settings;

fn shown(keys: &str) -> String {
    let mut driver = Driver::logged_in(Server::new(3, 40));
    for key in keys.split_whitespace() {
        driver.keys(key);
        driver.settle();
        driver.draw();
    }
    driver.advance(700);
    driver.screen()
}

#[test]
fn pages() {
    insta::assert_snapshot!("dashboard", shown("1"));
    insta::assert_snapshot!("systems", shown("2 j j j"));
    insta::assert_snapshot!("systems_marked", shown("2 Space j Space v j j"));
    insta::assert_snapshot!("systems_filtered", shown("2 / 0 0 7 Enter"));
    insta::assert_snapshot!("pending", shown("3 j"));
    insta::assert_snapshot!("system", shown("2 G k Enter"));
    insta::assert_snapshot!("audit", shown("4"));
}

#[test]
fn what_lies_over_pages() {
    insta::assert_snapshot!("help", shown("2 ?"));
    insta::assert_snapshot!("palette", shown("2 : a p p"));
    insta::assert_snapshot!("menu", shown("3 a"));
    insta::assert_snapshot!("servers", shown("1 @"));
    insta::assert_snapshot!("log", shown("1 : l o g Enter"));
    insta::assert_snapshot!("question_asked", shown("3 a a"));
    insta::assert_snapshot!("question_typed", shown("2 G a x"));
    insta::assert_snapshot!("question_many", shown("2 * a d"));
}

#[test]
fn login() {
    let mut driver = Driver::start(Server::new(0, 0), Settings::default(), (80, 24));
    insta::assert_snapshot!("login_connecting", driver.screen());
    driver.settle();
    driver.draw();
    driver.keys("j d o e Tab s e c r e t");
    insta::assert_snapshot!("login", driver.screen());
    driver.keys("Enter");
    driver.calls.clear();
    driver.say(Reply::Session(Err(Failure::Unauthorized(
        "the name or the password is wrong".to_owned(),
    ))));
    insta::assert_snapshot!("login_refused", driver.screen());

    let mut server = Server::new(0, 0);
    server.setup_needed = true;
    let mut driver = Driver::start(server, Settings::default(), (80, 24));
    driver.settle();
    driver.draw();
    driver.keys("A B C D - 1 2 3 4 Tab j d o e");
    insta::assert_snapshot!("first_run", driver.screen());
}

#[test]
fn unreachable() {
    let mut driver = Driver::start(Server::new(0, 0), Settings::default(), (80, 24));
    driver.calls.clear();
    driver.say(Reply::Connected(Ok(false)));
    driver.calls.clear();
    driver.say(Reply::SetupState(Err(Failure::Unreachable(
        "Connection refused (os error 111)".to_owned(),
    ))));
    driver.now = driver.now.plus(500);
    driver.draw();
    insta::assert_snapshot!("unreachable", driver.screen());
}

#[test]
fn reconnecting() {
    let mut driver = Driver::logged_in(Server::new(3, 9));
    driver.keys("2");
    driver.say(Reply::StreamEnded(Failure::Unreachable(
        "the server fell silent".to_owned(),
    )));
    driver.now = driver.now.plus(501);
    driver.draw();
    insta::assert_snapshot!("reconnecting", driver.screen());
}

#[test]
fn empty_fleet() {
    let mut driver = Driver::logged_in(Server::new(0, 0));
    insta::assert_snapshot!("dashboard_empty", driver.screen());
    driver.keys("2");
    insta::assert_snapshot!("systems_empty", driver.screen());
}

#[test]
fn roles_see_what_they_may_not() {
    let mut server = Server::new(3, 9);
    server.role = Role::Compliance;
    let mut driver = Driver::logged_in(server);
    insta::assert_snapshot!("dashboard_compliance", driver.screen());
    driver.keys("2 a");
    insta::assert_snapshot!("menu_compliance", driver.screen());
}

#[test]
fn plain_terminals() {
    let small = |settings: Settings, size: (u16, u16), keys: &str| {
        let mut driver = Driver::start(Server::new(3, 40), settings, size);
        driver.log_in();
        driver.keys(keys);
        driver.settle();
        driver.advance(700);
        driver
    };
    let ascii = Settings {
        ascii: true,
        ..Settings::default()
    };
    let driver = small(ascii, (80, 24), "3 Space a");
    assert!(driver.screen().is_ascii(), "{}", driver.screen());
    insta::assert_snapshot!("ascii", driver.screen());
    let accessible = Settings {
        accessible: true,
        ..Settings::default()
    };
    insta::assert_snapshot!("accessible", small(accessible, (80, 24), "3 a").screen());
    insta::assert_snapshot!("small", small(Settings::default(), (40, 12), "2 j").screen());
}

/// Under `NO_COLOR` no cell has a colour, and the cursor is still seen.
#[test]
fn without_colours_nothing_is_lost() {
    let mono = Settings {
        mono: true,
        ..Settings::default()
    };
    let mut driver = Driver::start(Server::new(3, 40), mono, (80, 24));
    driver.log_in();
    for page in ["1", "2", "3", "4", "2"] {
        driver.keys(page);
        driver.settle();
        driver.advance(700);
        let screen = driver.terminal.screen();
        let cells = (0..24).flat_map(|row| (0..80).filter_map(move |column| screen.cell(row, column)));
        for cell in cells {
            assert_eq!(
                (cell.fgcolor(), cell.bgcolor()),
                (vt100::Color::Default, vt100::Color::Default)
            );
        }
    }
    let screen = driver.terminal.screen();
    assert!(
        screen.cell(3, 10).is_some_and(vt100::Cell::inverse),
        "the row under the cursor is inverse"
    );
}
