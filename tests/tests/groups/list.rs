//! The list by filter and order; saved filters.

use crate::{call, refused, report, system};
use anyhow::Result;
use scm_protocol::saved_filters::{SavedFilter, SavedFilterList};
use scm_protocol::systems::{SystemCount, SystemPage};
use scm_protocol::telemetry::Telemetry;
use scm_tests::programs::{Database, Server};
use serde_json::json;

/// S5: the list by filter and order, over pages, and the count; saved filters.
async fn the_list_is_filtered_and_sorted(database: Database) -> Result<()> {
    let server = Server::builder()
        .database(database)
        .interval_secs(60)
        .start()
        .await?;
    let admin = server.admin()?;
    for number in 0..7_i64 {
        let name = format!("web-{number}");
        let mut rogue = system(&server, &admin, &name).await?;
        let telemetry = Telemetry {
            mem_total_bytes: (number != 3).then_some((number + 1) << 30),
            ..Telemetry::default()
        };
        report(&mut rogue, &name, telemetry).await?;
    }
    let page = async |query: &str| admin.get::<SystemPage>(&format!("/api/v1/systems?{query}")).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let next = page(&format!(
            "filter=not+hostname+%3D+web-5&sort=-mem_total_mb&limit=2{cursor}"
        ))
        .await?;
        assert_eq!(next.total, 6);
        seen.extend(next.items.into_iter().map(|system| system.hostname));
        match next.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["web-6", "web-4", "web-2", "web-1", "web-0", "web-3"]);
    let by_presence = page("filter=presence+%3D+online+mem_total_mb+%3C+3000").await?;
    assert_eq!(by_presence.total, 2);
    let count: SystemCount = admin.get("/api/v1/systems/count?filter=web-1+or+web-2").await?;
    assert_eq!((count.matching, count.total), (2, 7));

    let filters = "/api/v1/filters";
    let wanted = json!({ "name": "big", "filter": "mem_total_mb > 4000", "sort": "-mem_total_mb", "columns": ["host"] });
    let saved: SavedFilter = call(&admin, "POST", filters, wanted.clone()).await?;
    let again: SavedFilter = call(&admin, "POST", filters, wanted).await?;
    assert_eq!(saved.id, again.id);
    let broken = json!({ "name": "broken", "filter": "mem_total_mb >" });
    assert_eq!(
        refused(&admin, "POST", filters, broken).await?.field.as_deref(),
        Some("filter")
    );
    let list: SavedFilterList = admin.get(filters).await?;
    assert_eq!(list.items, [again]);
    assert_eq!(
        admin.status("DELETE", &format!("{filters}/{}", saved.id)).await?,
        204
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_filtered_and_sorted_on_sqlite() -> Result<()> {
    the_list_is_filtered_and_sorted(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_is_filtered_and_sorted_on_postgres() -> Result<()> {
    the_list_is_filtered_and_sorted(Database::Postgres).await
}
