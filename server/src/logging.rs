//! The log: text for people or JSON for machines, on standard error, where systemd collects it.

use crate::config::{Log, LogFormat};
use tracing::Level;
use tracing_subscriber::EnvFilter;

/// Starts logging; to be called once.
///
/// # Errors
/// When logging was started before.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let level = Level::from(log.level);
    // Libraries speak at most at `info`, whatever is asked of us: hyper at `trace` would log request bodies.
    let others = level.min(Level::INFO);
    let filter = EnvFilter::new(format!(
        "{others},scmserver={level},security={}",
        level.max(Level::WARN)
    ));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = match log.format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("starting the log: {error}"))
}
