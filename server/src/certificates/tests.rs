//! Every certificate against every request, and withdrawing in the database.

use super::store::{self, New};
use super::*;
use crate::audit::Actor;
use crate::pki::{ClientCertificate, IssuedClient, Presented};
use crate::signing::{MasterKey, Organizations};
use crate::storage::{DatabaseUrl, Storage};
use ed25519_dalek::SigningKey;
use scm_protocol::certificates::CertificateStatus;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use std::sync::Arc;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const ID: SystemId = SystemId(42);

fn key(seed: u8) -> PublicKey {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().into()
}

fn certificate() -> ClientCertificate {
    ClientCertificate {
        serial: "4f".repeat(16),
        organization: Organization::default(),
        system: ID,
        key: key(1),
        not_before: NOW.plus(-1000),
        not_after: NOW.plus(1000),
    }
}

fn show(certificate: ClientCertificate, now: UnixMillis) -> Shown {
    let presented = Presented::Certificate(Arc::new(certificate));
    shown(&presented, &Organization::default(), ID, &key(1), now)
}

#[test]
fn a_certificate_counts_for_its_own_system_key_and_time_only() {
    assert_eq!(show(certificate(), NOW), Shown::Certificate(certificate().serial));
    let faulty = |change: &dyn Fn(&mut ClientCertificate), at: i64, fault: Fault| {
        let mut certificate = certificate();
        change(&mut certificate);
        assert_eq!(show(certificate, NOW.plus(at)), Shown::Faulty(fault));
    };
    faulty(&|c| c.system = SystemId(43), 0, Fault::OtherSystem);
    faulty(
        &|c| c.organization = "other".parse().unwrap(),
        0,
        Fault::OtherSystem,
    );
    faulty(&|c| c.key = key(2), 0, Fault::OtherKey);
    faulty(&|_| {}, -1001, Fault::NotYet);
    faulty(&|_| {}, 1000, Fault::Expired);
    let foreign = Presented::Unacceptable("x");
    assert_eq!(
        shown(&foreign, &Organization::default(), ID, &key(1), NOW),
        Shown::Faulty(Fault::Unacceptable("x"))
    );
}

struct Place {
    storage: Storage,
    organization_id: i64,
    _folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        let master = MasterKey::open_or_create(&folder.path().join("master.key")).unwrap();
        let name = Organization::default();
        let organizations = Organizations::load(&storage, &master, &name, NOW);
        Place {
            organization_id: organizations.await.unwrap().first_id(),
            storage,
            _folder: folder,
        }
    }

    async fn issue(&self, serial: &str, not_after: UnixMillis, now: UnixMillis) {
        let (organization_id, serial) = (self.organization_id, serial.to_owned());
        let add = move |conn: &mut crate::storage::Conn| {
            let issued = IssuedClient {
                pem: String::new(),
                serial,
                not_before: now,
                not_after,
            };
            let new = New {
                organization_id,
                system: ID,
                issued: &issued,
                previous: None,
                now,
            };
            store::add(conn, &new)
        };
        self.storage.writer.run(add).await.unwrap();
    }

    async fn withdraw(&self, now: UnixMillis) {
        let organization_id = self.organization_id;
        let work = move |conn: &mut crate::storage::Conn| {
            let actor = Actor {
                name: "user:test".to_owned(),
                address: String::new(),
            };
            withdraw(
                conn,
                Withdrawal {
                    organization_id,
                    system: ID,
                    reason: Reason::Revoked,
                    actor: &actor,
                    now,
                },
            )
        };
        self.storage.writer.run(work).await.unwrap();
    }

    async fn listed(&self, since: UnixMillis) -> (Vec<String>, store::Revision) {
        let read = move |conn: &mut crate::storage::Conn| {
            let rows = store::revoked(conn, since)?;
            let serials = rows.into_iter().map(|row| row.serial).collect();
            Ok((serials, store::revision(conn, since)?))
        };
        self.storage.readers.run(read).await.unwrap()
    }

    async fn status(&self, now: UnixMillis) -> Option<CertificateStatus> {
        let read = move |conn: &mut crate::storage::Conn| newest(conn, ID, now);
        let newest = self.storage.readers.run(read).await.unwrap();
        newest.map(|certificate| certificate.status)
    }
}

#[tokio::test]
async fn withdrawing_lists_what_is_valid_still_until_it_expires() {
    let place = Place::new().await;
    place.issue("aa", NOW.plus(100), NOW).await;
    place.issue("bb", NOW.plus(5000), NOW).await;
    let (serials, before) = place.listed(NOW).await;
    assert!(serials.is_empty());
    place.withdraw(NOW.plus(200)).await;
    let (serials, after) = place.listed(NOW.plus(200)).await;
    assert_eq!(serials, ["bb"], "an expired one needs no revocation");
    assert_ne!(before, after);
    place.withdraw(NOW.plus(300)).await;
    assert_eq!(
        place.listed(NOW.plus(200)).await.1,
        after,
        "nothing is revoked twice"
    );
    assert!(place.listed(NOW.plus(5000)).await.0.is_empty());
}

#[tokio::test]
async fn the_console_is_told_how_the_newest_one_stands() {
    let place = Place::new().await;
    assert_eq!(place.status(NOW).await, None);
    place.issue("aa", NOW.plus(300), NOW).await;
    assert_eq!(place.status(NOW.plus(199)).await, Some(CertificateStatus::Valid));
    assert_eq!(
        place.status(NOW.plus(200)).await,
        Some(CertificateStatus::RenewalDue)
    );
    assert_eq!(
        place.status(NOW.plus(300)).await,
        Some(CertificateStatus::Expired)
    );
    place.issue("bb", NOW.plus(600), NOW.plus(300)).await;
    place.withdraw(NOW.plus(400)).await;
    assert_eq!(
        place.status(NOW.plus(500)).await,
        Some(CertificateStatus::Revoked)
    );
}
