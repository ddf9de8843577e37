//! D7: the server verifies its own program. D3: a copy of the database yields no secret.

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use minisign::KeyPair;
use scm_protocol::auth::Role;
use scm_protocol::second_factors::SecondFactorSecret;
use scm_tests::programs::{Database, PASSWORD, Server, binary};
use serde_json::{Value, json};
use std::fs;

/// Starts a server that is to verify this signature with this key; what it said when it did not start.
async fn start(key: &str, signature: &str) -> Result<Option<String>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("scmserver.minisig");
    if !signature.is_empty() {
        fs::write(&file, signature)?;
    }
    let sections = format!(
        "[integrity]\nrelease_key = \"{key}\"\nsignature = \"{}\"\n",
        file.display()
    );
    match Server::builder().sections(&sections).start().await {
        Ok(server) => {
            ensure!(
                server.log().contains("is signed with the release key"),
                "it was not verified"
            );
            Ok(None)
        }
        Err(error) => Ok(Some(format!("{error:#}"))),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_not_the_signed_one_does_not_start() -> Result<()> {
    let pair = KeyPair::generate_unencrypted_keypair()?;
    let key = pair.pk.to_base64();
    let program = fs::read(binary("scmserver")?)?;
    let sign = |bytes: &[u8]| -> Result<String> {
        Ok(minisign::sign(Some(&pair.pk), &pair.sk, bytes, Some("test"), None)?.into_string())
    };
    let right = sign(&program)?;
    assert_eq!(start(&key, &right).await?, None);

    let mut flipped = program.clone();
    flipped[program.len() / 2] ^= 1;
    let other = KeyPair::generate_unencrypted_keypair()?.pk.to_base64();
    let cases = [
        (
            "a byte of the program",
            key.as_str(),
            sign(&flipped)?,
            "does not fit",
        ),
        ("another key", other.as_str(), right.clone(), "another key"),
        ("no signature", key.as_str(), String::new(), "No such file"),
        (
            "no signature at all",
            key.as_str(),
            "garbage".to_owned(),
            "cannot be read",
        ),
    ];
    for (what, key, signature, expected) in cases {
        let said = start(key, &signature)
            .await?
            .with_context(|| format!("{what}: it started"))?;
        assert!(
            said.contains("does not start") && said.contains(expected),
            "{what}: {said}"
        );
    }
    Ok(())
}

/// A secret's bytes, in every form in which somebody could have stored them.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let encoded = [
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        hex.to_uppercase(),
        hex,
    ];
    let encoded = encoded.into_iter().map(String::into_bytes);
    encoded.chain([secret.to_vec()]).collect()
}

fn holds(dump: &[u8], secret: &[u8]) -> bool {
    dump.windows(secret.len()).any(|window| window == secret)
}

async fn a_copy_yields_no_secret(database: Database) -> Result<()> {
    let mut server = Server::builder().database(database).start().await?;
    let code = fs::read_to_string(server.state().join("setup-code"))?;
    let admin = server.admin()?;
    let owner = server.person("jdoe", Role::Owner).await?;
    let api_token = owner.api.api_token("script", Role::Owner).await?.secret;
    let made: Value = admin
        .call("POST", "/api/v1/enrollment/tokens", &json!({ "name": "site" }))
        .await?;
    let enrollment = made["secret"].as_str().context("no secret")?.to_owned();
    let body = json!({ "password": PASSWORD });
    let seed: SecondFactorSecret = owner
        .api
        .call("POST", "/api/v1/account/second-factor", &body)
        .await?;
    let mut rogue = server.rogue()?;
    rogue.register_with("web-1", Some(&enrollment)).await?;
    rogue.certificate().await?;
    let read = |name: &str| fs::read(server.state().join(name)).with_context(|| name.to_owned());
    let pem = |name: &str| -> Result<Vec<u8>> {
        let text = String::from_utf8(read(name)?)?;
        let lines: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        Ok(STANDARD.decode(lines)?)
    };
    let mut secrets = vec![
        ("the master key", read("master.key")?),
        ("the authority's key", pem("pki/ca.key")?),
        ("the server's key", pem("pki/server.key")?),
        ("an agent's key", rogue.key.to_bytes().to_vec()),
        ("the password", PASSWORD.as_bytes().to_vec()),
        ("the setup code", code.trim().as_bytes().to_vec()),
        ("the second factor's seed", seed.secret.clone().into_bytes()),
    ];
    let local = fs::read_to_string(server.token_file())?;
    for token in [owner.token.as_str(), &api_token, &enrollment, local.trim()] {
        secrets.push(("a token", token.as_bytes().to_vec()));
        let (_, inner) = token.split_once('_').context("a token without prefix")?;
        secrets.push(("a token's bytes", URL_SAFE_NO_PAD.decode(inner)?));
    }
    server.stop()?;
    let mut dump = server.database_dump()?.into_bytes();
    for file in ["openscm.db", "openscm.db-wal"] {
        // As bytes: the text above replaces what is not UTF-8.
        dump.extend(fs::read(server.state().join(file)).unwrap_or_default());
    }
    assert!(holds(&dump, b"jdoe") && holds(&dump, b"web-1"), "this is no dump");
    for (name, secret) in &secrets {
        for form in forms(secret) {
            assert!(!holds(&dump, &form), "{name} is in the database");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_database_yields_no_secret_on_sqlite() -> Result<()> {
    a_copy_yields_no_secret(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_database_yields_no_secret_on_postgres() -> Result<()> {
    a_copy_yields_no_secret(Database::Postgres).await
}
