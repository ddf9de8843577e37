//! Ctrl-C, SIGTERM and SIGHUP as a flag, so that whatever runs can clean up after itself.

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

/// How often waiting code looks around.
const STEP: Duration = Duration::from_millis(50);

static ASKED_TO_STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Starts watching. From now on these signals no longer end the process by themselves.
pub(crate) fn watch() -> Result<()> {
    let flag = ASKED_TO_STOP.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, flag.clone()).context("cannot watch for signals")?;
    }
    Ok(())
}

/// Whether one of the signals came.
pub(crate) fn asked_to_stop() -> bool {
    ASKED_TO_STOP
        .get()
        .is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Asks `ready` again and again until it gives something.
///
/// # Errors
/// Whatever `ready` fails with, a signal, or the end of `limit`.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = ready()? {
            return Ok(value);
        }
        if asked_to_stop() {
            bail!("stopped while waiting for {what}");
        }
        if Instant::now() >= end {
            bail!("{what}: nothing within {} s", limit.as_secs());
        }
        thread::sleep(STEP);
    }
}
