//! Every route of the table with every kind of caller: the answer's class is the one that the table says, for routes that
//! are added tomorrow as well.

use anyhow::{Result, bail};
use scm_protocol::access::{Audience, ROUTES, Route};
use scm_protocol::auth::Role;
use scm_tests::programs::{Server, passes, probe};
use std::fs;

/// What a caller is for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    /// No credential, or one that is worth nothing any more.
    Nobody,
    /// A session or API token with this role.
    Has(Role),
    /// The local administrator token.
    Local,
}

/// The class of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    LetIn,
    Unauthenticated,
    Forbidden,
}

/// What the table says.
fn expected(route: &Route, caller: Caller) -> Class {
    match (route.audience, caller) {
        (Audience::Public, _) => Class::LetIn,
        // An agent signs; whoever does not is nobody there, whatever they may do elsewhere.
        (Audience::Agent, _) | (Audience::Roles(_) | Audience::LocalAdmin, Caller::Nobody) => {
            Class::Unauthenticated
        }
        (Audience::LocalAdmin, Caller::Local) => Class::LetIn,
        (Audience::LocalAdmin, Caller::Has(_)) => Class::Forbidden,
        (Audience::Roles(roles), Caller::Has(role)) if roles.contains(&role) => Class::LetIn,
        (Audience::Roles(roles), Caller::Local) if roles.contains(&Role::Owner) => Class::LetIn,
        (Audience::Roles(_), _) => Class::Forbidden,
    }
}

async fn walk(server: &Server, what: &str, token: Option<&str>, caller: Caller) -> Result<()> {
    let endpoint = server.endpoint()?;
    let bearer = token.map(|token| format!("Bearer {token}"));
    // Logging out comes last: after it the caller is nobody.
    let (last, before): (Vec<&Route>, Vec<&Route>) =
        ROUTES.iter().partition(|route| route.name == "auth.logout");
    for route in before.into_iter().chain(last) {
        let status = probe(&endpoint, route, bearer.as_deref()).await?;
        let class = match status {
            401 => Class::Unauthenticated,
            403 => Class::Forbidden,
            500.. => bail!("{what}: {} {} answered {status}", route.method, route.path),
            _ => Class::LetIn,
        };
        // Who is let in there and says nothing of use is answered 401 as well.
        let speaks = ["auth.setup", "auth.login_second_factor"].contains(&route.name);
        assert!(
            class == expected(route, caller) || speaks && class == Class::Unauthenticated,
            "{what}: {} {} answered {status}",
            route.method,
            route.path
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_role_is_let_in_where_the_table_says_so() -> Result<()> {
    let server = Server::start_default().await?;
    let (_, foreign) = server.organization("other").await?;
    for role in Role::ALL {
        let name = role.as_str();
        let person = server.person(name, role).await?;
        let token = person.api.api_token("walk", role).await?.secret;
        walk(
            &server,
            &format!("a token of {name}"),
            Some(&token),
            Caller::Has(role),
        )
        .await?;
        walk(&server, name, Some(&person.token), Caller::Has(role)).await?;
        // Of another organization: its own role, and no id of ours is one of its own.
        let other = server
            .person_by(&foreign.api, &format!("other-{name}"), role)
            .await?;
        walk(
            &server,
            &format!("foreign {name}"),
            Some(&other.token),
            Caller::Has(role),
        )
        .await?;
    }
    // A token above what its user may now is worth what the user is.
    let demoted = server.person("demoted", Role::Admin).await?;
    let token = demoted.api.api_token("walk", Role::Admin).await?.secret;
    let role = format!("/api/v1/users/{}/role", demoted.id);
    let set = serde_json::json!({ "role": "viewer" });
    server.admin()?.call::<()>("POST", &role, &set).await?;
    walk(
        &server,
        "a token of somebody demoted",
        Some(&token),
        Caller::Has(Role::Viewer),
    )
    .await?;
    let local = fs::read_to_string(server.token_file())?;
    walk(
        &server,
        "the local administrator",
        Some(local.trim()),
        Caller::Local,
    )
    .await?;
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_worth_nothing_opens_nothing() -> Result<()> {
    let mut server = Server::start_default().await?;
    let owner = server.person("jdoe", Role::Owner).await?;
    let second = server.log_in(owner.id, "jdoe").await?;
    let revoked = owner.api.api_token("revoked", Role::Owner).await?;
    let id = revoked.token.id;
    owner
        .api
        .call::<()>(
            "DELETE",
            &format!("/api/v1/api-tokens/{id}"),
            &serde_json::Value::Null,
        )
        .await?;
    let expired = owner.api.api_token("expired", Role::Owner).await?.secret;
    second
        .api
        .call::<()>("DELETE", "/api/v1/sessions/current", &serde_json::Value::Null)
        .await?;

    walk(&server, "no credential", None, Caller::Nobody).await?;
    for garbage in [
        "",
        "wrong",
        "oscs_wrong",
        "osca_wrong",
        "oscl_wrong",
        "oscm_wrong",
    ] {
        walk(&server, &format!("`{garbage}`"), Some(garbage), Caller::Nobody).await?;
    }
    walk(
        &server,
        "a session after its logout",
        Some(&second.token),
        Caller::Nobody,
    )
    .await?;
    walk(
        &server,
        "a revoked API token",
        Some(&revoked.secret),
        Caller::Nobody,
    )
    .await?;
    assert!(passes(
        probe(
            &server.endpoint()?,
            &ROUTES[0],
            Some(&format!("Bearer {expired}"))
        )
        .await?
    ));

    server.stop()?;
    server.start_with_clock("+2d").await?;
    walk(&server, "an expired session", Some(&owner.token), Caller::Nobody).await?;
    walk(&server, "an expired API token", Some(&expired), Caller::Nobody).await
}

/// T6: the kinds of credential never cross.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agents_signature_opens_no_console_route() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.active_rogue().await?;
    let signed = rogue.checkin()?.bytes(&rogue.endpoint);
    let signed = String::from_utf8(signed)?;
    for route in ROUTES {
        if matches!(route.audience, Audience::Public | Audience::Agent) {
            continue;
        }
        let path = route.path.replace("{id}", "4711").replace("{name}", "none");
        let line = format!("{} {path} HTTP/1.1", route.method);
        let request = signed.replacen("POST /agent/v1/checkin HTTP/1.1", &line, 1);
        let mut connection = rogue.connect().await?;
        connection.send(request.as_bytes()).await?;
        let answer = connection.status().await?;
        assert_eq!(answer, 401, "{} {}", route.method, route.path);
    }
    Ok(())
}
