//! Verifies the chains while the server runs, a little at a time, and tells the consoles when an audit grew.
//!
//! Each replica verifies for itself what the database gives it; what it finds is logged once as a security event, and is
//! shown until a later pass finds nothing.

use super::verify::{self, Verification};
use super::{anchor_store, store};
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::audit::{AuditAnchor, AuditChain};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::anchor::Anchor;
use super::chain::hex;

/// How often to look for new entries.
const PERIOD: Duration = Duration::from_secs(1);
/// Looks between two steps of verification.
const LOOKS: u32 = 15;
/// Entries of a step.
const STEP: usize = 2000;
/// Pause between the steps of a pass, so that it takes a part of one processor only.
const PAUSE: Duration = Duration::from_millis(50);
/// After so long everything is verified anew, in milliseconds.
const AGAIN_MS: i64 = 86_400_000;
/// The same after something was found.
const AGAIN_AFTER_FAULTS_MS: i64 = 3_600_000;
/// Most faults that are shown.
const SHOWN: usize = 100;

/// How far each chain was verified by this process.
#[derive(Debug, Default)]
pub struct ChainWatch {
    passes: Mutex<HashMap<i64, Pass>>,
}

#[derive(Clone, Debug)]
struct Pass {
    verification: Verification,
    begun: UnixMillis,
    /// When it last stepped; how far it was then, and what was wrong.
    at: UnixMillis,
    verified_id: i64,
    faults: Vec<String>,
}

impl ChainWatch {
    fn take(&self, organization_id: i64, now: UnixMillis) -> Pass {
        let passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = passes.get(&organization_id).cloned();
        let fresh = Pass {
            verification: Verification::new(organization_id),
            begun: now,
            at: now,
            verified_id: 0,
            faults: Vec::new(),
        };
        match pass {
            None => fresh,
            // What was found stays in view until the new pass has got as far.
            Some(pass) if is_over(&pass, now) => Pass {
                verification: fresh.verification,
                begun: now,
                ..pass
            },
            Some(pass) => pass,
        }
    }

    fn put(&self, organization_id: i64, pass: Pass) {
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        passes.insert(organization_id, pass);
    }

    fn state(&self, organization_id: i64) -> Option<(i64, UnixMillis, Vec<String>)> {
        let passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = passes.get(&organization_id)?;
        Some((pass.verified_id, pass.at, pass.faults.clone()))
    }
}

fn is_over(pass: &Pass, now: UnixMillis) -> bool {
    let again = if pass.faults.is_empty() {
        AGAIN_MS
    } else {
        AGAIN_AFTER_FAULTS_MS
    };
    !(0..again).contains(&now.since(pass.begun))
}

/// Watches until the server stops.
pub async fn watch_chains(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    let mut heads: HashMap<i64, i64> = HashMap::new();
    let mut look = 0;
    loop {
        if look % LOOKS == 0 {
            verify_all(&app).await;
        }
        look = look.wrapping_add(1);
        if app.events.has_listeners()
            && let Ok(now) = app.storage.readers.run(store::heads).await
        {
            for (organization_id, head) in now {
                if heads
                    .insert(organization_id, head)
                    .is_some_and(|before| before != head)
                {
                    app.events.audited(organization_id);
                }
            }
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn verify_all(app: &App) {
    for organization in app.organizations.all() {
        while !*app.stopping.borrow() {
            match step(app, organization.id).await {
                Ok(true) => break,
                Ok(false) => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    tracing::warn!(error = %error, "the audit could not be verified, it is tried again later");
                    break;
                }
            }
        }
    }
}

/// One step; true when the end was reached.
async fn step(app: &App, organization_id: i64) -> Result<bool, Error> {
    let now = app.clock.now();
    let mut pass = app.chains.take(organization_id, now);
    // A pass that found something is finished: its findings would only be found again.
    if !pass.verification.report().findings.is_empty() {
        return Ok(true);
    }
    let (mut pass, done) = app
        .storage
        .readers
        .run(move |conn| {
            let done = verify::snapshot(conn, |conn| pass.verification.step(conn, STEP))?;
            Ok((pass, done))
        })
        .await?;
    let report = pass.verification.report();
    if done || !report.findings.is_empty() {
        let faults = report.findings.listed.iter().take(SHOWN);
        let faults: Vec<String> = faults.map(ToString::to_string).collect();
        if faults != pass.faults {
            for fault in &faults {
                tracing::error!(target: "security", { organization.id = organization_id, fault = %fault }, "the audit does not verify");
            }
        }
        (pass.faults, pass.verified_id, pass.at) = (faults, report.head.id, now);
    }
    app.chains.put(organization_id, pass);
    Ok(done)
}

/// Where an organization's chain stands.
///
/// # Errors
/// When the database fails.
pub(super) async fn chain(app: &App, organization_id: i64) -> Result<AuditChain, Error> {
    let read = move |conn: &mut Conn| {
        let first = store::first_id(conn, organization_id)?;
        let anchor = anchor_store::newest_stored(conn, organization_id)?;
        Ok((store::head(conn, organization_id)?, first, anchor))
    };
    let (head, first, anchor) = app.storage.readers.run(read).await?;
    let state = app.chains.state(organization_id);
    let (verified_id, verified_ms, faults) = match state {
        Some((id, at, faults)) => (id, Some(at), faults),
        None => (0, None, Vec::new()),
    };
    Ok(AuditChain {
        head_id: head.id,
        head_hash: hex(&head.hash),
        first_id: first.unwrap_or(head.id + 1),
        anchor: anchor.as_ref().map(shown).transpose()?,
        verified_id,
        verified_ms,
        faults,
        server_time_ms: app.clock.now(),
    })
}

/// An anchor as it crosses the wire.
///
/// # Errors
/// When its key is none.
pub(super) fn shown(anchor: &Anchor) -> Result<AuditAnchor, Error> {
    let key = PublicKey::from_bytes(&anchor.public_key);
    Ok(AuditAnchor {
        organization_id: anchor.organization_id,
        entry_id: anchor.entry_id,
        kind: anchor.kind.as_str().to_owned(),
        hash: hex(&anchor.hash),
        at_ms: anchor.at,
        public_key: key
            .map_err(|error| Error::internal(format!("the anchor at entry {}: {error}", anchor.entry_id)))?,
        signature: hex(&anchor.signature),
    })
}
