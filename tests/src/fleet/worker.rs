//! One connection and the machines that share it, one request at a time.

use super::machine::{Failure, Machine, Surroundings};
use super::tally::Tally;
use crate::http::Connection;
use anyhow::Result;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Pause after a failed connection, so that a server that is down is not hammered.
const RECONNECT: Duration = Duration::from_millis(100);

/// When the machines of a connection take their turns.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// Each machine once, until it succeeds or the tries are used up.
    OnceEach {
        /// Most tries.
        tries: u32,
    },
    /// One after the other without pause, until then.
    Closed {
        /// When to stop; never without.
        end: Option<Instant>,
    },
    /// At times that do not depend on the answers. Latency counts from when a turn was due.
    Open {
        /// First turn of this connection.
        first: Instant,
        /// Between two turns of this connection.
        every: Duration,
        /// When to stop; never without.
        end: Option<Instant>,
    },
}

/// A connection and its machines.
pub(super) struct Worker {
    around: Arc<Surroundings>,
    /// The machines.
    pub(super) machines: Vec<Machine>,
    /// What happened since it was last taken.
    pub(super) tally: Tally,
    connection: Option<Connection>,
    /// Longest that one exchange may take.
    patience: Duration,
    stop: watch::Receiver<bool>,
}

impl Worker {
    /// A worker without connection.
    ///
    /// # Errors
    /// Never.
    pub(super) fn new(
        around: Arc<Surroundings>,
        machines: Vec<Machine>,
        patience: Duration,
        stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        Ok(Worker {
            around,
            machines,
            tally: Tally::new()?,
            connection: None,
            patience,
            stop,
        })
    }

    /// Runs one phase.
    pub(super) async fn run(mut self, pace: Pace) -> Self {
        match pace {
            Pace::OnceEach { tries } => self.once_each(tries).await,
            Pace::Closed { end } => self.closed(end).await,
            Pace::Open { first, every, end } => self.open(first, every, end).await,
        }
        self
    }

    async fn once_each(&mut self, tries: u32) {
        for index in 0..self.machines.len() {
            for _ in 0..tries {
                if self.stopped() || self.turn(index, Instant::now()).await {
                    break;
                }
            }
        }
    }

    async fn closed(&mut self, end: Option<Instant>) {
        for index in (0..self.machines.len()).cycle() {
            if self.over(end) {
                return;
            }
            self.turn(index, Instant::now()).await;
        }
    }

    async fn open(&mut self, first: Instant, every: Duration, end: Option<Instant>) {
        let mut due = first;
        for index in (0..self.machines.len()).cycle() {
            if end.is_some_and(|end| due >= end) || !self.wait_until(due).await {
                return;
            }
            self.turn(index, due).await;
            due += every;
        }
    }

    fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn over(&self, end: Option<Instant>) -> bool {
        self.stopped() || end.is_some_and(|end| Instant::now() >= end)
    }

    /// False when the fleet is stopped before.
    async fn wait_until(&mut self, due: Instant) -> bool {
        tokio::select! {
            biased;
            _ = self.stop.wait_for(|stop| *stop) => false,
            () = sleep_until(due) => true,
        }
    }

    /// One turn, counted. True when it succeeded.
    async fn turn(&mut self, index: usize, due: Instant) -> bool {
        let outcome = timeout(self.patience, self.exchange(index))
            .await
            .unwrap_or_else(|_| Err(Failure::timeout()));
        let Err(failure) = outcome else {
            self.tally.succeeded(due.elapsed());
            return true;
        };
        self.tally.failed(&failure.kind);
        if !failure.connected {
            self.connection = None;
        }
        let pause = failure.wait.or((!failure.connected).then_some(RECONNECT));
        if let Some(pause) = pause {
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => {}
                () = sleep(pause) => {}
            }
        }
        false
    }

    async fn exchange(&mut self, index: usize) -> Result<(), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) if connection.reusable() => connection,
            _ => self
                .around
                .endpoint
                .connect()
                .await
                .map_err(|_| Failure::connection())?,
        };
        let outcome = self.machines[index].turn(&self.around, &mut connection).await;
        self.connection = Some(connection);
        outcome
    }
}
