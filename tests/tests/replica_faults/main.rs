//! Several servers over one PostgreSQL while servers, the database and the link between them fail (D1, T8): whoever asks
//! meanwhile is told to come again and never anything wrong, everything goes on by itself afterwards, and nothing that was
//! acknowledged is lost or done twice.

mod background;
mod database;
mod failover;
mod link;
mod servers;

use anyhow::{Context, Result, ensure};
use scm_protocol::ids::UnixMillis;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_tests::http::Endpoint;
use scm_tests::programs::{Admin, Cluster, Process, Rogue, Server, Simulated, eventually};
use std::time::Duration;
use tokio::time::timeout;

/// More than the longest that anybody is documented to wait for an answer, on a machine that is busy with other tests.
pub(crate) const ANSWERED: Duration = Duration::from_secs(60);

/// The first of several servers.
pub(crate) async fn first_server(cluster: &Cluster, sections: &str) -> Result<Server> {
    Server::builder()
        .database_url(&cluster.url())
        .sections(sections)
        .start()
        .await
}

/// Waits until a server is ready again, by itself.
pub(crate) async fn ready_again(server: &mut Server) -> Result<()> {
    server.process()?.must_run()?;
    let admin = server.admin()?;
    eventually("a server to be ready again", 90, async || {
        Ok((admin.status("GET", "/readyz").await? == 200).then_some(()))
    })
    .await
}

/// The server's clock, as its database has it.
pub(crate) async fn now(admin: &Admin) -> Result<UnixMillis> {
    let systems = admin.systems().await?;
    let newest = systems.iter().filter_map(|system| system.last_seen_ms).max();
    newest.context("nobody checked in yet")
}

/// Waits until every machine of a fleet has checked in.
pub(crate) async fn all_checked_in(load: &mut Process, admin: &Admin, count: usize) -> Result<()> {
    eventually("the load", 60, async || {
        load.must_run()?;
        let systems = admin.systems().await?;
        let seen = systems.iter().filter(|system| system.last_seen_ms.is_some());
        Ok((seen.count() >= count).then_some(()))
    })
    .await
}

/// Every server says that the database is away, to agents and consoles.
pub(crate) async fn the_database_is_away(rogue: &mut Rogue, servers: [&Server; 2]) -> Result<()> {
    for server in servers {
        rogue.endpoint = server.endpoint()?;
        put_off(rogue).await?;
        let token = std::fs::read_to_string(server.token_file())?;
        says_that_the_database_is_away(&server.endpoint()?, token.trim()).await?;
    }
    Ok(())
}

/// Every server is ready again by itself, and takes check-ins.
pub(crate) async fn all_go_on(rogue: &mut Rogue, servers: [&mut Server; 2]) -> Result<()> {
    for server in servers {
        ready_again(server).await?;
        rogue.endpoint = server.endpoint()?;
        let checkin = rogue.checkin()?;
        rogue.accepted(&checkin).await?;
    }
    Ok(())
}

/// Waits until every simulated machine was served after `since`.
pub(crate) async fn all_served_since(admin: &Admin, count: usize, since: UnixMillis) -> Result<()> {
    eventually("the whole fleet to be served", 120, async || {
        let systems = admin.systems().await?;
        let served = systems
            .iter()
            .filter(|system| system.hostname.starts_with("sim-") && system.last_seen_ms > Some(since));
        Ok((served.count() == count).then_some(()))
    })
    .await
}

/// A check-in is put off with the time to come back, and not held.
pub(crate) async fn put_off(rogue: &mut Rogue) -> Result<()> {
    let checkin = rogue.checkin()?;
    let reply = timeout(ANSWERED, rogue.send(&checkin))
        .await
        .context("a check-in is not answered at all")??;
    ensure!(reply.status == 503, "{}: {}", reply.status, reply.text());
    ensure!(reply.header("retry-after").is_some(), "no Retry-After");
    let refusal: Refusal = reply.json()?;
    ensure!(refusal.code == RefusalCode::Busy, "{refusal:?}");
    Ok(())
}

/// The console's API says so, too; the process itself is well.
pub(crate) async fn says_that_the_database_is_away(endpoint: &Endpoint, token: &str) -> Result<()> {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    for (path, wanted) in [("/api/v1/systems", 503), ("/readyz", 503), ("/healthz", 200)] {
        let request = endpoint.request("GET", path, &headers, b"");
        let mut connection = endpoint.connect().await?;
        let reply = timeout(ANSWERED, connection.exchange(&request))
            .await
            .with_context(|| format!("{path} is not answered at all"))??;
        ensure!(
            reply.status == wanted,
            "{path}: {}: {}",
            reply.status,
            reply.text()
        );
        if wanted == 503 {
            ensure!(reply.header("retry-after").is_some(), "{path}: no Retry-After");
        }
    }
    Ok(())
}

/// Only these kinds of errors came up in a fleet's load.
pub(crate) fn only(fleet: &Simulated, allowed: &[&str]) -> Result<()> {
    for phase in ["first_check_in", "check_in"] {
        let errors = fleet.errors(phase)?;
        let others: Vec<_> = errors
            .keys()
            .filter(|kind| !allowed.contains(&kind.as_str()))
            .collect();
        ensure!(others.is_empty(), "somebody was told something else: {errors:?}");
    }
    Ok(())
}

/// Nothing in a server broke.
pub(crate) fn unbroken(servers: &[&Server]) -> Result<()> {
    for server in servers {
        let log = server.log();
        for broken in ["panicked", "internal error"] {
            ensure!(!log.contains(broken), "a log says `{broken}`");
        }
    }
    Ok(())
}
