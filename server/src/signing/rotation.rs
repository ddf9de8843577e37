//! Replacing an organization's signing key, destroying the old one when its time is over, and following other servers.

use super::former::purpose;
use super::rotation_store::{self, TransitionRow, Version};
use super::signing_key;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::clock::random;
use crate::error::Error;
use crate::storage::Conn;
use ed25519_dalek::SigningKey;
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::ids::{Organization, UnixMillis};
use scm_protocol::rotation::{KeyTransition, SigningKeyRotated};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

const DAY_MS: i64 = 86_400_000;
/// How often to look for what other servers did.
const PERIOD: Duration = Duration::from_secs(3);

/// Replaces the signing key; `shown` is the fingerprint of the one that is to go.
///
/// # Errors
/// [`Error::Conflict`] `fingerprint_changed` when it is another one by now.
pub(super) async fn rotate(
    app: &Arc<App>,
    organization_id: i64,
    shown: Fingerprint,
    (action, actor): (&'static str, Actor),
) -> Result<SigningKeyRotated, Error> {
    let now = app.clock.now();
    let name = app.organizations.name_of(organization_id);
    let name = name.ok_or_else(|| Error::internal("an organization without a name"))?;
    let overlap_days = app
        .organization_settings
        .of(organization_id)
        .signing_overlap_days();
    let retire = now.plus(overlap_days * DAY_MS);
    let seed = Zeroizing::new(random::<32>()?);
    let master = Arc::clone(&app.master);
    let public_key = app
        .storage
        .writer
        .run(move |conn| {
            let (sealed, public) = rotation_store::hold(conn, organization_id)?;
            let old = signing_key(&master, &sealed, name.as_str())?;
            let old_public = PublicKey::from(old.verifying_key());
            if old_public.fingerprint() != shown {
                return Err(Error::Conflict {
                    code: "fingerprint_changed",
                    detail: "the signing key is another one by now; look at it again".to_owned(),
                });
            }
            let new = SigningKey::from_bytes(&seed);
            let new_public = PublicKey::from(new.verifying_key());
            let row = TransitionRow {
                organization_id,
                old_public_key: public,
                sealed_old_key: keep(&master, &old, &name, overlap_days)?,
                retire_ms: retire.0,
                created_ms: rotation_store::next_place(conn, organization_id, now)?,
                statement: KeyTransition::sign(&name, &old, new_public, now.as_secs()).to_string(),
            };
            let sealed = master.seal(seed.as_slice(), name.as_str())?;
            rotation_store::replace(conn, &row, (&sealed, new_public.as_bytes()))?;
            let detail = json!({
                "before": shown,
                "after": new_public.fingerprint(),
                "overlap_days": overlap_days,
            });
            record(conn, (organization_id, now), (&actor, action), &name, detail)?;
            Ok(new_public)
        })
        .await?;
    app.organizations
        .reopen(&app.storage, &app.master, organization_id)
        .await?;
    app.wake_all_of(organization_id);
    app.events.audited(organization_id);
    Ok(SigningKeyRotated {
        public_key,
        fingerprint: public_key.fingerprint(),
        former_until_ms: retire,
    })
}

/// The old key, sealed, while agents are to be given time.
fn keep(
    master: &super::MasterKey,
    old: &SigningKey,
    name: &Organization,
    overlap_days: i64,
) -> Result<Option<Vec<u8>>, Error> {
    let purpose = purpose(name.as_str(), &old.verifying_key().into());
    let seed = Zeroizing::new(old.to_bytes());
    (overlap_days > 0)
        .then(|| master.seal(seed.as_slice(), &purpose))
        .transpose()
}

fn record(
    conn: &mut Conn,
    (organization_id, at): (i64, UnixMillis),
    (actor, action): (&Actor, &str),
    name: &Organization,
    detail: serde_json::Value,
) -> Result<(), Error> {
    Entry {
        organization_id,
        at,
        actor,
        action,
        target: &format!("organization:{name}"),
        outcome: Outcome::Done,
        detail,
    }
    .write(conn)
}

/// Follows what other servers did, and destroys old keys whose time is over, until the server stops.
pub async fn keep_keys(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    let mut known: HashMap<i64, Version> = HashMap::new();
    loop {
        if let Err(error) = look(&app, &mut known).await {
            tracing::warn!(error = %error, "the signing keys could not be looked at, it is tried again");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn look(app: &App, known: &mut HashMap<i64, Version>) -> Result<(), Error> {
    destroy_retired(app).await?;
    for (id, version) in app.storage.readers.run(rotation_store::versions).await? {
        let before = known.get(&id);
        if before != Some(&version) {
            app.organizations.reopen(&app.storage, &app.master, id).await?;
            // Those who wait know the key before it.
            if before.is_some_and(|(key, ..)| *key != version.0) {
                app.holds.wake_all_of(id);
            }
            known.insert(id, version);
        }
    }
    Ok(())
}

async fn destroy_retired(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let retired = app
        .storage
        .readers
        .run(move |conn| rotation_store::retired(conn, now))
        .await?;
    for row in retired {
        let Some(name) = app.organizations.name_of(row.organization_id) else {
            continue;
        };
        app.storage
            .writer
            .run(move |conn| destroy(conn, &row, &name, now))
            .await?;
    }
    Ok(())
}

fn destroy(conn: &mut Conn, row: &TransitionRow, name: &Organization, now: UnixMillis) -> Result<(), Error> {
    if !rotation_store::destroy(conn, row)? {
        return Ok(());
    }
    let old: KeyTransition = row
        .statement
        .parse()
        .map_err(|_| Error::internal("a key transition is damaged"))?;
    let actor = Actor {
        name: "server".to_owned(),
        address: String::new(),
    };
    let detail = json!({ "fingerprint": old.old.fingerprint() });
    let action = "organizations.destroy_signing_key";
    record(conn, (row.organization_id, now), (&actor, action), name, detail)
}
