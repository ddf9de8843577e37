//! A1: whatever changes something leaves an audit entry. Every route that is no GET is called here with an example that
//! succeeds, and the audit is read after it.
//!
//! A new route needs a line in [`example`] (or, when it changes nothing, in [`CHANGES_NOTHING`]): the test says so.

use anyhow::{Context, Result, bail, ensure};
use scm_protocol::access::{Audience, ROUTES};
use scm_protocol::audit::AuditPage;
use scm_protocol::auth::Role;
use scm_protocol::ids::SystemId;
use scm_tests::programs::{Admin, PASSWORD, Person, Server, eventually};
use serde_json::{Value, json};

/// Routes that are no GET and change nothing that could be recorded, and why.
const CHANGES_NOTHING: &[(&str, &str)] = &[
    ("enrollment.bootstrap", "composes a text out of what is there"),
    (
        "auth.challenge",
        "stores nothing; the login that uses it is recorded",
    ),
    (
        "systems.checkin",
        "recorded where it changes a system's status or groups",
    ),
    ("rules.preview", "asks what a draft would do"),
    ("rules.explain", "asks why a system matches a draft"),
    ("commands.offered", "asks what systems offer"),
];

/// An example: who calls, with what, and under which name it is recorded where that is not the route's.
struct Call {
    by: Admin,
    path: String,
    body: Value,
    action: Option<&'static str>,
}

fn call(by: &Admin, path: impl Into<String>, body: Value) -> Call {
    Call {
        by: by.clone(),
        path: path.into(),
        body,
        action: None,
    }
}

struct World {
    server: Server,
    local: Admin,
    owner: Person,
    count: u32,
}

impl World {
    async fn start() -> Result<World> {
        let server = Server::start_default().await?;
        let local = server.admin()?;
        let owner = server.person("jdoe", Role::Owner).await?;
        Ok(World {
            server,
            local,
            owner,
            count: 0,
        })
    }

    fn name(&mut self) -> String {
        self.count += 1;
        format!("example-{}", self.count)
    }

    /// A user to do something to.
    async fn somebody(&mut self) -> Result<Person> {
        let name = self.name();
        self.server.person(&name, Role::Viewer).await
    }

    /// A system in that status, and the body of a decision about it.
    async fn system(&mut self, decisions: &[&str]) -> Result<(String, Value)> {
        let mut rogue = self.server.rogue()?;
        rogue.register(&self.name()).await?;
        for decision in decisions {
            self.local.decide(rogue.system, decision).await?;
        }
        let seen = self.local.system(rogue.system).await?;
        let body = json!({ "fingerprint": seen.fingerprint, "expected_status": seen.summary.status });
        Ok((format!("/api/v1/systems/{}", rogue.system), body))
    }

    /// The path of a system whose identity two machines use, and the body of a decision about them.
    async fn cloned(&mut self) -> Result<(String, Value)> {
        let mut rogue = self.server.active_rogue().await?;
        let first = rogue.checkin()?;
        rogue.accepted(&first).await?;
        // Another message under the same number.
        rogue.sequence -= 1;
        let other = json!({ "agent_version": "0.1.0", "boot_id": "0".repeat(32), "clock_offset_ms": 1 });
        let second = rogue.checkin_with(serde_json::to_vec(&other)?, 0);
        rogue.refused(&second).await?;
        let seen = self.local.system(rogue.system).await?;
        let conflict = seen.conflicts.first().context("no conflict")?;
        let body = json!({ "fingerprint": seen.fingerprint, "conflict": conflict.id });
        Ok((format!("/api/v1/systems/{}", rogue.system), body))
    }

    /// Where commands are given to a system that offers `hello`.
    async fn offering(&mut self) -> Result<String> {
        let mut rogue = self.server.active_rogue().await?;
        let offered = json!({ "actions": [{ "name": "hello", "timeout_secs": 5 }] });
        rogue.offer(serde_json::from_value(offered)?).await?;
        Ok(format!("/api/v1/systems/{}/commands", rogue.system))
    }

