//! Users, their sessions and API tokens (X1, X3, X4): what each may do, and what ends at once.

use anyhow::{Context, Result, ensure};
use scm_protocol::api_tokens::{ApiTokenPage, CreatedApiToken};
use scm_protocol::auth::{LoginMethod, Role, Session};
use scm_protocol::sessions::SessionPage;
use scm_protocol::users::{Account, CreatedUser, UserPage};
use scm_tests::http::{Connection, Endpoint};
use scm_tests::programs::{Admin, Database, PASSWORD, Server};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const NONE: Value = Value::Null;

/// Opens a live stream and reads its greeting.
async fn stream(endpoint: &Endpoint, token: &str) -> Result<Connection> {
    let bearer = format!("Bearer {token}");
    let mut connection = endpoint.connect().await?;
    // Closed after the reply: its end is the stream's end.
    let headers = [("authorization", bearer.as_str()), ("connection", "close")];
    let request = endpoint.request("GET", "/api/v1/events", &headers, b"");
    connection.send(&request).await?;
    ensure!(connection.status().await? == 200, "no stream");
    Ok(connection)
}

/// The stream ends, whatever it still says before; the time is only there so that a stream that stays is a failure.
async fn ends(connection: &mut Connection) -> Result<()> {
    let end = timeout(Duration::from_secs(60), connection.read_to_end());
    end.await.context("the stream went on")??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_creates_changes_and_deletes_users() -> Result<()> {
    let server = Server::start_default().await?;
    let local = server.admin()?;
    let jdoe = server.person("jdoe", Role::Editor).await?;
    let page: UserPage = local.get("/api/v1/users").await?;
    let shown = page.items.first().context("nobody")?;
    assert_eq!((shown.username.as_str(), shown.role), ("jdoe", Role::Editor));
    assert!(shown.has_password && shown.last_login_ms.is_some() && !shown.second_factor);
    assert_eq!((shown.sessions, shown.api_tokens, shown.ssh_keys), (1, 0, 0));

    let create =
        |name: &str, password: Value| json!({ "username": name, "role": "viewer", "password": password });
    for (body, code) in [
        (create("jdoe", json!(PASSWORD)), "name_taken"),
        (create("local-admin", json!(PASSWORD)), "invalid_value"),
        (create("two words", json!(PASSWORD)), "invalid_value"),
        (create("x", json!("short")), "invalid_value"),
        (create("somebody", json!("somebody-else")), "invalid_value"),
        (create("nothing-to-log-in-with", NONE), "invalid_value"),
    ] {
        let (status, refused) = local.refused("POST", "/api/v1/users", &body).await?;
        assert_eq!((refused.as_str(), status < 500), (code, true), "{body}");
    }
    let missing = local.refused("DELETE", "/api/v1/users/4711", &NONE).await?;
    assert_eq!(missing, (404, "not_found".to_owned()));

    // The page is cut where it is asked to be, and goes on.
    server.person("second", Role::Viewer).await?;
    let first: UserPage = local.get("/api/v1/users?limit=1").await?;
    let cursor = first.next_cursor.context("no second page")?;
    let second: UserPage = local
        .get(&format!("/api/v1/users?limit=1&cursor={cursor}"))
        .await?;
    assert_eq!(second.items[0].username, "second");

    local
        .call::<()>("DELETE", &format!("/api/v1/users/{}", jdoe.id), &NONE)
        .await?;
    assert_eq!(jdoe.api.status("GET", "/api/v1/systems").await?, 401);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_creates_one_user() -> Result<()> {
    let server = Server::start_default().await?;
    let local = server.admin()?;
    let body = json!({ "username": "once", "role": "viewer", "password": PASSWORD });
    let key = [("idempotency-key", "the same")];
    let first = local
        .send_with("POST", "/api/v1/users", &key, Some(&body))
        .await?;
    assert_eq!(first.status(), 201);
    let again = local
        .send_with("POST", "/api/v1/users", &key, Some(&body))
        .await?;
    let again: Value = again.json().await?;
    assert_eq!(again["code"], "already_created");
    Ok(())
}

/// Two owners who take the role from each other at the same moment leave one.
async fn an_organization_keeps_an_owner(server: Server) -> Result<()> {
    let replica = server.replica().await;
    let one = server.person("one", Role::Owner).await?;
    let two = server.person("two", Role::Owner).await?;
    let there = match &replica {
        Ok(replica) => replica.client(Some(&two.token))?,
        // SQLite has no replicas: both go through the one writer.
        Err(_) => two.api.clone(),
    };
    let role = |id| format!("/api/v1/users/{id}/role");
    let viewer = json!({ "role": "viewer" });
    let (path_two, path_one) = (role(two.id), role(one.id));
    let (first, second) = tokio::join!(
        one.api.send("POST", &path_two, Some(&viewer)),
        there.send("POST", &path_one, Some(&viewer))
    );
    let statuses = [first?.status().as_u16(), second?.status().as_u16()];
    let owners: UserPage = server.admin()?.get("/api/v1/users").await?;
    let left = owners
        .items
        .iter()
        .filter(|user| user.role == Role::Owner)
        .count();
    ensure!(left == 1, "{left} owners are left, after {statuses:?}");

    let last = owners.items.iter().find(|user| user.role == Role::Owner);
    let last = last.context("no owner")?.id;
    let local = server.admin()?;
    let refused = local.refused("POST", &role(last), &viewer).await?;
    assert_eq!(refused, (409, "last_owner".to_owned()));
    let refused = local
        .refused("DELETE", &format!("/api/v1/users/{last}"), &NONE)
        .await?;
    assert_eq!(refused, (409, "last_owner".to_owned()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_keeps_an_owner_on_sqlite() -> Result<()> {
    an_organization_keeps_an_owner(Server::start_default().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organization_keeps_an_owner_on_postgres() -> Result<()> {
    an_organization_keeps_an_owner(Server::builder().database(Database::Postgres).start().await?).await
}

/// X3: what was changed about a user holds for what they had open, streams included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_role_password_or_existence_ends_sessions_at_once() -> Result<()> {
    let server = Server::start_default().await?;
    let (local, endpoint) = (server.admin()?, server.endpoint()?);
    let changes = [
        ("POST", "/role", json!({ "role": "viewer" })),
        (
            "POST",
            "/password",
            json!({ "password": "another long password" }),
        ),
        ("DELETE", "/sessions", NONE),
        ("DELETE", "", NONE),
    ];
    for (number, (method, what, body)) in changes.into_iter().enumerate() {
        let person = server.person(&format!("jdoe{number}"), Role::Admin).await?;
        let token = person.api.api_token("script", Role::Admin).await?;
        let script = server.client(Some(&token.secret))?;
        let mut live = stream(&endpoint, &person.token).await?;
        let path = format!("/api/v1/users/{}{what}", person.id);
        local.call::<()>(method, &path, &body).await?;
        assert_eq!(
            person.api.status("GET", "/api/v1/systems").await?,
            401,
            "{method} {what}"
        );
        ends(&mut live).await?;
        let deleted = what.is_empty();
        let answer = script.status("GET", "/api/v1/systems").await?;
        assert_eq!(
            answer,
            if deleted { 401 } else { 200 },
            "an API token after {method} {what}"
        );
        if what == "/role" {
            let session: Session = script.get("/api/v1/sessions/current").await?;
            assert_eq!(session.role, Role::Viewer, "a token kept what its user lost");
            let refused = script.status("POST", "/api/v1/enrollment/tokens").await?;
            assert_eq!(refused, 403);
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ones_own_password_needs_the_old_one_and_ends_the_other_sessions() -> Result<()> {
    let server = Server::start_default().await?;
    let person = server.person("jdoe", Role::Viewer).await?;
    let other = server.log_in(person.id, "jdoe").await?;
    let path = "/api/v1/account/password";
    let change = |old: &str, new: &str| json!({ "old_password": old, "new_password": new });
    for (old, new) in [("not the password", "another long password"), (PASSWORD, "short")] {
        let (status, _) = person.api.refused("POST", path, &change(old, new)).await?;
        assert_eq!(status, 422);
    }
    assert_eq!(other.api.status("GET", "/api/v1/systems").await?, 200);
    let new = "another long password";
    person
        .api
        .call::<()>("POST", path, &change(PASSWORD, new))
        .await?;
    assert_eq!(person.api.status("GET", "/api/v1/systems").await?, 200);
    assert_eq!(other.api.status("GET", "/api/v1/systems").await?, 401);
    let anyone = server.client(None)?;
    let login = |password: &str| json!({ "username": "jdoe", "password": password });
    let old = anyone
        .refused("POST", "/api/v1/sessions", &login(PASSWORD))
        .await?;
    assert_eq!(old.0, 401);
    anyone
        .call::<Value>("POST", "/api/v1/sessions", &login(new))
        .await?;
    let account: Account = person.api.get("/api/v1/account").await?;
    assert_eq!(account.user.username, "jdoe");

    // Guessing the old password from an open console is slowed as logins are.
    let mut throttled = false;
    for _ in 0..8 {
        let (status, _) = person
            .api
            .refused("POST", path, &change("a wrong guess", new))
            .await?;
        throttled |= status == 429;
    }
    assert!(throttled, "guesses were not slowed");
    let own = server.person("boss", Role::Owner).await?;
    let path = format!("/api/v1/users/{}/password", own.id);
    let refused = own
        .api
        .refused("POST", &path, &json!({ "password": new }))
        .await?;
    assert_eq!(refused.1, "own_password");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_sees_and_ends_their_own_sessions_and_an_owner_everybodys() -> Result<()> {
    let server = Server::start_default().await?;
    let owner = server.person("boss", Role::Owner).await?;
    let one = server.person("one", Role::Viewer).await?;
    let again = server.log_in(one.id, "one").await?;
    let own: SessionPage = one.api.get("/api/v1/sessions").await?;
    assert_eq!(own.items.len(), 2);
    assert!(own.items.iter().all(|session| session.user_id == one.id));
    assert_eq!(own.items.iter().filter(|session| session.current).count(), 1);
    let first = &own.items[0];
    assert_eq!(
        (first.method, first.address.as_str(), first.second_factor),
        (LoginMethod::Password, "127.0.0.1", false)
    );
    let all: SessionPage = owner.api.get("/api/v1/sessions").await?;
    assert_eq!(all.items.len(), 3);

    let bosses = all.items.iter().find(|session| session.user_id == owner.id);
    let path = format!("/api/v1/sessions/{}", bosses.context("none of the owner")?.id);
    assert_eq!(one.api.refused("DELETE", &path, &NONE).await?.0, 404);
    let other = own.items.iter().find(|session| session.current).context("none")?;
    let path = format!("/api/v1/sessions/{}", other.id);
    let mut live = stream(&server.endpoint()?, &one.token).await?;
    owner.api.call::<()>("DELETE", &path, &NONE).await?;
    assert_eq!(one.api.status("GET", "/api/v1/systems").await?, 401);
    assert_eq!(again.api.status("GET", "/api/v1/systems").await?, 200);
    ends(&mut live).await?;

    let mut live = stream(&server.endpoint()?, &again.token).await?;
    again
        .api
        .call::<()>("DELETE", "/api/v1/sessions/current", &NONE)
        .await?;
    ends(&mut live).await
}

/// D1: what one replica ended, another does not keep open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_one_replica_ended_ends_on_the_other() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    let replica = server.replica().await?;
    let person = server.person("jdoe", Role::Viewer).await?;
    let mut live = stream(&replica.endpoint()?, &person.token).await?;
    let path = format!("/api/v1/users/{}/sessions", person.id);
    server.admin()?.call::<()>("DELETE", &path, &NONE).await?;
    let there = replica.client(Some(&person.token))?;
    assert_eq!(there.status("GET", "/api/v1/systems").await?, 401);
    ends(&mut live).await
}

async fn tokens(api: &Admin) -> Result<usize> {
    Ok(api.get::<ApiTokenPage>("/api/v1/api-tokens").await?.items.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_token_is_its_users_and_never_more_than_they_are() -> Result<()> {
    let server = Server::start_default().await?;
    let owner = server.person("boss", Role::Owner).await?;
    let editor = server.person("jdoe", Role::Editor).await?;
    let path = "/api/v1/api-tokens";
    for body in [
        json!({ "name": "x", "role": "admin", "days": 1 }),
        json!({ "name": "x", "role": "viewer", "days": 0 }),
        json!({ "name": "x", "role": "viewer", "days": 367 }),
        json!({ "name": "", "role": "viewer", "days": 1 }),
    ] {
        assert_eq!(editor.api.refused("POST", path, &body).await?.0, 422, "{body}");
    }
    let created: CreatedApiToken = editor.api.api_token("backup of the list", Role::Editor).await?;
    assert!(created.secret.starts_with("osca_") && created.secret.len() == 48);
    let taken = json!({ "name": "backup of the list", "role": "viewer", "days": 1 });
    assert_eq!(editor.api.refused("POST", path, &taken).await?.1, "name_taken");
    let dump = server.database_dump()?;
    assert!(!dump.contains(&created.secret) && !server.log().contains(&created.secret));

    let script = server.client(Some(&created.secret))?;
    let mut rogue = server.rogue()?;
    rogue.register("rogue").await?;
    script.decide(rogue.system, "approve").await?;
    let entry = owner.api.audit().await?.items;
    let entry = entry.iter().find(|entry| entry.action == "systems.approve");
    assert_eq!(
        entry.context("not recorded")?.actor,
        "token:backup of the list of user:jdoe"
    );
    // A script neither changes how its user logs in nor makes itself an heir.
    let heir = json!({ "name": "heir", "role": "viewer", "days": 1 });
    assert_eq!(script.refused("POST", path, &heir).await?.0, 403);
    let password = json!({ "old_password": PASSWORD, "new_password": "another long password" });
    assert_eq!(
        script
            .refused("POST", "/api/v1/account/password", &password)
            .await?
            .0,
        403
    );

    assert_eq!((tokens(&owner.api).await?, tokens(&editor.api).await?), (1, 1));
    let viewer = server.person("other", Role::Viewer).await?;
    assert_eq!(tokens(&viewer.api).await?, 0);
    let one = format!("{path}/{}", created.token.id);
    assert_eq!(viewer.api.refused("DELETE", &one, &NONE).await?.0, 404);
    owner.api.call::<()>("DELETE", &one, &NONE).await?;
    assert_eq!(script.status("GET", "/api/v1/systems").await?, 401);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_an_ssh_key_alone_keeps_it() -> Result<()> {
    let server = Server::start_default().await?;
    let local = server.admin()?;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH1AIIhlotvL4ZKh9JZAxVMyQhjvN5KFc7mJKDqYmmjY jdoe@example";
    let body = json!({ "username": "jdoe", "role": "viewer", "ssh_key": key });
    let created: CreatedUser = local.call("POST", "/api/v1/users", &body).await?;
    let login = json!({ "username": "jdoe", "password": "" });
    let anyone = server.client(None)?;
    assert_eq!(anyone.refused("POST", "/api/v1/sessions", &login).await?.0, 401);
    let keys: Value = local
        .get(&format!("/api/v1/ssh-keys?user={}", created.id))
        .await?;
    assert_eq!(keys["items"][0]["name"], "jdoe@example");
    let path = format!("/api/v1/ssh-keys/{}", keys["items"][0]["id"]);
    assert_eq!(local.refused("DELETE", &path, &NONE).await?.1, "last_credential");
    let path = format!("/api/v1/users/{}/password", created.id);
    local
        .call::<()>("POST", &path, &json!({ "password": PASSWORD }))
        .await?;
    local.call::<()>("POST", &path, &json!({})).await?;
    for bad in [
        "ssh-dss AAAA",
        "nonsense",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "from=\"10.0.0.1\" ssh-ed25519 AAAA x",
    ] {
        let body = json!({ "public_key": bad, "user_id": created.id });
        let refused = local.refused("POST", "/api/v1/ssh-keys", &body).await?;
        assert_eq!(refused.0, 422, "{bad}");
    }
    Ok(())
}
