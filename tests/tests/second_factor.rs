//! The second factor (X4): enrolled, confirmed, asked for with every kind of login, each code once, recovery codes, reset.

use anyhow::{Context, Result, ensure};
use aws_lc_rs::hmac;
use scm_protocol::auth::{LoginReply, Role};
use scm_protocol::second_factors::{RecoveryCodes, SecondFactorRequired, SecondFactorSecret};
use scm_protocol::sessions::SessionPage;
use scm_protocol::users::{Account, UserPage};
use scm_tests::clock;
use scm_tests::programs::{Admin, Database, PASSWORD, Person, Server, eventually};
use serde_json::{Value, json};

const ENROLL: &str = "/api/v1/account/second-factor";
const CONFIRM: &str = "/api/v1/account/second-factor/confirm";
const DISABLE: &str = "/api/v1/account/second-factor/disable";
const GIVE: &str = "/api/v1/sessions/second-factor";

/// An authenticator, written from RFC 6238 and RFC 4648 alone.
struct Authenticator {
    seed: Vec<u8>,
    last: i64,
}

impl Authenticator {
    fn of(secret: &str) -> Result<Self> {
        const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut bits = String::new();
        for letter in secret.chars() {
            let value = LETTERS.find(letter).context("no base32")?;
            bits.push_str(&format!("{value:05b}"));
        }
        let bytes = bits.as_bytes().chunks_exact(8);
        let bytes = bytes.map(|byte| Ok(u8::from_str_radix(std::str::from_utf8(byte)?, 2)?));
        Ok(Authenticator {
            seed: bytes.collect::<Result<_>>()?,
            last: 0,
        })
    }

    fn code_of(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.seed);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
        format!("{:06}", number % 1_000_000)
    }

    /// A code that was not shown before: the earliest one that the server takes still.
    async fn next(&mut self) -> Result<String> {
        let step = eventually("a new code", 40, async || {
            let now = clock::now().as_secs() / 30;
            let next = (self.last + 1).max(now - 1);
            Ok((next <= now + 1).then_some(next))
        })
        .await?;
        self.last = step;
        Ok(self.code_of(step))
    }
}

async fn enroll(person: &Person) -> Result<(Authenticator, Vec<String>)> {
    let body = json!({ "password": PASSWORD });
    let secret: SecondFactorSecret = person.api.call("POST", ENROLL, &body).await?;
    ensure!(
        secret.url.starts_with("otpauth://totp/test:") && secret.url.contains(&secret.secret),
        "{}",
        secret.url
    );
    let mut authenticator = Authenticator::of(&secret.secret)?;
    let code = json!({ "code": authenticator.next().await? });
    let codes: RecoveryCodes = person.api.call("POST", CONFIRM, &code).await?;
    Ok((authenticator, codes.codes))
}

/// The first factor held; the second is asked for.
async fn half(anyone: &Admin, username: &str) -> Result<SecondFactorRequired> {
    let body = json!({ "username": username, "password": PASSWORD });
    let response = anyone.send("POST", "/api/v1/sessions", Some(&body)).await?;
    ensure!(response.status() == 202, "{}", response.status());
    let half: SecondFactorRequired = response.json().await?;
    assert_eq!(half.code, "second_factor_required");
    Ok(half)
}

fn give(half: &SecondFactorRequired, code: &str) -> Value {
    json!({ "half_session": half.half_session, "code": code })
}