    /// An active system to which a package is offered.
    async fn upgradable(&mut self) -> Result<SystemId> {
        self.server.database_execute(PACKAGE)?;
        let mut rogue = self.server.active_rogue().await?;
        let facts = json!({ "hostname": self.name(), "os_family": "linux", "arch": "x86_64" });
        let body = json!({ "agent_version": "0.1.0", "boot_id": "0".repeat(32), "facts": facts });
        let checkin = rogue.checkin_with(serde_json::to_vec(&body)?, 0);
        rogue.accepted(&checkin).await?;
        Ok(rogue.system)
    }

    /// The path of a rollout with which that can be done. One whose systems are gone is done with its stage at once.
    async fn rollout(&mut self, what: &str) -> Result<String> {
        self.server.database_execute(PACKAGE)?;
        let system = match what {
            "advance" => SystemId(999_999),
            _ => self.upgradable().await?,
        };
        let body = json!({ "systems": [system], "stages": [100] });
        let advanced = json!({ "systems": [system], "stages": [99, 100] });
        let body = if what == "advance" { advanced } else { body };
        let created: Value = self.local.call("POST", "/api/v1/rollouts", &body).await?;
        let path = format!("/api/v1/rollouts/{}", created["id"]);
        match what {
            "resume" => {
                let halt = format!("{path}/halt");
                self.local.call::<Value>("POST", &halt, &Value::Null).await?;
            }
            "advance" => {
                let local = self.local.clone();
                eventually("the stage to be done", 30, async || {
                    let rollout: Value = local.get(&path).await?;
                    Ok((rollout["state"] == "waiting").then_some(()))
                })
                .await?;
            }
            _ => {}
        }
        Ok(path)
    }

    /// The path of a new group.
    async fn group(&mut self, kind: &str) -> Result<String> {
        let body = json!({ "name": self.name(), "kind": kind });
        let created: Value = self.local.call("POST", "/api/v1/groups", &body).await?;
        Ok(format!("/api/v1/groups/{}", created["id"]))
    }

    /// The path of a new bulk job.
    async fn job(&mut self, body: &Value) -> Result<String> {
        let created: Value = self.local.call("POST", "/api/v1/jobs", body).await?;
        Ok(format!("/api/v1/jobs/{}", created["id"]))
    }

    /// The path of a new enrollment token.
    async fn enrollment_token(&mut self) -> Result<String> {
        let body = json!({ "name": self.name() });
        let path = "/api/v1/enrollment/tokens";
        let created: Value = self.local.call("POST", path, &body).await?;
        Ok(format!("{path}/{}", created["token"]["id"]))
    }
}

/// A package as `scmserver packages add` stores it, but for its bytes, which nobody fetches here.
const PACKAGE: &str = "INSERT INTO packages (platform, version, size_bytes, sha256, signature, added_ms, added_by) \
    SELECT 'x86_64-linux', '9.9.9', 1, '', '', 0, 'test' WHERE NOT EXISTS (SELECT 1 FROM packages)";

/// The body of a bulk job on systems that were seen pending.
fn job(kind: &str, ids: &[i64]) -> Value {
    json!({ "kind": kind, "systems": [{ "expected_status": "pending", "ids": ids }] })
}

fn id_in(path: &str) -> Result<i64> {
    Ok(path.rsplit('/').next().unwrap_or_default().parse()?)
}

