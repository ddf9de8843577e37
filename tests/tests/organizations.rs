//! Organizations are sealed from each other (X6): what one has, another neither sees nor touches, whoever asks.

use anyhow::{Context, Result, ensure};
use scm_protocol::access::{Audience, ROUTES};
use scm_protocol::agent::AgentStatus;
use scm_protocol::auth::{LoginReply, Role, Session};
use scm_protocol::enrollment::CreatedToken;
use scm_protocol::ids::SystemId;
use scm_protocol::organizations::OrganizationList;
use scm_protocol::systems::SystemDetail;
use scm_tests::programs::{Admin, Database, PASSWORD, Person, Server};
use serde_json::{Value, json};

const NONE: Value = Value::Null;

/// The ids of what an organization has, by the first word of the paths that name it.
struct Things {
    owner: Person,
    system: SystemId,
    ids: Vec<(&'static str, Value)>,
    texts: Vec<String>,
}

async fn first(api: &Admin, path: &str) -> Result<Value> {
    let page: Value = api.get(path).await?;
    let id = page["items"][0]["id"].clone();
    ensure!(!id.is_null(), "there is nothing at {path}");
    Ok(id)
}

/// The command line of the server's machine adds one beside the running server, which serves it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_adds_one() -> Result<()> {
    let server = Server::start_default().await?;
    let added = server.command(&["organization", "add", "site-7"])?;
    let said = String::from_utf8(added.stdout)?;
    ensure!(added.status.success(), "{said}");
    let code = said.trim().rsplit(' ').next().context("no code")?;
    let body = json!({ "setup_code": code, "username": "owner-7", "password": PASSWORD });
    let anyone = server.client(None)?;
    let reply: LoginReply = anyone.call("POST", "/api/v1/setup", &body).await?;
    assert_eq!(reply.session.organization.to_string(), "site-7");
    anyone.refused("POST", "/api/v1/setup", &body).await?;
    let audit = server.admin()?.audit().await?.items;
    let recorded = audit
        .iter()
        .find(|entry| entry.action == "organizations.create")
        .context("it is not recorded")?;
    assert_eq!(
        (recorded.actor.as_str(), recorded.target.as_str()),
        ("command-line", "organization:site-7")
    );
    for (name, reason) in [("site-7", "already"), ("Site 7", "not an organization name")] {
        let refused = server.command(&["organization", "add", name])?;
        let said = String::from_utf8(refused.stderr)?;
        ensure!(
            !refused.status.success() && said.contains(reason),
            "{name}: {said}"
        );
    }
    Ok(())
}

/// Fills an organization with one of everything.
async fn things(server: &Server, name: &str) -> Result<Things> {
    let (organization, owner) = server.organization(name).await?;
    let mut rogue = server.rogue()?;
    rogue.organization = organization;
    let host = format!("host-of-{name}");
    rogue.register(&host).await?;
    owner.api.decide(rogue.system, "approve").await?;
    let person = server
        .person_by(&owner.api, &format!("viewer-of-{name}"), Role::Viewer)
        .await?;
    let token = json!({ "name": format!("token-of-{name}") });
    let token: CreatedToken = owner
        .api
        .call("POST", "/api/v1/enrollment/tokens", &token)
        .await?;
    owner
        .api
        .api_token(&format!("script-of-{name}"), Role::Owner)
        .await?;
    let offered = json!({ "actions": [{ "name": format!("action-of-{name}"), "timeout_secs": 5 }] });
    rogue.offer(serde_json::from_value(offered)?).await?;
    let commands = format!("/api/v1/systems/{}/commands", rogue.system);
    let command = json!({ "action": format!("action-of-{name}") });
    let command: Value = owner.api.call("POST", &commands, &command).await?;
    let key = format!("ssh-ed25519 {} key-of-{name}", ED25519);
    let key: Value = owner
        .api
        .call("POST", "/api/v1/ssh-keys", &json!({ "public_key": key }))
        .await?;
    let job = json!({
        "kind": "deny",
        "systems": [{ "expected_status": "pending", "ids": [rogue.system] }],
    });
    let job: Value = owner.api.call("POST", "/api/v1/jobs", &job).await?;
    let group = json!({ "name": format!("group-of-{name}"), "kind": "manual" });
    let group: Value = owner.api.call("POST", "/api/v1/groups", &group).await?;
    let filter = json!({ "name": format!("filter-of-{name}"), "filter": "os = linux", "shared": true });
    let filter: Value = owner.api.call("POST", "/api/v1/filters", &filter).await?;
    // The packages are every organization's; the upgrades to them are each one's own.
    server.database_execute(PACKAGE)?;
    let rollout = json!({ "filter": format!("hostname = {host}"), "expected_count": 1 });
    let rollout: Value = owner.api.call("POST", "/api/v1/rollouts", &rollout).await?;
    let ids = vec![
        ("systems", json!(rogue.system)),
        ("rollouts", rollout["id"].clone()),
        ("groups", group["id"].clone()),
        ("filters", filter["id"].clone()),
        ("jobs", job["id"].clone()),
        ("commands", command["id"].clone()),
        ("users", json!(person.id)),
        ("sessions", first(&person.api, "/api/v1/sessions").await?),
        ("api-tokens", first(&owner.api, "/api/v1/api-tokens").await?),
        ("ssh-keys", key["id"].clone()),
        ("enrollment/tokens", json!(token.token.id)),
    ];
    Ok(Things {
        owner,
        system: rogue.system,
        ids,
        texts: [
            "host-of-",
            "viewer-of-",
            "token-of-",
            "script-of-",
            "key-of-",
            "owner-of-",
            "group-of-",
            "filter-of-",
            "action-of-",
        ]
        .map(|text| format!("{text}{name}"))
        .to_vec(),
    })
}

