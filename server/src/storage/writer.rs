//! The one writer: a thread that owns a connection, runs what is waiting in one transaction, and answers after the commit.
//!
//! Each piece of work runs in a savepoint of its own: one that fails is undone alone. When the commit fails, everything in
//! it is answered with the failure and nothing of it was changed.
//!
//! Replicas over one PostgreSQL can wait for each other in a circle; PostgreSQL ends it by failing one of them. Work that
//! failed for a reason of the database's is therefore done again, a few times, in a transaction after this one: by then
//! this replica holds no lock that the other one waits for.
//!
//! A database that does not answer at all stops the thread, and nobody else: callers are answered in time, and another
//! thread with another connection takes the place of the one that is stuck.

use super::patience::{PATIENCE, PAUSE};
use super::{Conn, DatabaseUrl};
use crate::error::Error;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::{Connection, PgConnection, SqliteConnection};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Most pieces of work in one transaction.
const MAX_JOBS: usize = 256;
/// Most pieces of work that may wait; beyond it callers are told to come back later.
const MAX_WAITING: usize = 8192;

/// How often a piece of work is done again.
const RETRIES: u32 = 3;

/// Longest that work in the background leaves the writer to others between two of its parts.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Answers one caller, once it is known whether the commit held.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;
type Job = Box<dyn FnOnce(&mut Conn) -> Ran + Send>;

/// What became of a piece of work.
enum Ran {
    /// It is over.
    Done(Answer),
    /// It was undone, and is to be done again.
    Again(Job),
}

/// Handle to the writing thread.
#[derive(Clone, Debug)]
pub struct Writer {
    jobs: mpsc::SyncSender<Job>,
    desk: Arc<Desk>,
}

/// Where writing threads find their work: one at a time, and another one where that one is stuck.
#[derive(Debug)]
struct Desk {
    url: DatabaseUrl,
    waiting: Mutex<mpsc::Receiver<Job>>,
    turn: Mutex<Turn>,
    /// How many pieces of work were begun.
    begun: AtomicU64,
}

/// Which thread writes, and how it is.
#[derive(Debug, Default)]
struct Turn {
    number: u64,
    /// Since when it is in a transaction; connecting ends by itself.
    busy: Option<Instant>,
}

impl Writer {
    pub(super) fn start(url: &DatabaseUrl) -> Result<Self, Error> {
        let (jobs, waiting) = mpsc::sync_channel(MAX_WAITING);
        let desk = Desk {
            url: url.clone(),
            waiting: Mutex::new(waiting),
            turn: Mutex::default(),
            begun: AtomicU64::default(),
        };
        let writer = Writer {
            jobs,
            desk: Arc::new(desk),
        };
        writer
            .desk
            .employ(0)
            .map_err(|error| Error::internal(format!("starting the writer: {error}")))?;
        Ok(writer)
    }

    /// [`Writer::run`] for a part of long work in the background: where others wanted to write meanwhile, the writer is left to
    /// them for as long afterwards as this took, a tenth of a second at most.
    ///
    /// # Errors
    /// Those of [`Writer::run`].
    pub async fn run_aside<T, F>(&self, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, Error> + Clone + Send + 'static,
    {
        let (before, began) = (self.desk.begun.load(Ordering::Relaxed), Instant::now());
        let done = self.run(change).await;
        let begun = self.desk.begun.load(Ordering::Relaxed) - before;
        if begun > 1 {
            tokio::time::sleep(began.elapsed().min(LONGEST_PAUSE)).await;
        }
        done
    }

    /// Runs `change` in a transaction; returns after it is durable.
    ///
    /// # Errors
    /// What `change` returns (its changes are undone then), [`Error::Busy`] when too much is waiting, and
    /// [`Error::Unavailable`] when the database cannot be reached, the commit failed, or PostgreSQL does not answer: whether
    /// it was carried out is not known then.
    pub async fn run<T, F>(&self, change: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T, Error> + Clone + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.jobs
            .try_send(job(change, sender, RETRIES))
            .map_err(|error| match error {
                mpsc::TrySendError::Full(_) => Error::Busy,
                mpsc::TrySendError::Disconnected(_) => Error::shutting_down(),
            })?;
        let answer = match self.desk.url {
            // A file on this machine is not waited for in vain.
            DatabaseUrl::Sqlite(_) => receiver.await,
            DatabaseUrl::Postgres(_) => timeout(PATIENCE, receiver).await.map_err(|_| {
                self.desk.replace_if_stuck();
                Error::Unavailable("a change is not answered".to_owned())
            })?,
        };
        answer.map_err(|_| Error::Unavailable("the database cannot be written".to_owned()))?
    }
}

impl Desk {
    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the thread of that number.
    fn employ(self: &Arc<Self>, number: u64) -> std::io::Result<()> {
        let desk = Arc::clone(self);
        std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || work(&desk, number))
            .map(drop)
    }

