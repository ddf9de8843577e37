//! Issuing and withdrawing certificates. Each is one transaction with its audit entry.

use super::judge::{Credential, Fault, Shown, judge, shown};
use super::store::{self, New};
use crate::agent_message::failed;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::pki::{ClientRequest, IssuedClient, Pki, Presented};
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use crate::systems;
use scm_protocol::certificates::{
    CertificateReply, CertificateRequest, CertificateStatus, SystemCertificate, renew_after,
};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{Unverified, Verified};
use scm_protocol::systems::SystemStatus;
use serde_json::json;
use std::net::IpAddr;
use std::time::Duration;

/// Certificates that a system may be issued in an hour: one that loses them all the time is in trouble, or means some.
const MOST_AN_HOUR: i64 = 6;
const HOUR_MS: i64 = 3_600_000;
/// How long rows of expired certificates are kept, in milliseconds.
const KEPT_MS: i64 = 400 * 24 * HOUR_MS;

/// Why certificates are withdrawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The system was revoked.
    Revoked,
    /// Its key was denied.
    Denied,
    /// The system was deleted.
    Deleted,
    /// Its key was replaced.
    KeyReplaced,
}

impl Reason {
    /// The stable name in the database and in the audit.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Reason::Revoked => "revoked",
            Reason::Denied => "denied",
            Reason::Deleted => "deleted",
            Reason::KeyReplaced => "key_replaced",
        }
    }
}

/// Whose certificates are withdrawn, by whom, and why.
#[derive(Clone, Copy, Debug)]
pub struct Withdrawal<'a> {
    /// The organization.
    pub organization_id: i64,
    /// The system.
    pub system: SystemId,
    /// Why.
    pub reason: Reason,
    /// Who decided it.
    pub actor: &'a Actor,
    /// When.
    pub now: UnixMillis,
}

/// Withdraws every certificate of a system, within the transaction that gives the reason.
///
/// # Errors
/// When the database fails.
pub fn withdraw(conn: &mut Conn, withdrawal: Withdrawal<'_>) -> Result<(), Error> {
    let reason = withdrawal.reason.as_str();
    let serials = store::revoke(conn, withdrawal.system, reason, withdrawal.now)?;
    if serials.is_empty() {
        return Ok(());
    }
    Entry {
        organization_id: withdrawal.organization_id,
        at: withdrawal.now,
        actor: withdrawal.actor,
        action: "certificates.revoke",
        target: &format!("system:{}", withdrawal.system),
        outcome: Outcome::Done,
        detail: json!({ "serials": serials, "reason": reason }),
    }
    .write(conn)
}

/// Whether agents of an organization must show the certificate that was issued to them.
pub fn required(app: &App, organization_id: i64) -> bool {
    app.organization_settings
        .of(organization_id)
        .certificates_required()
}

/// A certificate that is asked for.
#[derive(Clone)]
struct Application {
    organization_id: i64,
    organization: Organization,
    system: SystemId,
    key: PublicKey,
    sequence: u64,
    shown: Shown,
    address: IpAddr,
    lifetime: Duration,
    now: UnixMillis,
}

/// Issues a certificate to the system that signed the request. None needs to be shown: the request is signed with the
/// very key that the certificate is for, and whoever lost theirs could never get another.
///
/// # Errors
/// A typed refusal; nothing was changed.
pub(super) async fn issue(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'_>,
    (presented, address): (&Presented, IpAddr),
) -> Result<CertificateReply, Refusal> {
    let asked = systems::authenticate(app, organization, unverified, systems::Verification::Alone).await?;
    let _request: Verified<CertificateRequest> = asked.body.parse()?;
    let now = app.clock.now();
    let application = Application {
        organization_id: organization.id,
        organization: organization.name.clone(),
        system: asked.id,
        key: asked.body.key,
        sequence: asked.sequence,
        shown: shown(presented, &organization.name, asked.id, &asked.body.key, now),
        address,
        lifetime: app.settings.certificate_lifetime,
        now,
    };
    let (id, pki) = (asked.id, app.pki.clone());
    let granted = app
        .storage
        .writer
        .run(move |conn| grant(conn, &pki, &application));
    let issued = granted.await.map_err(|error| failed(&error, now))??;
    tracing::info!(system.id = %id, certificate.serial = %issued.serial, "issued a client certificate");
    app.events.updated(organization.id, &[id]);
    Ok(CertificateReply {
        certificate: issued.pem,
        serial: issued.serial,
        not_before_ms: issued.not_before,
        not_after_ms: issued.not_after,
        renew_after_ms: renew_after(now, issued.not_after),
        server_time_ms: now,
    })
}