/// As `scmserver packages add` stores it, but for its bytes, which nobody fetches here.
const PACKAGE: &str = "INSERT INTO packages (platform, version, size_bytes, sha256, signature, added_ms, added_by) \
    SELECT 'x86_64-linux', '9.9.9', 1, '', '', 0, 'test' WHERE NOT EXISTS (SELECT 1 FROM packages)";

const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIPkelMMmjmyBQ7m01IKbdKHO5ub4ha+Ip0ZbiSivo59h";

/// A body that the route would take from one of the others.
fn body_of(route: &str, system: &SystemDetail) -> Value {
    let fingerprint = system.fingerprint;
    match route {
        "annotations.tags.change" => json!({ "add": ["mine"] }),
        "annotations.note.change" => json!({ "note": "mine" }),
        "systems.split" | "systems.swap" | "systems.dismiss" => {
            json!({ "fingerprint": fingerprint, "conflict": 1 })
        }
        "systems.approve" | "systems.reject" | "systems.deny" | "systems.revoke" | "systems.restore"
        | "systems.delete" | "systems.rotate_key" => {
            json!({ "fingerprint": fingerprint, "expected_status": system.summary.status })
        }
        "commands.create" => json!({ "action": "mine" }),
        "upgrades.create" => json!({}),
        "groups.change" => json!({ "name": "mine", "description": "" }),
        "groups.members.change" => json!({ "add": [system.summary.id] }),
        "rules.save" => {
            json!({ "conditions": [{ "field": "os_family", "operator": "equals", "value": "linux" }] })
        }
        "users.set_role" => json!({ "role": "owner" }),
        "users.set_password" => json!({ "password": "another long password" }),
        _ => NONE,
    }
}

/// Every route with an id of the others, and every list, asked with these rights.
async fn sees_nothing_of(api: &Admin, others: &Things) -> Result<()> {
    for route in ROUTES {
        if !matches!(route.audience, Audience::Roles(_))
            || route.name == "events"
            || route.name == "auth.logout"
        {
            continue;
        }
        if !route.path.contains("{id}") {
            if route.method == "GET" {
                let shown = api.send("GET", route.path, None::<&()>).await?.text().await?;
                let leaked = others.texts.iter().find(|text| shown.contains(text.as_str()));
                ensure!(leaked.is_none(), "{} shows {leaked:?}", route.path);
            }
            continue;
        }
        let kind = route.path.trim_start_matches("/api/v1/").split("/{id}").next();
        let kind = kind.unwrap_or_default();
        let id = others.ids.iter().find(|(name, _)| *name == kind);
        let (_, id) = id.with_context(|| {
            format!(
                "{}: say in tests/tests/organizations.rs, in `things`, how to make one of `{kind}` and what its id is",
                route.path
            )
        })?;
        let path = route.path.replace("{id}", &id.to_string());
        let body = body_of(route.name, &others.owner.api.system(others.system).await?);
        let response = api.send(route.method, &path, Some(&body)).await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status == 404, "{} {path} answered {status}: {text}", route.method);
    }
    let keys = format!("/api/v1/ssh-keys?user={}", others.owner.id);
    ensure!(
        api.status("GET", &keys).await? == 404,
        "the SSH keys of another's user are shown"
    );
    let ids = format!("/api/v1/systems?ids={}", others.system);
    let page: Value = api.get(&ids).await?;
    ensure!(
        page["items"] == json!([]),
        "a system of another is listed by its id"
    );
    Ok(())
}

