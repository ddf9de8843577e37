//! Enrollment tokens (E1 to E7): exact under concurrency, secret, and never in a machine's way.

use anyhow::{Context, Result, ensure};
use scm_protocol::agent::AgentStatus;
use scm_protocol::audit::{AuditEntry, AuditPage};
use scm_protocol::enrollment::{CreateToken, CreatedToken, EnrollmentToken, TokenPage, TokenStatus};
use scm_protocol::ids::UnixMillis;
use scm_protocol::problem::Problem;
use scm_protocol::systems::SystemStatus;
use scm_tests::clock;
use scm_tests::programs::{Admin, Agent, Database, Rogue, Server, eventually};
use std::collections::HashMap;
use std::fs;
use tokio::task::JoinSet;

const TOKENS: &str = "/api/v1/enrollment/tokens";

fn named(name: &str) -> CreateToken {
    CreateToken {
        name: name.to_owned(),
        ..CreateToken::default()
    }
}

async fn create(admin: &Admin, create: &CreateToken) -> Result<CreatedToken> {
    let response = admin.send("POST", TOKENS, Some(create)).await?;
    ensure!(response.status() == 201, "{}", response.text().await?);
    assert_eq!(
        response.headers()["cache-control"],
        "no-store",
        "the secret may be cached"
    );
    let created: CreatedToken = response.json().await?;
    assert!(created.secret.starts_with("oscm_") && created.secret.len() == 48);
    Ok(created)
}

async fn tokens(admin: &Admin) -> Result<Vec<EnrollmentToken>> {
    Ok(admin.get::<TokenPage>(TOKENS).await?.items)
}

async fn change(admin: &Admin, token: &EnrollmentToken, change: &str) -> Result<()> {
    let (method, path) = match change {
        "delete" => ("DELETE", format!("{TOKENS}/{}", token.id)),
        other => ("POST", format!("{TOKENS}/{}/{other}", token.id)),
    };
    assert_eq!(admin.status(method, &path).await?, 204, "{change}");
    Ok(())
}

async fn audit(admin: &Admin) -> Result<Vec<AuditEntry>> {
    Ok(admin.get::<AuditPage>("/api/v1/audit?limit=1000").await?.items)
}

async fn problem(response: reqwest::Response) -> Result<Problem> {
    Ok(response.json().await?)
}

/// How often each outcome of a token stands in the audit of registrations.
fn outcomes(audit: &[AuditEntry]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for entry in audit.iter().filter(|entry| entry.action == "enrollment.register") {
        let outcome = entry.detail["token"].as_str().unwrap_or("none").to_owned();
        *counts.entry(outcome).or_default() += 1;
    }
    counts
}

/// E4: of 200 that register at once with a token of 50 uses, 50 are Active and 150 wait.
async fn fifty_of_two_hundred(server: Server, replica: Option<Server>) -> Result<()> {
    let admin = server.admin()?;
    let limited = CreateToken {
        max_uses: Some(50),
        ..named("fifty")
    };
    let created = create(&admin, &limited).await?;
    let mut registrations = JoinSet::new();
    for number in 0..200 {
        let asked = replica.as_ref().filter(|_| number % 2 == 0).unwrap_or(&server);
        let mut rogue = asked.rogue()?;
        let secret = created.secret.clone();
        registrations.spawn(async move {
            let hostname = format!("machine-{number}");
            Ok::<_, anyhow::Error>(rogue.register_with(&hostname, Some(&secret)).await?.status)
        });
    }
    let told = registrations.join_all().await;
    let told: Vec<AgentStatus> = told.into_iter().collect::<Result<_>>()?;
    let active = told.iter().filter(|status| **status == AgentStatus::Active);
    assert_eq!((active.count(), told.len()), (50, 200));

    // What the other server added is in this one's lists as soon as it was told.
    eventually("all of them in the list", 10, async || {
        let systems = admin.systems().await?;
        let count = |status| systems.iter().filter(|system| system.status == status).count();
        let counted = (count(SystemStatus::Active), count(SystemStatus::Pending));
        Ok((counted == (50, 150)).then_some(()))
    })
    .await?;
    let audit = audit(&admin).await?;
    let expected = [("accepted".to_owned(), 50), ("used_up".to_owned(), 150)];
    assert_eq!(outcomes(&audit), HashMap::from(expected));
    let approvals: Vec<_> = audit
        .iter()
        .filter(|entry| entry.action == "enrollment.auto_approve")
        .collect();
    assert_eq!(approvals.len(), 50);
    assert!(approvals.iter().all(|entry| entry.actor == "token:fifty"));
    let listed = tokens(&admin).await?.pop().context("no token")?;
    assert_eq!((listed.uses, listed.status), (50, TokenStatus::UsedUp));
    shows_no_secret(&server, None, &created.secret).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_of_two_hundred_are_approved_on_sqlite() -> Result<()> {
    fifty_of_two_hundred(Server::start_default().await?, None).await
}

/// Two servers over one database take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_of_two_hundred_are_approved_by_two_servers_on_postgres() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    let replica = server.replica().await?;
    fifty_of_two_hundred(server, Some(replica)).await
}

