//! Registrations with tokens, through the writer and on SQLite.

use super::admission::Admission;
use super::registration::{Candidate, Memory, Registered, store_candidates};
use super::store;
use super::token_store::{self, NewToken, TokenRow};
use crate::auth::SecretHash;
use crate::signing::{MasterKey, Organizations};
use crate::storage::{DatabaseUrl, Storage};
use ed25519_dalek::SigningKey;
use scm_protocol::agent::{HostFacts, RegisterRequest};
use scm_protocol::enrollment::{CreateToken, TokenStatus};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, TokenId, UnixMillis};
use scm_protocol::systems::SystemStatus;

const NOW: UnixMillis = UnixMillis(1_000_000);
const SECRET: &str = "oscm_of-this-test";

struct Place {
    storage: Storage,
    organization_id: i64,
    /// How many may wait.
    room: i64,
    memory: Memory,
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
            room: 10_000,
            memory: Memory::default(),
            _folder: folder,
        }
    }

    async fn token(&self, max_uses: Option<i64>, expires_ms: Option<UnixMillis>) -> TokenId {
        let organization_id = self.organization_id;
        let add = self.storage.writer.run(move |conn| {
            let create = CreateToken {
                name: "a token".to_owned(),
                expires_ms,
                max_uses,
                groups: Vec::new(),
            };
            let new = NewToken {
                organization_id,
                create: &create,
                hash: &SecretHash::of(SECRET),
                by: "user:test",
                now: NOW,
            };
            token_store::add(conn, &new)
        });
        TokenId(add.await.unwrap().unwrap().id)
    }

    async fn read(&self, id: TokenId) -> TokenRow {
        let organization_id = self.organization_id;
        let read = self
            .storage
            .readers
            .run(move |conn| token_store::find(conn, organization_id, id));
        read.await.unwrap().unwrap()
    }

    /// The `machine`-th machine registers for the `attempt`-th time.
    async fn register(&self, machine: u8, attempt: u8, secret: Option<&str>) -> Registered {
        let candidate = self.candidate(machine, attempt, secret);
        let mut registered = self.register_all(vec![candidate]).await;
        registered.pop().unwrap()
    }

    async fn register_all(&self, candidates: Vec<Candidate>) -> Vec<Registered> {
        let memory = self.memory.clone();
        let stored = self
            .storage
            .writer
            .run(move |conn| store_candidates(conn, &memory, &candidates));
        stored.await.unwrap()
    }

    fn candidate(&self, machine: u8, attempt: u8, secret: Option<&str>) -> Candidate {
        let key = SigningKey::from_bytes(&[machine; 32]);
        Candidate {
            pending_max: self.room,
            organization_id: self.organization_id,
            key: key.verifying_key().into(),
            request: RegisterRequest {
                facts: HostFacts {
                    hostname: format!("machine-{machine}"),
                    ..HostFacts::default()
                },
                agent_version: "0.1.0".to_owned(),
                boot_id: String::new(),
                enrollment_token: None,
            },
            token: secret.map(SecretHash::of),
            nonce_digest: vec![machine, attempt],
            address: [127, 0, 0, 1].into(),
            interval_secs: 60,
            now: NOW,
        }
    }

    async fn status(&self, machine: u8) -> SystemStatus {
        let organization_id = self.organization_id;
        let key: PublicKey = SigningKey::from_bytes(&[machine; 32]).verifying_key().into();
        let read = self
            .storage
            .readers
            .run(move |conn| Ok(store::by_keys(conn, organization_id, &[&key])?.remove(&key)));
        read.await.unwrap().unwrap().status
    }
}

fn is_accepted(registered: &Registered) -> bool {
    matches!(
        registered,
        Registered::New(_, Some(Admission::Accepted(_))) | Registered::Presented(_, Admission::Accepted(_))
    )
}

#[tokio::test]
async fn a_token_of_fifty_uses_approves_fifty_of_two_hundred() {
    let place = Place::new().await;
    let token = place.token(Some(50), None).await;
    let all = (0..200).map(|machine| place.register(machine, 0, Some(SECRET)));
    let results = futures_util::future::join_all(all).await;
    assert_eq!(results.iter().filter(|result| is_accepted(result)).count(), 50);
    let mut active = 0;
    for machine in 0..200 {
        active += usize::from(place.status(machine).await == SystemStatus::Active);
    }
    assert_eq!(active, 50);
    let row = place.read(token).await;
    assert_eq!((row.uses, row.last_used_ms), (50, Some(NOW.0)));
    assert_eq!(row.limits().status(NOW), TokenStatus::UsedUp);
}

#[tokio::test]
async fn a_system_uses_a_token_once() {
    let place = Place::new().await;
    let token = place.token(None, None).await;
    assert!(matches!(
        place.register(1, 0, None).await,
        Registered::New(_, None)
    ));
    let wrong = place.register(1, 1, Some("oscm_wrong")).await;
    assert!(matches!(wrong, Registered::Presented(_, Admission::Unknown)));
    assert_eq!(place.status(1).await, SystemStatus::Pending);
    assert!(is_accepted(&place.register(1, 2, Some(SECRET)).await));
    assert_eq!(place.status(1).await, SystemStatus::Active);
    let again = place.register(1, 3, Some(SECRET)).await;
    assert!(matches!(again, Registered::Known(_, SystemStatus::Active)));
    assert_eq!(place.register(1, 3, Some(SECRET)).await, Registered::Replayed);
    assert_eq!(place.read(token).await.uses, 1);
}