    /// Has another thread go on where the one that writes got no answer for too long. The stuck one ends with its
    /// connection; PostgreSQL ends its transaction, or commits it as one of another server.
    fn replace_if_stuck(self: &Arc<Self>) {
        let mut turn = self.turn();
        if turn.busy.is_none_or(|since| since.elapsed() < PATIENCE) {
            return;
        }
        let number = turn.number + 1;
        match self.employ(number) {
            Ok(()) => {
                tracing::error!("the database does not answer: writing goes on over another connection");
                *turn = Turn { number, busy: None };
            }
            Err(error) => tracing::error!(%error, "no other thread can write"),
        }
    }

    /// The next piece of work; none when this thread was replaced, or the server ends.
    fn next(&self, number: u64) -> Option<Job> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.turn().number != number {
            return None;
        }
        waiting.recv().ok()
    }

    /// As [`Desk::next`], where something waits already.
    fn next_waiting(&self, number: u64) -> Option<Job> {
        if self.turn().number != number {
            return None;
        }
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.try_recv().ok()
    }

    fn busy(&self, number: u64, busy: bool) {
        let mut turn = self.turn();
        if turn.number == number {
            turn.busy = busy.then(Instant::now);
        }
    }
}

fn job<T, F>(change: F, sender: oneshot::Sender<Result<T, Error>>, retries: u32) -> Job
where
    T: Send + 'static,
    F: FnOnce(&mut Conn) -> Result<T, Error> + Clone + Send + 'static,
{
    Box::new(move |conn| {
        // SQLite's writer is alone: what fails there fails again.
        let again = (retries > 0 && matches!(conn, Conn::Postgres(_))).then(|| change.clone());
        match (conn.transaction(change), again) {
            (Err(Error::Unavailable(inside)), Some(change)) => {
                tracing::warn!(error.inside = %inside, retries, "the database did not take a change, it is tried again");
                Ran::Again(job(change, sender, retries - 1))
            }
            (result, _) => Ran::Done(Box::new(move |committed| {
                let result = match committed {
                    Ok(()) => result,
                    Err(error) => result.and(Err(error)),
                };
                let _ = sender.send(result);
            })),
        }
    })
}

fn work(desk: &Desk, number: u64) {
    let mut conn = None;
    let mut away: Option<Instant> = None;
    let mut again = VecDeque::new();
    while let Some(first) = again.pop_front().or_else(|| desk.next(number)) {
        if conn.is_none() && away.is_some_and(|until| Instant::now() < until) {
            // Whoever asked is answered by its dropping.
            continue;
        }
        let opened = conn.take().map_or_else(|| desk.url.connect_to_write(), Ok);
        conn = match opened {
            // A panic drops the connection, which undoes the transaction, and every answer with it.
            Ok(open) => {
                desk.busy(number, true);
                let waiting = || desk.next_waiting(number);
                let group = || group(open, first, (waiting, &desk.begun), &mut again);
                catch_unwind(AssertUnwindSafe(group)).unwrap_or_default()
            }
            Err(error) => {
                tracing::error!(error = %error, "the database cannot be opened for writing");
                away = Some(Instant::now() + PAUSE);
                None
            }
        };
        desk.busy(number, false);
    }
}

