//! Replacing a system's key, and asking for it.

use super::checkin_store;
use super::decide::Known;
use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{system_states, systems};
use diesel::prelude::*;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};

/// What is stored of a system, locked until the commit.
pub(super) fn load(conn: &mut Conn, id: SystemId) -> Result<Option<Known>, Error> {
    let mut systems = checkin_store::load(conn, &[id.0])?;
    Ok(systems.remove(&id).map(|system| system.known))
}

/// Whether a system of the organization has this key already.
pub(super) fn is_taken(conn: &mut Conn, organization_id: i64, key: &PublicKey) -> Result<bool, Error> {
    let holders = systems::table
        .filter(systems::organization_id.eq(organization_id))
        .filter(systems::public_key.eq(key.as_bytes().as_slice()));
    Ok(holders.count().get_result::<i64>(conn)? > 0)
}

/// Gives a system its new key, and uses the request's number up.
pub(super) fn replace(conn: &mut Conn, after: &Known, key: &PublicKey, now: UnixMillis) -> Result<(), Error> {
    diesel::update(systems::table.find(after.id.0))
        .set((
            systems::public_key.eq(key.as_bytes().as_slice()),
            systems::key_since_ms.eq(now.0),
            systems::key_rotation_asked_ms.eq(None::<i64>),
        ))
        .execute(conn)?;
    let (high, window) = after.replay.columns();
    diesel::update(system_states::table.find(after.id.0))
        .set((
            system_states::replay_high.eq(high),
            system_states::replay_window.eq(window),
            system_states::replay_mark.eq(after.replay_mark),
            system_states::boot_id.eq(&after.boot_id),
            system_states::boots.eq(&after.boots),
        ))
        .execute(conn)?;
    Ok(())
}

/// Asks for another key at the system's next check-in.
pub(super) fn ask(conn: &mut Conn, id: SystemId, now: UnixMillis) -> Result<(), Error> {
    diesel::update(systems::table.find(id.0))
        .set(systems::key_rotation_asked_ms.eq(now.0))
        .execute(conn)?;
    Ok(())
}
