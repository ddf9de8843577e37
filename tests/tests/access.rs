//! The first run, logins, and OpenAPI. Who may call what: `access_walk.rs`.

use anyhow::{Context, Result};
use reqwest::StatusCode;
use scm_protocol::access::ROUTES;
use scm_protocol::auth::{LoginReply, Role, Session, SetupState};
use scm_tests::programs::{PASSWORD, Server};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_setup_code_makes_one_owner_once() -> Result<()> {
    let server = Server::start_default().await?;
    let anyone = server.client(None)?;
    assert!(anyone.get::<SetupState>("/api/v1/setup").await?.needed);
    let code = fs::read_to_string(server.state().join("setup-code"))?;
    let request =
        |code: &str, password: &str| json!({ "setup_code": code, "username": "jdoe", "password": password });

    let wrong = anyone
        .send(
            "POST",
            "/api/v1/setup",
            Some(&request("AAAA-AAAA-AAAA-AAAA", PASSWORD)),
        )
        .await?;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let short = anyone
        .send("POST", "/api/v1/setup", Some(&request(code.trim(), "short")))
        .await?;
    assert_eq!(short.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        anyone.get::<SetupState>("/api/v1/setup").await?.needed,
        "a refused set-up set up"
    );

    let made = anyone
        .send("POST", "/api/v1/setup", Some(&request(code.trim(), PASSWORD)))
        .await?;
    assert!(made.status().is_success(), "{}", made.text().await?);
    let login: LoginReply = made.json().await?;
    assert_eq!(
        (login.session.username.as_str(), login.session.role),
        ("jdoe", Role::Owner)
    );
    let session: Session = server
        .client(Some(&login.token))?
        .get("/api/v1/sessions/current")
        .await?;
    assert_eq!(session.username, "jdoe");

    assert!(!anyone.get::<SetupState>("/api/v1/setup").await?.needed);
    let again = anyone
        .send("POST", "/api/v1/setup", Some(&request(code.trim(), PASSWORD)))
        .await?;
    assert!(again.status().is_client_error(), "the setup code was taken twice");
    assert!(
        !server.state().join("setup-code").exists(),
        "the setup code is still lying about"
    );
    let secrets = [PASSWORD, login.token.as_str()];
    assert!(
        !secrets.iter().any(|secret| server.log().contains(secret)),
        "a secret was logged"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_begin_with_the_password_and_end_with_the_logout() -> Result<()> {
    let mut server = Server::start_default().await?;
    let anyone = server.client(None)?;
    let code = fs::read_to_string(server.state().join("setup-code"))?;
    let setup = json!({ "setup_code": code.trim(), "username": "jdoe", "password": PASSWORD });
    anyone
        .send("POST", "/api/v1/setup", Some(&setup))
        .await?
        .error_for_status()?;

    for (username, password) in [("jdoe", "not the password at all"), ("nobody", PASSWORD)] {
        let login = json!({ "username": username, "password": password });
        let refused = anyone.send("POST", "/api/v1/sessions", Some(&login)).await?;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{username}");
    }
    let login = json!({ "username": "jdoe", "password": PASSWORD });
    let reply = anyone
        .send("POST", "/api/v1/sessions", Some(&login))
        .await?
        .error_for_status()?;
    let token = reply.json::<LoginReply>().await?.token;
    let user = server.client(Some(&token))?;
    assert_eq!(user.status("GET", "/api/v1/systems").await?, 200);

    server.kill()?;
    server.start().await?;
    assert_eq!(
        user.status("GET", "/api/v1/systems").await?,
        200,
        "a session survives a crash"
    );
    let ended = user.status("DELETE", "/api/v1/sessions/current").await?;
    assert!((200..300).contains(&ended), "{ended}");
    assert_eq!(user.status("GET", "/api/v1/systems").await?, 401);
    Ok(())
}

/// X2: each boot writes a new token, and the old one is worth nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_administrators_token_ends_with_the_boot() -> Result<()> {
    let mut server = Server::start_default().await?;
    let before = server.admin()?;
    assert_eq!(before.status("GET", "/api/v1/systems").await?, 200);
    server.stop()?;
    server.start().await?;
    assert_eq!(before.status("GET", "/api/v1/systems").await?, 401);
    assert_eq!(server.admin()?.status("GET", "/api/v1/systems").await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openapi_describes_exactly_the_routes_that_are_served() -> Result<()> {
    let server = Server::start_default().await?;
    let document: serde_json::Value = server.client(None)?.get("/api/v1/openapi.json").await?;
    assert!(
        document["openapi"]
            .as_str()
            .context("no version")?
            .starts_with("3.")
    );
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().context("no paths")? {
        for (method, operation) in methods.as_object().context("no methods")? {
            let name = operation["operationId"]
                .as_str()
                .context("an operation without id")?;
            described.insert((method.to_uppercase(), path.clone(), name.to_owned()));
            assert!(operation["responses"].is_object(), "{name} describes no response");
        }
    }
    let served: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| {
            (
                route.method.to_owned(),
                route.path.to_owned(),
                route.name.to_owned(),
            )
        })
        .collect();
    assert_eq!(described, served);
    Ok(())
}
