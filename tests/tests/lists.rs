//! The list of systems is made from what the server keeps in memory: it never says anything else than the database (S5, D1).

use anyhow::Result;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemPage;
use scm_tests::programs::{Admin, Database, Server, eventually};
use serde_json::{Value, json};

async fn matching(admin: &Admin, filter: &str) -> Result<Vec<SystemId>> {
    let filter = filter.replace(' ', "%20").replace('=', "%3D");
    let page: SystemPage = admin
        .get(&format!("/api/v1/systems?filter={filter}&sort=id"))
        .await?;
    assert_eq!(page.total, i64::try_from(page.items.len())?);
    Ok(page.items.iter().map(|system| system.id).collect())
}

async fn registered(server: &Server, hostname: &str) -> Result<SystemId> {
    let mut rogue = server.rogue()?;
    rogue.register(hostname).await?;
    Ok(rogue.system)
}

/// What was answered is in the next list: nobody waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_was_answered_is_in_the_next_list() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    assert_eq!(matching(&admin, "web").await?, []);
    let (web, db) = (
        registered(&server, "web-1").await?,
        registered(&server, "db-1").await?,
    );
    assert_eq!(matching(&admin, "").await?, [web, db]);
    assert_eq!(matching(&admin, "hostname starts_with WEB").await?, [web]);

    let path = format!("/api/v1/systems/{web}/tags");
    let _: Value = admin.call("POST", &path, &json!({ "add": ["eu"] })).await?;
    assert_eq!(matching(&admin, "tag = eu").await?, [web]);
    let _: Value = admin.call("POST", &path, &json!({ "remove": ["eu"] })).await?;
    assert_eq!(matching(&admin, "tag = eu").await?, []);

    admin.decide(db, "approve").await?;
    assert_eq!(matching(&admin, "status = active").await?, [db]);

    let group = json!({ "name": "blue", "kind": "manual" });
    let group: Value = admin.call("POST", "/api/v1/groups", &group).await?;
    let members = format!("/api/v1/groups/{}/members", group["id"]);
    let _: Value = admin.call("POST", &members, &json!({ "add": [db] })).await?;
    assert_eq!(matching(&admin, "group = blue").await?, [db]);
    let _: Value = admin.call("POST", &members, &json!({ "remove": [db] })).await?;
    assert_eq!(matching(&admin, "group = blue").await?, []);

    admin.decide(web, "reject").await?;
    assert_eq!(matching(&admin, "").await?, [db]);
    Ok(())
}

/// What a check-in said is in the next list, and what happens at one server comes to the lists of the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lists_of_two_servers_are_one() -> Result<()> {
    let first = Server::builder().database(Database::Postgres).start().await?;
    let second = first.replica().await?;
    let (here, there) = (first.admin()?, second.admin()?);
    assert_eq!(matching(&there, "").await?, []);
    let agent = first.agent().start()?;
    let system = eventually(
        "the agent's check-in in the other server's list",
        60,
        async || {
            Ok(matching(&there, "cpu_percent >= 0 and presence = online")
                .await?
                .pop())
        },
    )
    .await?;
    let path = format!("/api/v1/systems/{system}/tags");
    let _: Value = here.call("POST", &path, &json!({ "add": ["eu"] })).await?;
    eventually("the tag in the other server's list", 30, async || {
        Ok((matching(&there, "tag = eu").await? == [system]).then_some(()))
    })
    .await?;
    here.decide(system, "approve").await?;
    eventually("the approval in the other server's list", 30, async || {
        Ok((matching(&there, "status = active").await? == [system]).then_some(()))
    })
    .await?;
    drop(agent);
    Ok(())
}
