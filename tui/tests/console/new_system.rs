//! What a new machine needs, and what is said of two machines with one identity.

use crate::driver::Driver;
use crate::server::{START, Server};
use scm_protocol::auth::Role;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{ConflictState, IdentityConflict};
use scmtui::model::{Change, Page};

fn driver(role: Role) -> Driver {
    let mut server = Server::new(0, 3);
    server.role = role;
    Driver::logged_in(server)
}

fn settled(driver: &mut Driver) {
    driver.settle();
    driver.draw();
    driver.advance(600);
}

#[test]
fn screens() {
    let mut form = driver(Role::Admin);
    form.keys("3 N");
    insta::assert_snapshot!("new_system", form.screen());
    form.text("http://x");
    form.keys("Enter Enter");
    settled(&mut form);
    insta::assert_snapshot!("new_system_error", form.screen());

    let mut recipe = driver(Role::Admin);
    recipe.keys("5 N Enter");
    recipe.text("oscm_secret");
    recipe.keys("Enter");
    settled(&mut recipe);
    insta::assert_snapshot!("new_system_recipe", recipe.screen());
}

#[test]
fn the_line_is_copied_and_the_configuration_written() {
    let mut driver = driver(Role::Admin);
    driver.keys("N Enter Enter");
    settled(&mut driver);
    driver.keys("y c w");
    settled(&mut driver);
    assert!(driver.copied[0].starts_with("scmclient enroll oscm-bootstrap-1."));
    assert!(driver.copied[1].starts_with("[server]"));
    assert_eq!(driver.server.configs, [driver.copied[1].clone()]);
    assert!(driver.screen().contains("written to /root/scmclient.config"));
    driver.keys("Esc Esc");
    assert_eq!(driver.console.state.page, Page::Dashboard);
}

#[test]
fn a_token_is_shown_nowhere_and_forgotten() {
    let mut driver = driver(Role::Admin);
    driver.keys("N Tab");
    driver.text("oscm_secret");
    assert!(!driver.screen().contains("oscm_secret"));
    driver.keys("Enter");
    settled(&mut driver);
    assert!(!format!("{:?}", driver.console.state).contains("oscm"));
    driver.keys("Esc");
    assert!(driver.console.state.new_system.token.text().is_empty());
}

#[test]
fn a_role_that_may_not_is_told_why() {
    let mut driver = driver(Role::Editor);
    driver.keys("N");
    assert!(
        driver.screen().contains("new system: needs admin"),
        "{}",
        driver.screen()
    );
}

/// The second system, of which there are two machines.
fn cloned() -> Driver {
    let mut server = Server::new(0, 3);
    let system = server.systems.get_mut(&SystemId(2)).unwrap();
    system.summary.cloned = true;
    system.conflicts.push(IdentityConflict {
        id: 5,
        state: ConflictState::Open,
        evidence: "former_run".to_owned(),
        claimant_boot_id: "ab".repeat(16),
        claimant_hostname: "host-002".to_owned(),
        claimant_machine_id_hash: None,
        claimant_address: "198.51.100.9".to_owned(),
        keeper_boot_id: "cd".repeat(16),
        keeper_address: "192.0.2.2".to_owned(),
        first_seen_ms: UnixMillis(START - 600_000),
        last_seen_ms: UnixMillis(START - 60_000),
        refused: 4,
    });
    Driver::logged_in(server)
}

#[test]
fn two_machines_with_one_identity_are_seen_and_split() {
    let mut driver = cloned();
    driver.keys("2");
    settled(&mut driver);
    assert!(driver.screen().contains("CLONE"), "{}", driver.screen());
    driver.keys("j Enter");
    settled(&mut driver);
    insta::assert_snapshot!("system_cloned", driver.screen());
    driver.keys("a i");
    settled(&mut driver);
    driver.keys("Tab Enter");
    settled(&mut driver);
    assert_eq!(driver.server.acted, [(Change::Split, SystemId(2))]);
    assert!(!driver.screen().contains("CLONE"), "{}", driver.screen());
    driver.keys("a w");
    settled(&mut driver);
    assert!(driver.screen().contains("is one machine"), "{}", driver.screen());
}

#[test]
fn another_key_is_asked_for_and_the_page_says_so() {
    let mut driver = Driver::logged_in(Server::new(0, 3));
    driver.keys("2 Enter");
    settled(&mut driver);
    driver.keys("a n");
    settled(&mut driver);
    assert!(driver.server.acted.is_empty(), "it asks first");
    driver.keys("Tab Enter");
    settled(&mut driver);
    let id = driver.console.state.page;
    assert!(
        matches!(
            (driver.server.acted.as_slice(), id),
            ([(Change::RotateKey, acted)], Page::System(shown)) if *acted == shown
        ),
        "{:?}",
        driver.server.acted
    );
    driver.keys("Ctrl-R");
    settled(&mut driver);
    assert!(
        driver.screen().contains("another was asked for"),
        "{}",
        driver.screen()
    );
}
