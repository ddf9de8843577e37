//! How many systems of an organization wait for approval, counted again only when something else happened there.
//!
//! Counting them for every registration would make a fleet's first day cost by the square of its size. Whatever changes how
//! many wait is in the audit, so a number holds for as long as the audit's chain ends where it ended: on this server or on
//! another one, and what was undone is counted again.

use super::store;
use crate::audit::{self, Head};
use crate::error::Error;
use crate::storage::Conn;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The last known number of each organization, and where its audit ended then.
#[derive(Clone, Debug, Default)]
pub(super) struct WaitingCount(Arc<Mutex<HashMap<i64, (Head, i64)>>>);

impl WaitingCount {
    /// How many wait; the organization is held.
    pub(super) fn of(&self, conn: &mut Conn, organization_id: i64) -> Result<i64, Error> {
        let head = audit::head_of(conn, organization_id)?;
        let known = self.lock().get(&organization_id).copied();
        if let Some((at, waiting)) = known
            && at == head
        {
            return Ok(waiting);
        }
        let waiting = store::pending(conn, organization_id)?;
        self.lock().insert(organization_id, (head, waiting));
        Ok(waiting)
    }

    /// So many more wait, and that was recorded, since [`WaitingCount::of`] was asked in the same transaction; nothing else
    /// was that changes how many.
    pub(super) fn more(&self, conn: &mut Conn, organization_id: i64, added: i64) -> Result<(), Error> {
        let head = audit::head_of(conn, organization_id)?;
        if let Some(known) = self.lock().get_mut(&organization_id) {
            *known = (head, known.1 + added);
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, (Head, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
