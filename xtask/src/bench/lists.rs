//! `cargo xtask bench --list-systems N`: pages of the systems list over N systems, filtered and sorted.
//!
//! Each list is asked for several times over one connection, as a console does; a figure is what a client waits for, from
//! its request to the end of the answer, after the connection is made.

use super::goal::Goal;
use super::rules::{Client, insert, python};
use crate::site::Site;
use anyhow::{Context, Result};

/// Requests of which the median and the slowest are told.
const TIMES: usize = 15;
/// What a page may take: the first one, and any other, in milliseconds.
const TARGETS: [f64; 2] = [20.0, 50.0];
/// Pages of 1,000 systems before the one that is measured.
const DEEP: usize = 20;

/// Name and query, without the limit.
const LISTS: [(&str, &str); 9] = [
    ("as it is", ""),
    ("a text searched for", "search=web-prod"),
    ("one status", "status=active"),
    (
        "an exact value, by cpu",
        "filter=os_family%20%3D%20linux&sort=-cpu_percent",
    ),
    (
        "three conditions, by version",
        "filter=os%20contains%20debian%20and%20cpu_percent%20%3E%2050%20and%20not%20hostname%20contains%20test&sort=-ver",
    ),
    (
        "a regular expression and containers, by name",
        "filter=hostname%20regex%20'%5Eweb-prod-%5B0-9%5D%2B%24'%20and%20any_container_image%20contains%20nginx&sort=hostname",
    ),
    (
        "a network, by address",
        "filter=ip%20in_cidr%2010.0.0.0%2F9&sort=ip",
    ),
    ("a tag, by memory", "filter=tag%20%3D%20eu&sort=-mem_used_percent"),
    (
        "a group, by silence",
        "filter=group%20%3D%20bench&sort=-last_seen_secs",
    ),
];

/// Tags every third system and puts every fourth into a group.
const ANNOTATE: &str = r#"
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=60)
with database:
    database.execute("INSERT INTO system_tags (system_id, tag) SELECT id, 'eu' FROM systems WHERE id % 3 = 0")
    group = database.execute("INSERT INTO groups (organization_id, name, description, kind, created_ms, created_by) "
        "VALUES (1, 'bench', '', 'manual', 0, 'bench')").lastrowid
    database.execute("INSERT INTO group_members (group_id, generation, system_id, added_ms, added_by) "
        "SELECT ?, 0, id, 0, 'bench' FROM systems WHERE id % 4 = 0", (group,))
"#;

/// Fills the fleet and measures.
pub(crate) fn measure(site: &Site, systems: u32) -> Result<Vec<Goal>> {
    let database = site.folder().join("server/openscm.db");
    insert(&database, systems)?;
    python(ANNOTATE, &database, "")?;
    let client = Client::new(site)?;
    // Reads what was put into the database beside the server.
    client.ask("GET", "/api/v1/systems?filter=group%20%3D%20bench&limit=1", "")?;
    println!(
        "{:<46} {:>9} {:>9} {:>8}   {:>9} {:>9} {:>8}",
        "pages of 100, ms", "first", "slowest", "target", "deep", "slowest", "target"
    );
    let mut worst = [0.0; 2];
    for (name, query) in LISTS {
        let path = |cursor: &str, limit: usize| format!("/api/v1/systems?{query}&limit={limit}{cursor}");
        let first = times(&client, &path("", 100))?;
        let mut cursor = String::new();
        for _ in 0..DEEP {
            let (page, _) = client.ask("GET", &path(&cursor, 1000), "")?;
            match next(&page) {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let deep = times(&client, &path(&cursor, 100))?;
        println!(
            "{name:<46} {:>9.1} {:>9.1} {:>7.2}x   {:>9.1} {:>9.1} {:>7.2}x",
            first.0,
            first.1,
            first.0 / TARGETS[0],
            deep.0,
            deep.1,
            deep.0 / TARGETS[1]
        );
        worst = [f64::max(worst[0], first.0), f64::max(worst[1], deep.0)];
    }
    let overview = times(&client, "/api/v1/overview")?;
    println!(
        "{:<46} {:>9.1} {:>9.1}",
        "the dashboard's numbers", overview.0, overview.1
    );
    let slowest = |page: &str| format!("{page} of {systems} systems: the slowest list (medians)");
    Ok(vec![
        Goal::at_most(slowest("first page"), worst[0], TARGETS[0], "ms"),
        Goal::at_most(slowest("page behind 20,000"), worst[1], TARGETS[1], "ms"),
    ])
}

/// Median and slowest, in milliseconds.
fn times(client: &Client<'_>, path: &str) -> Result<(f64, f64)> {
    let mut times = client.ask_often(path, TIMES)?;
    times.sort_by(f64::total_cmp);
    let slowest = times.last().copied().context("nothing was measured")?;
    Ok((times[times.len() / 2], slowest))
}

fn next(page: &str) -> Option<&str> {
    let (_, rest) = page.split_once("\"next_cursor\":\"")?;
    rest.split('"').next()
}
