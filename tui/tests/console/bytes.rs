//! What the console costs on a slow link. The figures are printed: `cargo test -p scmtui bytes -- --nocapture`.

use crate::driver::Driver;
use crate::server::Server;
use scmtui::message::Reply;

fn fleet() -> Driver {
    let mut driver = Driver::logged_in(Server::new(2, 10_000));
    driver.keys("2");
    driver.advance(10_000);
    driver.written();
    driver
}

#[test]
fn a_cursor_move_is_small_and_one_write() {
    let mut driver = fleet();
    let mut most = 0;
    for _ in 0..15 {
        driver.keys("j");
        let (bytes, writes) = driver.written();
        assert_eq!(writes, 1, "one write per frame");
        most = most.max(bytes);
    }
    println!("cursor move at 80x24: {most} B");
    assert!(most <= 300, "{most} B");
}

#[test]
fn a_refresh_of_every_visible_row_is_small_and_one_write() {
    let mut driver = fleet();
    for system in driver.server.systems.values_mut() {
        let summary = &mut system.summary;
        summary.cpu_percent = summary.cpu_percent.map(|cpu| (cpu + 3.0).min(100.0));
        summary.mem_used_bytes = summary.mem_used_bytes.map(|bytes| bytes + (1 << 28));
        summary.last_seen_ms = Some(driver.server.clock);
    }
    driver.say(Reply::Change(scm_protocol::events::Change {
        updated_overflow: true,
        ..Default::default()
    }));
    driver.advance(400);
    driver.now = driver.now.plus(600);
    driver.draw();
    let (bytes, writes) = driver.written();
    println!("refresh of all rows at 80x24: {bytes} B in {writes} write");
    assert!(
        bytes > 100 && bytes <= 1_200 && writes == 1,
        "{bytes} B, {writes} writes"
    );
}

#[test]
fn a_key_costs_the_same_in_a_large_fleet() {
    let mut driver = Driver::logged_in(Server::new(2, 20_000));
    driver.keys("2 G");
    let started = std::time::Instant::now();
    for _ in 0..200 {
        driver.keys("k");
    }
    let each = started.elapsed() / 200;
    println!("key to frame with 20,000 systems, debug build: {each:?}");
    assert!(each.as_millis() < 20, "only visible rows are built: {each:?}");
}
