//! Where connections live: a thread for each processor, with a runtime of its own.
//!
//! A connection stays in its thread from the handshake to its end, and so does what is done for it there: reading, verifying,
//! signing, writing. What it touches stays in one processor's cache, where a runtime that lets any thread take up any task moves
//! it with nearly every step (docs/performance.md says what that cost). Whatever is no connection's runs in the main runtime.
//!
//! Invariant: nothing blocks a home but the work of a request itself; databases, files and password hashes have threads of their
//! own (`spawn_blocking`). The watchdog asks every home.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

/// The homes, for whoever puts something there.
#[derive(Clone, Debug)]
pub struct Homes {
    handles: Arc<[Handle]>,
    next: Arc<AtomicUsize>,
}

/// The threads of the homes, for who ends them; they end when this is dropped.
#[derive(Debug)]
pub struct HomeThreads(Vec<(oneshot::Sender<Duration>, JoinHandle<()>)>);

thread_local! {
    static HERE: Cell<usize> = const { Cell::new(0) };
}

/// The number of the home that this thread is; 0 in every other thread.
pub fn here() -> usize {
    HERE.get()
}

impl Homes {
    /// Starts one home for each processor that this process may use.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn start() -> io::Result<(Self, HomeThreads)> {
        Self::start_some(thread::available_parallelism().map_or(1, std::num::NonZero::get))
    }

    pub(crate) fn start_some(count: usize) -> io::Result<(Self, HomeThreads)> {
        let (mut handles, mut threads) = (Vec::new(), Vec::new());
        for number in 0..count.max(1) {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            handles.push(runtime.handle().clone());
            let (end, ended) = oneshot::channel();
            let thread = thread::Builder::new()
                .name("connections".to_owned())
                .spawn(move || live(number, runtime, ended))?;
            threads.push((end, thread));
        }
        let homes = Homes {
            handles: handles.into(),
            next: Arc::default(),
        };
        Ok((homes, HomeThreads(threads)))
    }

    /// The runtime that this is called in, as the only home.
    #[cfg(test)]
    pub(crate) fn only_here() -> Self {
        Homes {
            handles: Arc::new([Handle::current()]),
            next: Arc::default(),
        }
    }

    /// Each, in order of their numbers ([`here`]).
    pub fn each(&self) -> impl Iterator<Item = &Handle> {
        self.handles.iter()
    }

    /// The home of a new connection: in turn.
    pub fn next(&self) -> &Handle {
        self.of(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The home of a task that serves connections by the hundred. Beside them it takes turns with them, and finds all that came
    /// meanwhile; from a thread of its own it would be woken for the first of them, and gather few.
    pub fn of_gathering(&self) -> &Handle {
        self.of(0)
    }

    fn of(&self, number: usize) -> &Handle {
        // There is one at least.
        &self.handles[number % self.handles.len()]
    }
}

impl HomeThreads {
    /// Ends all homes; what still blocks a thread of theirs has that long.
    pub fn end(self, patience: Duration) {
        let threads: Vec<_> = self
            .0
            .into_iter()
            .map(|(end, thread)| {
                // One that ended before needs not be told.
                let _ = end.send(patience);
                thread
            })
            .collect();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of connections panicked");
            }
        }
    }
}

fn live(number: usize, runtime: Runtime, ended: oneshot::Receiver<Duration>) {
    HERE.set(number);
    let patience = runtime.block_on(ended).unwrap_or_default();
    runtime.shutdown_timeout(patience);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn each_home_is_a_thread_that_knows_its_number() {
        let (homes, threads) = Homes::start_some(3).unwrap();
        let asker = Builder::new_current_thread().build().unwrap();
        let asked = asker.block_on(async {
            let mut found = Vec::new();
            for home in homes
                .each()
                .chain([homes.next(), homes.next(), homes.next(), homes.next()])
            {
                found.push(home.spawn(async { here() }).await.unwrap());
            }
            found
        });
        assert_eq!(asked, [0, 1, 2, 0, 1, 2, 0]);
        threads.end(Duration::ZERO);
    }

    #[test]
    fn work_that_blocks_is_waited_for_in_the_end() {
        let (homes, threads) = Homes::start_some(1).unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let (begun, begins) = std::sync::mpsc::channel();
        let work = done.clone();
        homes.next().spawn_blocking(move || {
            begun.send(()).unwrap();
            thread::sleep(Duration::from_millis(200));
            work.store(true, Ordering::SeqCst);
        });
        begins.recv().unwrap();
        threads.end(Duration::from_secs(60));
        assert!(done.load(Ordering::SeqCst));
    }
}