/// A call of the route that succeeds.
async fn example(world: &mut World, route: &str) -> Result<Call> {
    let local = world.local.clone();
    let none = Value::Null;
    Ok(match route {
        "auth.setup" => {
            let name = world.name();
            let created: Value = local
                .call("POST", "/api/v1/organizations", &json!({ "name": name }))
                .await?;
            let body = json!({ "setup_code": created["setup_code"], "username": name, "password": PASSWORD });
            // Recorded in the organization that it concerns, which its new owner reads: see below.
            call(&world.server.client(None)?, "/api/v1/setup", body)
        }
        "auth.login" => {
            let body = json!({ "username": "jdoe", "password": PASSWORD });
            call(&world.server.client(None)?, "/api/v1/sessions", body)
        }
        "auth.logout" => {
            let session = world.server.log_in(world.owner.id, "jdoe").await?;
            call(&session.api, "/api/v1/sessions/current", none)
        }
        "sessions.end" => {
            let id = first_id(&world.somebody().await?.api, "/api/v1/sessions").await?;
            call(&local, format!("/api/v1/sessions/{id}"), none)
        }
        "api_tokens.create" => {
            let body = json!({ "name": world.name(), "role": "viewer", "days": 7 });
            call(&world.owner.api, "/api/v1/api-tokens", body)
        }
        "api_tokens.revoke" => {
            let name = world.name();
            let token = world.owner.api.api_token(&name, Role::Viewer).await?;
            call(&local, format!("/api/v1/api-tokens/{}", token.token.id), none)
        }
        "ssh_keys.add" => {
            let body = json!({ "public_key": SSH_KEY });
            call(&world.somebody().await?.api, "/api/v1/ssh-keys", body)
        }
        "ssh_keys.remove" => {
            let person = world.somebody().await?;
            let body = json!({ "public_key": SSH_KEY });
            let key: Value = person.api.call("POST", "/api/v1/ssh-keys", &body).await?;
            call(&person.api, format!("/api/v1/ssh-keys/{}", key["id"]), none)
        }
        "account.set_password" => {
            let body = json!({ "old_password": PASSWORD, "new_password": "another long password" });
            call(&world.somebody().await?.api, "/api/v1/account/password", body)
        }
        "users.create" => {
            let body = json!({ "username": world.name(), "role": "viewer", "password": PASSWORD });
            call(&local, "/api/v1/users", body)
        }
        "users.set_role" => {
            let id = world.somebody().await?.id;
            call(
                &local,
                format!("/api/v1/users/{id}/role"),
                json!({ "role": "editor" }),
            )
        }
        "users.set_password" => {
            let id = world.somebody().await?.id;
            let body = json!({ "password": "another long password" });
            call(&local, format!("/api/v1/users/{id}/password"), body)
        }
        "users.end_sessions" => {
            let id = world.somebody().await?.id;
            call(&local, format!("/api/v1/users/{id}/sessions"), none)
        }
        "users.delete" => {
            let id = world.somebody().await?.id;
            call(&local, format!("/api/v1/users/{id}"), none)
        }
        "organizations.create" => {
            let body = json!({ "name": world.name() });
            call(&local, "/api/v1/organizations", body)
        }
        "systems.approve" | "systems.reject" | "systems.deny" | "systems.revoke" | "systems.restore"
        | "systems.delete" => {
            let decision = route.trim_start_matches("systems.");
            let before: &[&str] = match decision {
                "revoke" => &["approve"],
                "restore" => &["approve", "revoke"],
                _ => &[],
            };
            let (path, body) = world.system(before).await?;
            let path = if decision == "delete" {
                path
            } else {
                format!("{path}/{decision}")
            };
            call(&local, path, body)
        }
        "jobs.create" => {
            let (path, _) = world.system(&[]).await?;
            call(&local, "/api/v1/jobs", job("approve", &[id_in(&path)?]))
        }
        "jobs.cancel" => {
            // So many that it is not over when it is cancelled; none of them exists.
            let many: Vec<i64> = (1_000_000..1_090_000).collect();
            let path = world.job(&job("delete", &many)).await?;
            call(&local, format!("{path}/cancel"), none)
        }
        "jobs.retry" => {
            let (path, _) = world.system(&["approve"]).await?;
            let path = world.job(&job("delete", &[id_in(&path)?])).await?;
            eventually("the job's end", 30, async || {
                let job: Value = local.get(&path).await?;
                Ok((job["counts"]["failed"] == 1 && job["state"] == "done").then_some(()))
            })
            .await?;
            call(&local, format!("{path}/retry"), none)
        }
        "systems.rotate_key" => {
            let (path, body) = world.system(&["approve"]).await?;
            call(&local, format!("{path}/rotate-key"), body)
        }
        "commands.create" => call(&local, world.offering().await?, json!({ "action": "hello" })),
        "commands.cancel" => {
            let path = world.offering().await?;
            let created: Value = local.call("POST", &path, &json!({ "action": "hello" })).await?;
            call(&local, format!("/api/v1/commands/{}/cancel", created["id"]), none)
        }
        "upgrades.create" => {
            let system = world.upgradable().await?;
            call(&local, format!("/api/v1/systems/{system}/upgrade"), json!({}))
        }
        "rollouts.create" => {
            let system = world.upgradable().await?;
            call(&local, "/api/v1/rollouts", json!({ "systems": [system] }))
        }
        "rollouts.halt" | "rollouts.resume" | "rollouts.advance" | "rollouts.abort" => {
            let what = route.trim_start_matches("rollouts.");
            let path = world.rollout(what).await?;
            call(&local, format!("{path}/{what}"), none)
        }
        "systems.split" | "systems.swap" | "systems.dismiss" => {
            let (path, body) = world.cloned().await?;
            let decision = route.trim_start_matches("systems.");
            call(&local, format!("{path}/{decision}"), body)
        }
        "organizations.rotate_signing_key" => {
            let shown: Value = local.get("/api/v1/organization/signing-key").await?;
            let body = json!({ "fingerprint": shown["fingerprint"] });
            call(&local, "/api/v1/organization/rotate-signing-key", body)
        }
        "enrollment.tokens.create" => {
            let body = json!({ "name": world.name() });
            call(&local, "/api/v1/enrollment/tokens", body)
        }
        "enrollment.tokens.disable" => {
            let path = world.enrollment_token().await?;
            call(&local, format!("{path}/disable"), none)
        }
        "enrollment.tokens.enable" => {
            let path = world.enrollment_token().await?;
            local
                .call::<()>("POST", &format!("{path}/disable"), &none)
                .await?;
            call(&local, format!("{path}/enable"), none)
        }
        "enrollment.tokens.delete" => {
            let path = world.enrollment_token().await?;
            call(&local, path, none)
        }
        "groups.create" => {
            let body = json!({ "name": world.name(), "kind": "manual" });
            call(&local, "/api/v1/groups", body)
        }
        "groups.change" => {
            let path = world.group("manual").await?;
            call(
                &local,
                path,
                json!({ "name": world.name(), "description": "another" }),
            )
        }
        "groups.delete" => call(&local, world.group("auto").await?, none),
        "groups.members.change" => {
            let (path, _) = world.system(&[]).await?;
            let system: i64 = path.rsplit('/').next().context("id")?.parse()?;
            let group = world.group("manual").await?;
            call(&local, format!("{group}/members"), json!({ "add": [system] }))
        }
        "rules.save" => {
            let path = world.group("auto").await?;
            call(&local, format!("{path}/rule"), rule())
        }
        "rules.disable" | "rules.enable" => {
            let path = format!("{}/rule", world.group("auto").await?);
            local.call::<Value>("PUT", &path, &rule()).await?;
            if route == "rules.enable" {
                local
                    .call::<Value>("POST", &format!("{path}/disable"), &none)
                    .await?;
            }
            call(
                &local,
                format!("{path}/{}", route.trim_start_matches("rules.")),
                none,
            )
        }
        "annotations.tags.change" => {
            let (path, _) = world.system(&[]).await?;
            call(&local, format!("{path}/tags"), json!({ "add": ["eu"] }))
        }
        "annotations.note.change" => {
            let (path, _) = world.system(&[]).await?;
            call(&local, format!("{path}/note"), json!({ "note": "spare" }))
        }
        "saved_filters.save" => {
            let body = json!({ "name": world.name(), "filter": "web" });
            call(&local, "/api/v1/filters", body)
        }
        "saved_filters.delete" => {
            let body = json!({ "name": world.name(), "filter": "web" });
            let saved: Value = local.call("POST", "/api/v1/filters", &body).await?;
            call(&local, format!("/api/v1/filters/{}", saved["id"]), none)
        }
        "settings.change" => call(&local, "/api/v1/settings/pending.max", json!({ "value": 77 })),
        "settings.reset" => {
            let path = "/api/v1/settings/pending.expire_days";
            local.call::<()>("PUT", path, &json!({ "value": 7 })).await?;
            call(&local, path, none)
        }
        "backups.create" => call(&local, "/api/v1/backups", none),
        "backups.check" => {
            let made: Value = local.call("POST", "/api/v1/backups", &none).await?;
            let name = made["name"].as_str().context("no name")?;
            call(&local, format!("/api/v1/backups/{name}/check"), none)
        }
        other => bail!(
            "the route `{other}` is no GET and has no example: add a call of it that succeeds to `example` in \
             tests/tests/audited.rs, or say in CHANGES_NOTHING why there is nothing to record"
        ),
    })
}