async fn organizations_are_sealed(server: Server) -> Result<()> {
    let a = things(&server, "a").await?;
    let b = things(&server, "b").await?;
    sees_nothing_of(&a.owner.api, &b).await?;
    let script = a.owner.api.api_token("walk", Role::Owner).await?;
    sees_nothing_of(&server.client(Some(&script.secret))?, &b).await?;
    // The local administrator stands in the first organization unless they say otherwise.
    sees_nothing_of(&server.admin()?, &b).await?;
    let local = server.admin()?;
    let named = [("openscm-organization", "b")];
    let shown = local
        .send_with("GET", "/api/v1/systems", &named, None::<&()>)
        .await?;
    assert!(shown.text().await?.contains("host-of-b"));
    // Naming another organization opens nothing, and says nothing about whether it exists.
    for name in ["b", "nowhere", "not a name"] {
        let named = [("openscm-organization", name)];
        let refused = a
            .owner
            .api
            .send_with("GET", "/api/v1/systems", &named, None::<&()>);
        let refused = refused.await?;
        assert_eq!(refused.status(), 404);
        let expected = format!("there is no organization `{name}`");
        assert!(refused.text().await?.contains(&expected), "{name}");
    }
    // Nothing was changed by any of it, and both go on.
    for things in [&a, &b] {
        let session: Session = things.owner.api.get("/api/v1/sessions/current").await?;
        assert_eq!(session.role, Role::Owner);
        let users: Value = things.owner.api.get("/api/v1/users").await?;
        assert_eq!(users["items"].as_array().map(Vec::len), Some(2));
    }
    // An enrollment token lets nobody in elsewhere, and an idempotency key is not another's.
    let body = json!({ "name": "shared name" });
    let key = [("idempotency-key", "the same key")];
    let mut secret = String::new();
    for things in [&a, &b] {
        let path = "/api/v1/enrollment/tokens";
        let made = things
            .owner
            .api
            .send_with("POST", path, &key, Some(&body))
            .await?;
        assert_eq!(made.status(), 201);
        if secret.is_empty() {
            secret = made.json::<CreatedToken>().await?.secret;
        }
    }
    let mut rogue = server.rogue()?;
    rogue.organization = "b".parse()?;
    let reply = rogue.register_with("guest", Some(&secret)).await?;
    assert_eq!(reply.status, AgentStatus::Pending);
    let audit = b.owner.api.audit().await?.items;
    let entry = audit.iter().find(|entry| entry.action == "enrollment.register");
    assert_eq!(entry.context("not recorded")?.detail["token"], "unknown");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn organizations_are_sealed_on_sqlite() -> Result<()> {
    organizations_are_sealed(Server::start_default().await?).await
}

/// D1: what one replica made, another knows without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_made_on_one_replica_works_on_the_other() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    let replica = server.replica().await?;
    let (name, owner) = server.organization("new").await?;
    let there = replica.client(Some(&owner.token))?;
    let session: Session = there.get("/api/v1/sessions/current").await?;
    assert_eq!(session.organization, name);
    let mut rogue = replica.rogue()?;
    rogue.organization = name;
    rogue.register("first").await?;
    there.decide(rogue.system, "approve").await?;
    let checkin = rogue.checkin()?;
    let reply = rogue.accepted(&checkin).await?;
    assert_eq!(reply.status, AgentStatus::Active);
    organizations_are_sealed(server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_local_administrator_makes_organizations() -> Result<()> {
    let server = Server::start_default().await?;
    let local = server.admin()?;
    let owner = server.person("boss", Role::Owner).await?;
    let path = "/api/v1/organizations";
    let create = |name: &str| json!({ "name": name });
    assert_eq!(owner.api.refused("POST", path, &create("mine")).await?.0, 403);
    assert_eq!(owner.api.refused("GET", path, &NONE).await?.0, 403);
    assert_eq!(local.refused("POST", path, &create("Not A Name")).await?.0, 422);
    assert_eq!(
        local.refused("POST", path, &create("default")).await?.1,
        "name_taken"
    );
    server.organization("second").await?;
    let list: OrganizationList = local.get(path).await?;
    let names: Vec<_> = list
        .items
        .iter()
        .map(|one| (one.name.as_str(), one.users))
        .collect();
    assert_eq!(names, [("default", 1), ("second", 1)]);
    // Names of users are unique over all of them.
    let create = json!({ "username": "owner-of-second", "role": "viewer", "password": PASSWORD });
    assert_eq!(
        local.refused("POST", "/api/v1/users", &create).await?.1,
        "name_taken"
    );
    Ok(())
}
