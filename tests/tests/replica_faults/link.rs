//! One of two servers is cut off from the database: by a link over which nothing gets through and nobody is told, and by one
//! that is closed.

use super::{
    ANSWERED, all_checked_in, first_server, put_off, ready_again, says_that_the_database_is_away, unbroken,
};
use anyhow::{Context, Result, ensure};
use scm_protocol::refusal::RefusalCode;
use scm_tests::http::Connection;
use scm_tests::programs::{Cluster, Process, Server, Simulated, eventually};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

const AGENTS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_cut_off_from_the_database_holds_nobody_up_and_comes_back() -> Result<()> {
    let cluster = Cluster::start().await?;
    let first = first_server(&cluster, "").await?;
    let link = cluster.link().await?;
    let mut second = first.replica_by(&cluster.url_over(&link), "").await?;
    let fleet = Simulated::new(AGENTS)?;
    let mut load = loaded(&fleet, &second, &first).await?;
    let token = std::fs::read_to_string(second.token_file())?;
    let mut stream = listen(&second, token.trim()).await?;

    for stalled in [true, false] {
        let mut rogue = first.active_rogue().await?;
        rogue.endpoint = second.endpoint()?;
        let checkin = rogue.checkin()?;
        rogue.accepted(&checkin).await?;
        if stalled {
            link.stall();
        } else {
            link.cut();
        }
        put_off(&mut rogue).await?;
        says_that_the_database_is_away(&second.endpoint()?, token.trim()).await?;
        // Whatever the one that is cut off was in the middle of, the other goes on.
        eventually("the other server to be free of it", 60, async || {
            let decided = first.admin()?.try_decide(rogue.system, "revoke").await?;
            Ok(decided.status().is_success().then_some(()))
        })
        .await?;
        link.heal();
        ready_again(&mut second).await?;
        // It had taken a check-in of it just before, and was not told of the revocation.
        let checkin = rogue.checkin()?;
        let (_, refusal) = rogue.refused(&checkin).await?;
        ensure!(refusal.code != RefusalCode::Busy, "{refusal:?}");
        told_of_a_group(&first, &mut stream, if stalled { "one" } else { "two" }).await?;
        load.must_run()?;
    }
    ensure!(load.stop()?.success(), "the fleet did not get through");
    super::only(&fleet, &["refused: busy"])?;
    fleet.must_have_lost_nothing(&first).await?;
    unbroken(&[&first, &second])
}

/// A fleet in front of one server, seen by the other.
async fn loaded(fleet: &Simulated, server: &Server, other: &Server) -> Result<Process> {
    let more = ["--approve", "--stay", "--interval", "0.5", "--patience", "90"];
    let mut load = fleet.start(server, &more)?;
    all_checked_in(&mut load, &other.admin()?, AGENTS).await?;
    Ok(load)
}

async fn listen(server: &Server, token: &str) -> Result<Connection> {
    let endpoint = server.endpoint()?;
    let bearer = format!("Bearer {token}");
    let mut connection = endpoint.connect().await?;
    let request = endpoint.request("GET", "/api/v1/events", &[("authorization", &bearer)], b"");
    connection.send(&request).await?;
    ensure!(connection.status().await? == 200, "no stream");
    Ok(connection)
}

/// What happens at one server is told by the stream of the other, which outlived everything.
async fn told_of_a_group(first: &Server, stream: &mut Connection, name: &str) -> Result<()> {
    let group = json!({ "name": name, "kind": "manual" });
    let _: Value = first.admin()?.call("POST", "/api/v1/groups", &group).await?;
    let mut heard = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&heard).contains(r#""groups":true"#) {
            let mut part = [0; 4096];
            let count = stream.stream().read(&mut part).await?;
            ensure!(count > 0, "the stream ended");
            heard.extend_from_slice(&part[..count]);
        }
        Ok(())
    };
    timeout(ANSWERED, read).await.context("no group was told")?
}