fn rule() -> Value {
    json!({ "conditions": [{ "field": "hostname", "operator": "contains", "value": "web" }] })
}

const SSH_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJabDIFUXwEtik2fREZtFCEj62h3BLWUYBgl8RKMyr+5 someone@example";

async fn first_id(api: &Admin, path: &str) -> Result<Value> {
    let page: Value = api.get(path).await?;
    Ok(page["items"][0]["id"].clone())
}

/// Newest entry's id and the actions recorded since `before`.
async fn recorded_since(api: &Admin, before: i64) -> Result<(i64, Vec<String>)> {
    let page: AuditPage = api.get("/api/v1/audit?limit=20").await?;
    let newest = page.items.first().map_or(0, |entry| entry.id);
    let new = page.items.into_iter().filter(|entry| entry.id > before);
    Ok((newest, new.map(|entry| entry.action).collect()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_that_changes_something_is_recorded() -> Result<()> {
    let mut world = World::start().await?;
    let own_tests = [
        // They need a second factor or an SSH key: tests/second_factor.rs and tests/ssh_login.rs read the audit there.
        "auth.login_ssh",
        "auth.login_second_factor",
        "second_factors.enroll",
        "second_factors.confirm",
        "second_factors.disable",
        "users.reset_second_factor",
        // tests/enrollment.rs
        "enrollment.register",
        // tests/certificates.rs
        "certificates.issue",
        // tests/rotation.rs
        "systems.rotate",
        // tests/commands.rs, tests/command_reports.rs
        "commands.results",
        // tests/upgrades: it says how far an upgrade is, whose every state is recorded with its command.
        "upgrades.part",
    ];
    for route in ROUTES {
        let nothing = CHANGES_NOTHING.iter().any(|(name, _)| *name == route.name);
        if route.method == "GET" || nothing || own_tests.contains(&route.name) {
            continue;
        }
        ensure!(
            route.audience != Audience::Agent,
            "{}: an agent's route needs a test of its own, named in `own_tests`",
            route.name
        );
        let example = example(&mut world, route.name).await?;
        let (before, _) = recorded_since(&world.local, 0).await?;
        let reply: Value = example
            .by
            .call(route.method, &example.path, &example.body)
            .await
            .with_context(|| format!("the example of {}", route.name))?;
        let action = example.action.unwrap_or(route.name);
        let recorded = match route.name {
            "auth.setup" => {
                let token = reply["token"].as_str().context("no token")?;
                recorded_since(&world.server.client(Some(token))?, 0).await?.1
            }
            _ => recorded_since(&world.local, before).await?.1,
        };
        ensure!(
            recorded.iter().any(|recorded| recorded == action),
            "{} was done and not recorded: {recorded:?}. Write an `audit::Entry` in the transaction of the change",
            route.name
        );
    }
    Ok(())
}