/// E2: the secret is nowhere but where it was shown.
async fn shows_no_secret(server: &Server, agent: Option<&Agent>, secret: &str) -> Result<()> {
    let admin = server.admin()?;
    let random = secret.strip_prefix("oscm_").context("prefix")?;
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let places = [
        ("the server's log", server.log()),
        ("the agent's log", agent.map(Agent::log).unwrap_or_default()),
        ("the audit", serde_json::to_string(&audit(&admin).await?)?),
        (
            "the list of tokens",
            serde_json::to_string(&tokens(&admin).await?)?,
        ),
        ("the database", server.database_dump()?),
    ];
    for (place, text) in places {
        assert!(
            !text.contains(random) && !text.contains(&hex),
            "the secret stands in {place}"
        );
    }
    Ok(())
}

/// E3: the real agent, from its first start to Active with no human step.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_with_a_token_becomes_active_by_itself() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let created = create(&admin, &named("site 7")).await?;
    let agent = server
        .agent()
        .server_line(&format!("enrollment_token = \"{}\"", created.secret))
        .start()?;
    let system = admin
        .await_system("telemetry of the active system", |system| {
            system.status == SystemStatus::Active && system.cpu_percent.is_some()
        })
        .await?;
    eventually("the agent to pin the server's key", 20, async || {
        Ok((agent.state_files(".pub")?.len() == 2).then_some(()))
    })
    .await?;
    let detail = admin.system(system.id).await?;
    assert_eq!(detail.status_changed_by, "token:site 7");
    let listed = tokens(&admin).await?.pop().context("no token")?;
    assert_eq!((listed.uses, listed.status), (1, TokenStatus::Active));
    assert!(listed.last_used_ms.is_some());
    shows_no_secret(&server, Some(&agent), &created.secret).await
}

async fn standing(rogue: &mut Rogue, token: &str) -> Result<AgentStatus> {
    Ok(rogue.register_with("machine", Some(token)).await?.status)
}

