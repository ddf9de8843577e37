//! Connections to read with: a few, opened when first needed, each used by one query at a time on a blocking thread.
//!
//! A query that PostgreSQL does not answer in time is left to its thread, which ends with its connection; whoever asked is
//! answered, and the next one connects anew.

use super::patience::{PATIENCE, PAUSE};
use super::{Conn, DatabaseUrl};
use crate::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::time::timeout;

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
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Conn>,
    /// Grows when the connections of before are no good any more.
    generation: u64,
    /// Until when nobody tries to connect.
    away: Option<Instant>,
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
            pool: Mutex::default(),
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
    /// What the query returns, and [`Error::Unavailable`] when the database cannot be reached or does not answer.
    pub async fn run<T, F>(&self, query: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, Error> + Send + 'static,
    {
        let answer = self.answer(query);
        // A file on this machine is not waited for in vain.
        if matches!(self.shared.url, DatabaseUrl::Sqlite(_)) {
            return answer.await;
        }
        timeout(PATIENCE, answer).await.unwrap_or_else(|_| {
            self.shared.lock().give_up();
            Err(Error::Unavailable("a query is not answered".to_owned()))
        })
    }

    async fn answer<T, F>(&self, query: F) -> Result<T, Error>
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
            let (mut conn, generation) = shared.take()?;
            let result = query(&mut conn);
            let mut pool = shared.lock();
            if matches!(result, Err(Error::Unavailable(_))) {
                // The database closed this connection, and with it the others: each of them would fail a query more.
                pool.give_up();
            } else if pool.generation == generation {
                pool.idle.push(conn);
            }
            result
        });
        task.await.map_err(|_| Error::internal("a query panicked"))?
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, and of which generation it is.
    fn take(&self) -> Result<(Conn, u64), Error> {
        let mut pool = self.lock();
        if let Some(conn) = pool.idle.pop() {
            return Ok((conn, pool.generation));
        }
        if pool.away.is_some_and(|until| Instant::now() < until) {
            return Err(Error::Unavailable(
                "the database could not be reached just now".to_owned(),
            ));
        }
        drop(pool);
        let opened = self.url.connect_to_read();
        let mut pool = self.lock();
        pool.away = opened.is_err().then(|| Instant::now() + PAUSE);
        Ok((opened?, pool.generation))
    }
}

impl Pool {
    /// Those that are idle are closed, and those in use are not used again.
    fn give_up(&mut self) {
        self.idle.clear();
        self.generation += 1;
    }
}