async fn a_second_factor_is_asked_for_and_each_code_counts_once(server: Server) -> Result<()> {
    let anyone = server.client(None)?;
    let person = server.person("jdoe", Role::Viewer).await?;
    let wrong = json!({ "password": "not the password" });
    assert_eq!(person.api.refused("POST", ENROLL, &wrong).await?.0, 422);
    assert_eq!(
        person
            .api
            .refused("POST", CONFIRM, &json!({ "code": "000000" }))
            .await?
            .1,
        "not_enrolled"
    );
    let (mut authenticator, recovery) = enroll(&person).await?;
    assert_eq!(recovery.len(), 10);
    let account: Account = person.api.get("/api/v1/account").await?;
    assert!(account.user.second_factor && account.recovery_codes == 10);

    let first = half(&anyone, "jdoe").await?;
    let used = authenticator.code_of(authenticator.last);
    assert_eq!(
        anyone.refused("POST", GIVE, &give(&first, &used)).await?.0,
        401,
        "a code counted twice"
    );
    let opens = server.client(Some(&first.half_session))?;
    assert_eq!(
        opens.status("GET", "/api/v1/systems").await?,
        401,
        "half a session opened a route"
    );
    let code = authenticator.next().await?;
    let reply: LoginReply = anyone.call("POST", GIVE, &give(&first, &code)).await?;
    let api = server.client(Some(&reply.token))?;
    let sessions: SessionPage = api.get("/api/v1/sessions").await?;
    assert!(
        sessions
            .items
            .iter()
            .any(|session| session.current && session.second_factor)
    );
    assert_eq!(
        anyone.refused("POST", GIVE, &give(&first, &recovery[0])).await?,
        (401, "login_over".to_owned()),
        "a half was used twice"
    );

    let second = half(&anyone, "jdoe").await?;
    let typed = recovery[0].to_lowercase().replace('-', " ");
    anyone
        .call::<LoginReply>("POST", GIVE, &give(&second, &typed))
        .await?;
    let third = half(&anyone, "jdoe").await?;
    assert_eq!(
        anyone.refused("POST", GIVE, &give(&third, &recovery[0])).await?.0,
        401,
        "a recovery code counted twice"
    );
    let account: Account = person.api.get("/api/v1/account").await?;
    assert_eq!(account.recovery_codes, 9);

    let dump = server.database_dump()?;
    let secrets = recovery.iter().chain([&first.half_session, &second.half_session]);
    for secret in secrets {
        assert!(
            !dump.contains(secret) && !server.log().contains(secret),
            "a secret is stored"
        );
    }
    let body = json!({ "code": recovery[1] });
    person.api.call::<()>("POST", DISABLE, &body).await?;
    server.log_in(person.id, "jdoe").await?;
    let audit = server.admin()?.audit().await?.items;
    let logins = audit.iter().filter(|entry| {
        entry.action == "auth.login"
            && entry.actor == "user:jdoe"
            && entry.detail["second_factor"] == json!(true)
    });
    let details = logins.map(|entry| {
        (
            entry.outcome.as_str(),
            &entry.detail["method"],
            &entry.detail["recovery_code"],
        )
    });
    // Newest first: with a recovery code, and before that with the authenticator's.
    assert_eq!(
        details.collect::<Vec<_>>(),
        [
            ("ok", &json!("password"), &json!(true)),
            ("ok", &json!("password"), &json!(false))
        ],
        "logins with the second factor are recorded as such"
    );
    for action in [
        "second_factors.enroll",
        "second_factors.confirm",
        "second_factors.disable",
    ] {
        assert!(
            audit.iter().any(|entry| entry.action == action),
            "{action} is not recorded"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_factor_is_asked_for_and_each_code_counts_once_on_sqlite() -> Result<()> {
    a_second_factor_is_asked_for_and_each_code_counts_once(Server::start_default().await?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_factor_is_asked_for_and_each_code_counts_once_on_postgres() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    a_second_factor_is_asked_for_and_each_code_counts_once(server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_are_slowed_and_an_owner_helps_whoever_lost_theirs() -> Result<()> {
    let mut server = Server::start_default().await?;
    let anyone = server.client(None)?;
    let person = server.person("jdoe", Role::Viewer).await?;
    let boss = server.person("boss", Role::Owner).await?;
    enroll(&person).await?;
    let asked = half(&anyone, "jdoe").await?;
    let mut slowed = false;
    for _ in 0..8 {
        let (status, _) = anyone.refused("POST", GIVE, &give(&asked, "000000")).await?;
        slowed |= status == 429;
    }
    assert!(slowed, "guesses were not slowed");
    // A restart forgives nothing.
    server.stop()?;
    server.start().await?;
    assert_eq!(
        anyone.refused("POST", GIVE, &give(&asked, "000000")).await?.0,
        429
    );

    let path = format!("/api/v1/users/{}/second-factor/reset", person.id);
    assert_eq!(person.api.refused("POST", &path, &Value::Null).await?.0, 403);
    boss.api.call::<()>("POST", &path, &Value::Null).await?;
    assert_eq!(person.api.status("GET", "/api/v1/systems").await?, 401);
    let users: UserPage = boss.api.get("/api/v1/users").await?;
    assert!(users.items.iter().all(|user| !user.second_factor));
    let audit = boss.api.audit().await?.items;
    assert!(
        audit
            .iter()
            .any(|entry| entry.action == "users.reset_second_factor")
    );
    Ok(())
}
