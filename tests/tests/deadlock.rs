//! Servers over one PostgreSQL can wait for each other in a circle. PostgreSQL fails one of them; its change is made all the
//! same. The other server is played by `psql`, so that the circle closes every time.

use anyhow::{Context, Result, ensure};
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Database, Server};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

/// Holds the organization's row, waits until a server waits for it, and wants the system's row that this server holds. It
/// never notices the circle itself: the server is the one that PostgreSQL fails.
fn other_server(system: SystemId) -> String {
    format!(
        "SET deadlock_timeout = '60s'; BEGIN; \
         SELECT id FROM organizations FOR UPDATE; \
         \n\\! echo held\n\
         DO $$ BEGIN LOOP \
           PERFORM pg_stat_clear_snapshot(); \
           EXIT WHEN EXISTS (SELECT 1 FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'); \
           PERFORM pg_sleep(0.02); \
         END LOOP; END $$; \
         SELECT id FROM systems WHERE id = {system} FOR UPDATE; COMMIT;\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_lost_a_deadlock_is_made_all_the_same() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    let admin = server.admin()?;
    let mut rogue = server.rogue()?;
    rogue.register("contended").await?;

    let mut other = server.database_client()?;
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("other.sql");
    std::fs::write(&script, other_server(rogue.system))?;
    other.arg("--file").arg(&script).stdout(Stdio::piped());
    let mut other = other.spawn().context("psql cannot be started")?;
    let mut said = BufReader::new(other.stdout.take().context("no output")?);
    let mut line = String::new();
    while line.trim() != "held" {
        line.clear();
        ensure!(
            said.read_line(&mut line)? > 0,
            "psql ended before it held the row"
        );
    }
    admin.decide(rogue.system, "approve").await?;
    said.read_to_string(&mut line)?;
    ensure!(other.wait()?.success(), "psql failed: {line}");

    assert_eq!(
        admin.system(rogue.system).await?.summary.status,
        SystemStatus::Active
    );
    let approved = admin.audit().await?.items.into_iter();
    let approved = approved.filter(|entry| entry.action == "systems.approve").count();
    assert_eq!(approved, 1, "made twice, or not recorded");
    ensure!(
        server.log().contains("it is tried again"),
        "there was no deadlock"
    );
    Ok(())
}