#[tokio::test]
async fn a_token_that_approves_nobody_blocks_nobody() {
    let place = Place::new().await;
    let token = place.token(Some(1), Some(NOW)).await;
    let reason = async |machine| match place.register(machine, 0, Some(SECRET)).await {
        Registered::New(_, Some(admission)) => admission.reason(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(1).await, "expired");
    let disable = place
        .storage
        .writer
        .run(move |conn| token_store::set_disabled(conn, token, Some(NOW)));
    disable.await.unwrap();
    assert_eq!(reason(2).await, "disabled");
    let delete = place
        .storage
        .writer
        .run(move |conn| token_store::delete(conn, token));
    delete.await.unwrap();
    assert_eq!(reason(3).await, "unknown");
    for machine in 1..=3 {
        assert_eq!(place.status(machine).await, SystemStatus::Pending);
    }
}

#[tokio::test]
async fn a_name_is_given_once() {
    let place = Place::new().await;
    place.token(None, None).await;
    let organization_id = place.organization_id;
    let add = place.storage.writer.run(move |conn| {
        let create = CreateToken {
            name: "a token".to_owned(),
            ..CreateToken::default()
        };
        let new = NewToken {
            organization_id,
            create: &create,
            hash: &SecretHash::of("another"),
            by: "user:test",
            now: NOW,
        };
        token_store::add(conn, &new)
    });
    assert_eq!(add.await.unwrap(), None);
}

#[tokio::test]
async fn as_many_wait_as_may_wait_whatever_happens_between() {
    let place = Place {
        room: 2,
        ..Place::new().await
    };
    place.token(None, None).await;
    assert!(matches!(
        place.register(1, 1, None).await,
        Registered::New(_, None)
    ));
    // One that is undone does not count.
    let (candidate, memory) = (place.candidate(2, 1, None), place.memory.clone());
    let undone = place.storage.writer.run(move |conn| {
        store_candidates(conn, &memory, std::slice::from_ref(&candidate))?;
        Err::<(), _>(crate::error::Error::Busy)
    });
    undone.await.unwrap_err();
    assert!(matches!(
        place.register(3, 1, None).await,
        Registered::New(_, None)
    ));
    assert_eq!(place.register(4, 1, None).await, Registered::Full);
    assert_eq!(place.register(4, 2, None).await, Registered::Full);
    // One of them is approved: there is room for one more.
    let approved = place.register(1, 2, Some(SECRET)).await;
    assert!(matches!(
        approved,
        Registered::Presented(_, Admission::Accepted(_))
    ));
    assert!(matches!(
        place.register(4, 3, None).await,
        Registered::New(_, None)
    ));
    assert_eq!(place.register(5, 1, None).await, Registered::Full);
    // Who is known or has a token is let in all the same.
    assert!(matches!(place.register(4, 4, None).await, Registered::Known(..)));
    assert!(matches!(
        place.register(6, 1, Some(SECRET)).await,
        Registered::New(..)
    ));
}

#[tokio::test]
async fn what_registers_together_is_decided_each_by_itself() {
    let place = Place {
        room: 3,
        ..Place::new().await
    };
    let token = place.token(Some(2), None).await;
    place.register(1, 1, None).await;
    place.register(2, 1, Some("oscm_wrong")).await;
    let together = vec![
        // Known and waiting; with a token that approves; the same request again.
        place.candidate(1, 2, None),
        place.candidate(2, 2, Some(SECRET)),
        place.candidate(2, 2, Some(SECRET)),
        // New: one finds room, a token's last use, none left and no room (what the second one leaves is free afterwards).
        place.candidate(3, 1, None),
        place.candidate(4, 1, Some(SECRET)),
        place.candidate(5, 1, Some(SECRET)),
        place.candidate(6, 1, None),
        // The same machine twice: the second one is known by then.
        place.candidate(4, 2, None),
    ];
    let registered = place.register_all(together).await;
    assert!(
        matches!(
            registered.as_slice(),
            [
                Registered::Known(_, SystemStatus::Pending),
                Registered::Presented(_, Admission::Accepted(_)),
                Registered::Replayed,
                Registered::New(_, None),
                Registered::New(_, Some(Admission::Accepted(_))),
                Registered::Full,
                Registered::Full,
                Registered::Known(_, SystemStatus::Active),
            ]
        ),
        "{registered:?}"
    );
    assert_eq!(place.read(token).await.uses, 2);
    let statuses = futures_util::future::join_all((1..=4).map(|machine| place.status(machine))).await;
    let [waits, active] = [SystemStatus::Pending, SystemStatus::Active];
    assert_eq!(statuses, [waits, active, waits, active]);
    // Two wait, one of them since this turn: one more may.
    assert!(matches!(place.register(6, 2, None).await, Registered::New(..)));
    assert_eq!(place.register(7, 1, None).await, Registered::Full);
}