fn grant(
    conn: &mut Conn,
    pki: &Pki,
    application: &Application,
) -> Result<Result<IssuedClient, Refusal>, Error> {
    let Application { system, now, .. } = *application;
    let admitted = match systems::admit(conn, system, &application.key, application.sequence, now)? {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if admitted.status != SystemStatus::Active {
        let detail = "only an active system is issued a certificate";
        return Ok(Err(refusal(RefusalCode::InvalidRequest, detail, system, now)));
    }
    let credential = Credential {
        shown: application.shown.clone(),
        required: false,
    };
    if let Err(fault) = judge(&credential, &admitted.certificates, now) {
        return Ok(Err(invalid(fault, system, now)));
    }
    if store::issued_since(conn, system, now.plus(-HOUR_MS))? >= MOST_AN_HOUR {
        let detail = "too many certificates were issued to this system within an hour";
        let refusal = refusal(RefusalCode::RateLimited, detail, system, now);
        return Ok(Err(Refusal {
            retry_after_secs: Some(600),
            ..refusal
        }));
    }
    let issued = add(conn, pki, application)?;
    systems::take_number(conn, &admitted)?;
    Ok(Ok(issued))
}

fn add(conn: &mut Conn, pki: &Pki, application: &Application) -> Result<IssuedClient, Error> {
    let Application { system, now, .. } = *application;
    let request = ClientRequest {
        organization: &application.organization,
        system,
        key: &application.key,
        now,
        lifetime: application.lifetime,
    };
    let issued = pki
        .issue_client(&request)
        .map_err(|error| Error::internal(error.to_string()))?;
    let previous = match &application.shown {
        Shown::Certificate(serial) => Some(serial.as_str()),
        _ => None,
    };
    let new = New {
        organization_id: application.organization_id,
        system,
        issued: &issued,
        previous,
        now,
    };
    store::add(conn, &new)?;
    Entry {
        organization_id: application.organization_id,
        at: now,
        actor: &Actor {
            name: format!("system:{system}"),
            address: application.address.to_string(),
        },
        action: if previous.is_some() {
            "certificates.renew"
        } else {
            "certificates.issue"
        },
        target: &format!("system:{system}"),
        outcome: Outcome::Done,
        detail: json!({
            "serial": issued.serial,
            "not_after_ms": issued.not_after,
            "fingerprint": application.key.fingerprint(),
            "shown": previous,
        }),
    }
    .write(conn)?;
    Ok(issued)
}

/// The refusal of a request for its certificate.
pub fn invalid(fault: Fault, system: SystemId, now: UnixMillis) -> Refusal {
    tracing::warn!(target: "security", { system.id = %system, reason = fault.words() }, "a request was refused for its client certificate");
    refusal(fault.code(), fault.words(), system, now)
}

fn refusal(code: RefusalCode, detail: &str, system: SystemId, now: UnixMillis) -> Refusal {
    Refusal {
        system_id: Some(system),
        ..Refusal::new(code, detail, now)
    }
}

/// The newest certificate of a system, for the console.
///
/// # Errors
/// When the database fails.
pub fn newest(
    conn: &mut Conn,
    system: SystemId,
    now: UnixMillis,
) -> Result<Option<SystemCertificate>, Error> {
    let row = store::newest(conn, system)?;
    Ok(row.map(|row| {
        let not_after = UnixMillis(row.not_after_ms);
        let renewal = renew_after(UnixMillis(row.issued_ms), not_after);
        let status = if row.revoked_ms.is_some() {
            CertificateStatus::Revoked
        } else if now >= not_after {
            CertificateStatus::Expired
        } else if now >= renewal {
            CertificateStatus::RenewalDue
        } else {
            CertificateStatus::Valid
        };
        SystemCertificate {
            serial: row.serial,
            not_before_ms: UnixMillis(row.not_before_ms),
            not_after_ms: not_after,
            renew_after_ms: renewal,
            status,
            revoked_ms: row.revoked_ms.map(UnixMillis),
        }
    }))
}

/// Forgets certificates that expired long ago.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: &App) -> Result<(), Error> {
    let before = app.clock.now().plus(-KEPT_MS);
    app.storage
        .writer
        .run(move |conn| store::forget(conn, before))
        .await
}
