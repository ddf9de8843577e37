//! Connections to read with: a few, opened when first needed, each used by one query at a time on a blocking thread.

use super::{Conn, DatabaseUrl};
use crate::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// Most queries that read at once.
const CONNECTIONS: usize = 4;

/// A small pool of reading connections.
#[derive(Clone)]
pub struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    url: DatabaseUrl,
    permits: Semaphore,
    idle: Mutex<Vec<Conn>>,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Readers({})", self.shared.url)
    }
}

impl Readers {
    pub(super) fn new(url: DatabaseUrl) -> Self {
        let shared = Shared {
            url,
            permits: Semaphore::new(CONNECTIONS),
            idle: Mutex::default(),
        };
        Readers {
            shared: Arc::new(shared),
        }
    }

    /// Where they read; for what needs a connection of its own.
    pub fn url(&self) -> &DatabaseUrl {
        &self.shared.url
    }

    /// Runs a query.
    ///
    /// # Errors
    /// What the query returns, and [`Error::Unavailable`] when the database cannot be reached.
    pub async fn run<T, F>(&self, query: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        let _permit = self
            .shared
            .permits
            .acquire()
            .await
            .map_err(|_| Error::shutting_down())?;
        let task = tokio::task::spawn_blocking(move || {
            let idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut conn = idle.map_or_else(|| shared.url.connect(), Ok)?;
            let result = query(&mut conn);
            let mut idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(result, Err(Error::Unavailable(_))) {
                // The database closed this connection, and with it the others: each of them would fail a query more.
                idle.clear();
            } else {
                idle.push(conn);
            }
            result
        });
        task.await.map_err(|_| Error::internal("a query panicked"))?
    }
}
