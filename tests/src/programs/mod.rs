//! The real programs, each in a folder of its own, and what a test needs around them.
//!
//! Everything that is started is stopped when its value is dropped, and shows the end of its log when the test fails.
//! Every wait is bounded. A set-up that fails is an error with the reason, never a skipped test.

mod admin;
mod agent;
mod backups;
mod cluster;
mod commanded;
mod console;
mod database;
mod faketime;
mod forge;
mod hostile;
mod nginx;
mod people;
mod process;
mod proxy;
mod rogue;
mod server;
mod simulated;
mod upgraded;

pub use admin::Admin;
pub use agent::{Agent, AgentBuilder};
pub use backups::{BACKUPS, printed};
pub use cluster::{Cluster, Link};
pub use commanded::{Commanded, Programs};
pub use console::Console;
pub use database::{Database, execute};
pub use faketime::faketime;
pub use forge::{Forge, showing};
pub use hostile::{Hostile, Trick};
pub use nginx::Nginx;
pub use people::{PASSWORD, Person, passes, probe};
pub use process::{Process, binary};
pub use proxy::{Direction, Message, Proxy};
pub use rogue::Rogue;
pub use server::{Server, ServerBuilder, mode};
pub use simulated::{CheckIns, Simulated, checkins, must_be_listed};
pub use upgraded::{NEXT, Upgraded, platform};

use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How often a wait looks again.
const STEP: Duration = Duration::from_millis(50);

/// Asks `ready` until it gives something, for at most `secs` seconds.
///
/// # Errors
/// Whatever `ready` fails with, or the end of the time.
pub async fn eventually<T>(
    what: &str,
    secs: u64,
    mut ready: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + Duration::from_secs(secs);
    loop {
        if let Some(value) = ready()
            .await
            .with_context(|| format!("while waiting for {what}"))?
        {
            return Ok(value);
        }
        if Instant::now() >= end {
            bail!("{what}: not within {secs} s");
        }
        sleep(STEP).await;
    }
}