/// E5: whatever is wrong with the token, the machine waits and the audit says why. E6: a good one later lets it in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_token_leaves_the_machine_waiting_and_a_good_one_lets_it_in() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let once = CreateToken {
        max_uses: Some(1),
        ..named("once")
    };
    let used_up = create(&admin, &once).await?;
    assert_eq!(
        standing(&mut server.rogue()?, &used_up.secret).await?,
        AgentStatus::Active
    );
    let disabled = create(&admin, &named("disabled")).await?;
    change(&admin, &disabled.token, "disable").await?;
    let ends = clock::now().plus(1000);
    let soon = CreateToken {
        expires_ms: Some(ends),
        ..named("soon over")
    };
    let expired = create(&admin, &soon).await?;
    eventually("the token to expire", 5, async || {
        Ok((clock::now() > ends.plus(10)).then_some(()))
    })
    .await?;

    let mut waiting = Vec::new();
    for secret in [
        &used_up.secret,
        &disabled.secret,
        &expired.secret,
        &format!("{}x", disabled.secret),
    ] {
        let mut rogue = server.rogue()?;
        assert_eq!(standing(&mut rogue, secret).await?, AgentStatus::Pending);
        waiting.push(rogue);
    }
    let expected = ["accepted", "used_up", "disabled", "expired", "unknown"];
    let expected = expected.map(|outcome| (outcome.to_owned(), 1));
    assert_eq!(outcomes(&audit(&admin).await?), HashMap::from(expected));

    change(&admin, &disabled.token, "enable").await?;
    let mut rogue = waiting.pop().context("nobody waits")?;
    let id = rogue.system;
    assert_eq!(standing(&mut rogue, &expired.secret).await?, AgentStatus::Pending);
    assert_eq!(standing(&mut rogue, &disabled.secret).await?, AgentStatus::Active);
    assert_eq!(rogue.system, id);
    let checkin = rogue.checkin()?;
    assert!(rogue.accepted(&checkin).await?.server_public_key.is_some());
    // Once Active, it uses nothing up.
    assert_eq!(standing(&mut rogue, &disabled.secret).await?, AgentStatus::Active);
    let uses: HashMap<String, i64> = tokens(&admin)
        .await?
        .into_iter()
        .map(|t| (t.name, t.uses))
        .collect();
    assert_eq!((uses["disabled"], uses["soon over"], uses["once"]), (1, 0, 1));

    change(&admin, &disabled.token, "delete").await?;
    assert_eq!(
        admin.system(id).await?.summary.status,
        SystemStatus::Active,
        "a token's end concerns future registrations only"
    );
    let actions: Vec<String> = audit(&admin)
        .await?
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    for (action, times) in [("create", 3), ("disable", 1), ("enable", 1), ("delete", 1)] {
        let name = format!("enrollment.tokens.{action}");
        assert_eq!(
            actions.iter().filter(|other| **other == name).count(),
            times,
            "{name}"
        );
    }
    Ok(())
}

async fn post(admin: &Admin, headers: &[(&str, &str)], body: &CreateToken) -> Result<reqwest::Response> {
    admin.send_with("POST", TOKENS, headers, Some(body)).await
}

/// A repeated request creates nothing and says what it created before; bad ones name the field.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creating_is_repeatable_and_names_what_is_wrong() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let key = [("Idempotency-Key", "a caller's own")];
    let first: CreatedToken = post(&admin, &key, &named("one")).await?.json().await?;
    let repeated = post(&admin, &key, &named("one")).await?;
    assert_eq!(repeated.status(), 409);
    let repeated = problem(repeated).await?;
    assert_eq!(repeated.code, "already_created");
    assert!(
        repeated.detail.contains(&format!(" {} ", first.token.id)),
        "{}",
        repeated.detail
    );
    assert_eq!(
        problem(post(&admin, &[], &named("one")).await?).await?.code,
        "name_taken"
    );

    let past = CreateToken {
        expires_ms: Some(UnixMillis(1)),
        ..named("two")
    };
    let never = CreateToken {
        max_uses: Some(0),
        ..named("two")
    };
    for (body, field) in [(named(" "), "name"), (past, "expires_ms"), (never, "max_uses")] {
        let refused = post(&admin, &[("Idempotency-Key", "another")], &body).await?;
        assert_eq!(refused.status(), 422);
        assert_eq!(problem(refused).await?.field.as_deref(), Some(field));
    }
    let long = "x".repeat(256);
    let refused = post(&admin, &[("Idempotency-Key", &long)], &named("two")).await?;
    assert_eq!(problem(refused).await?.field.as_deref(), Some("idempotency-key"));
    assert_eq!(tokens(&admin).await?.len(), 1);
    // What was refused did not use its key up.
    let accepted = post(&admin, &[("Idempotency-Key", "another")], &named("two")).await?;
    assert_eq!(accepted.status(), 201);

    assert_eq!(admin.status("DELETE", &format!("{TOKENS}/999")).await?, 404);
    let by_token = server.client(Some(&first.secret))?;
    assert_eq!(
        by_token.status("GET", TOKENS).await?,
        401,
        "a token opened the console's routes"
    );
    assert_eq!(server.client(None)?.status("GET", TOKENS).await?, 401);
    let state = fs::read_dir(server.state())?;
    for entry in state {
        let path = entry?.path();
        let text = fs::read(&path).unwrap_or_default();
        assert!(
            !String::from_utf8_lossy(&text).contains(&first.secret[5..]),
            "{}",
            path.display()
        );
    }
    Ok(())
}
