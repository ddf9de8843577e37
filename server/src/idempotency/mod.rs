//! `Idempotency-Key` on requests that create something: repeated within a day by the same caller, they create nothing.
//!
//! Invariants: a key counts for one route and one caller of one organization; it is stored as its SHA-256 alone; claiming
//! it and creating are one transaction, so that a request that failed may be repeated with the same key.

mod store;

use crate::auth::SecretHash;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::UnixMillis;

/// How long a key is remembered, in milliseconds: a day.
const REMEMBERED_MS: i64 = 24 * 3_600_000;

/// A request's key, with what it counts for.
#[derive(Clone, Debug)]
pub struct Key {
    /// The caller's organization.
    pub organization_id: i64,
    /// The caller as the audit names them.
    pub principal: String,
    /// Name of the route.
    pub route: &'static str,
    /// Hash of the key that the caller chose.
    pub hash: SecretHash,
}

/// Creates something unless the key created it before.
///
/// # Errors
/// [`Error::Conflict`] `already_created`, naming the id of what was created; what `create` fails with.
pub fn once<T>(
    conn: &mut Conn,
    key: &Key,
    now: UnixMillis,
    create: impl FnOnce(&mut Conn) -> Result<(i64, T), Error>,
) -> Result<T, Error> {
    store::forget(conn, now)?;
    if !store::claim(conn, key, now.plus(REMEMBERED_MS))? {
        let id = store::result(conn, key)?;
        let detail = format!("this Idempotency-Key has created {id} already; nothing was created now");
        return Err(Error::Conflict {
            code: "already_created",
            detail,
        });
    }
    let (id, created) = create(conn)?;
    store::set_result(conn, key, id)?;
    Ok(created)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::{MasterKey, Organizations};
    use crate::storage::{DatabaseUrl, Storage};
    use scm_protocol::ids::Organization;

    #[tokio::test]
    async fn a_key_creates_once_a_day_for_each_caller_and_not_at_all_where_creating_fails() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        let master = MasterKey::open_or_create(&folder.path().join("master.key")).unwrap();
        let name = Organization::default();
        let organizations = Organizations::load(&storage, &master, &name, UnixMillis(1));
        let organization_id = organizations.await.unwrap().first_id();
        let key = |principal: &str| Key {
            organization_id,
            principal: principal.to_owned(),
            route: "test.create",
            hash: SecretHash::of("the caller's key"),
        };
        let create = async |key: Key, at: i64, id: Result<i64, Error>| {
            let change = move |conn: &mut Conn| once(conn, &key, UnixMillis(at), |_| Ok((id.clone()?, id?)));
            storage.writer.run(change).await
        };
        let failed = Error::NotFound("on purpose".to_owned());
        assert_eq!(create(key("a"), 1, Err(failed.clone())).await, Err(failed));
        assert_eq!(create(key("a"), 1, Ok(7)).await, Ok(7));
        assert_eq!(create(key("b"), 1, Ok(8)).await, Ok(8));
        let repeated = create(key("a"), REMEMBERED_MS, Ok(9)).await.unwrap_err();
        assert!(
            matches!(repeated, Error::Conflict { code: "already_created", detail } if detail.contains(" 7 "))
        );
        assert_eq!(create(key("a"), REMEMBERED_MS + 2, Ok(10)).await, Ok(10));
    }
}