/// Runs `first` and whatever else waits in one transaction; what is to be done again is added to `again`. Returns the
/// connection unless it is broken.
fn group(
    mut conn: Conn,
    first: Job,
    (waiting, begun): (impl Fn() -> Option<Job>, &AtomicU64),
    again: &mut VecDeque<Job>,
) -> Option<Conn> {
    if let Err(error) = begin(&mut conn) {
        tracing::error!(error = %error, "a transaction cannot be begun");
        return None;
    }
    let mut answers = Vec::new();
    let (mut next, mut count, mut failed) = (Some(first), 1, false);
    while let Some(job) = next {
        begun.fetch_add(1, Ordering::Relaxed);
        match job(&mut conn) {
            Ran::Done(answer) => answers.push(answer),
            Ran::Again(job) => {
                again.push_back(job);
                // Whatever it was that failed, the others need not wait for it, too, one after the other.
                failed = true;
                break;
            }
        }
        next = (count < MAX_JOBS).then(&waiting).flatten();
        count += 1;
    }
    let committed = commit(&mut conn).map_err(|error| {
        tracing::error!(error = %error, "a commit failed, nothing of it was changed");
        Error::Unavailable(format!("commit: {error}"))
    });
    let healthy = committed.is_ok() && !failed && !is_broken(&mut conn);
    for answer in answers {
        answer(committed.clone());
    }
    healthy.then_some(conn)
}

fn begin(conn: &mut Conn) -> diesel::QueryResult<()> {
    match conn {
        // Taking the write lock at once: a transaction that reads first and writes later could fail at the write.
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        Conn::Postgres(conn) => {
            <AnsiTransactionManager as TransactionManager<PgConnection>>::begin_transaction(conn)
        }
    }
}

fn commit(conn: &mut Conn) -> diesel::QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => {
            <AnsiTransactionManager as TransactionManager<SqliteConnection>>::commit_transaction(conn)
        }
        Conn::Postgres(conn) => {
            <AnsiTransactionManager as TransactionManager<PgConnection>>::commit_transaction(conn)
        }
    }
}

fn is_broken(conn: &mut Conn) -> bool {
    match conn {
        Conn::Sqlite(conn) => {
            <AnsiTransactionManager as TransactionManager<SqliteConnection>>::is_broken_transaction_manager(
                conn,
            )
        }
        Conn::Postgres(conn) => {
            <AnsiTransactionManager as TransactionManager<PgConnection>>::is_broken_transaction_manager(conn)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Storage;
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;
    use diesel::sql_types::BigInt;

    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }

    fn open(folder: &tempfile::TempDir) -> Storage {
        Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap()
    }

    fn insert(conn: &mut Conn, expires: i64) -> Result<(), Error> {
        let sql = format!("INSERT INTO registration_nonces VALUES (x'{expires:04x}', {expires})");
        Ok(conn.batch_execute(&sql)?)
    }

    async fn rows(storage: &Storage) -> i64 {
        let query = "SELECT COUNT(*) AS n FROM registration_nonces";
        let read = move |conn: &mut Conn| Ok(diesel::sql_query(query).get_result::<Count>(conn)?.n);
        storage.readers.run(read).await.unwrap()
    }

    #[tokio::test]
    async fn work_that_fails_is_undone_alone() {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(&folder);
        let jobs = (0..200).map(|number| {
            let writer = storage.writer.clone();
            async move {
                writer
                    .run(move |conn| {
                        insert(conn, number)?;
                        if number % 3 == 0 {
                            Err(Error::NotFound("on purpose".to_owned()))
                        } else {
                            Ok(number)
                        }
                    })
                    .await
            }
        });
        let results = futures_util::future::join_all(jobs).await;
        for (number, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), number % 3 == 0);
        }
        assert_eq!(rows(&storage).await, 133);
    }

    #[tokio::test]
    async fn a_panic_undoes_its_transaction_and_the_writer_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(&folder);
        let result = storage.writer.run::<(), _>(|conn| {
            insert(conn, 1)?;
            panic!("on purpose");
        });
        assert!(matches!(result.await, Err(Error::Unavailable(_))));
        storage.writer.run(|conn| insert(conn, 2)).await.unwrap();
        assert_eq!(rows(&storage).await, 1);
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_there_after_opening_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(&folder);
        first.writer.run(|conn| insert(conn, 7)).await.unwrap();
        drop(first);
        assert_eq!(rows(&open(&folder)).await, 1);
    }
}
