//! The console's own log: a file, because the screen is taken. It never holds a secret.

use std::path::{Path, PathBuf};
use tracing_appender::non_blocking::WorkerGuard;

/// The log while it is written.
pub struct LogFile {
    /// Where it is; none when it cannot be written.
    pub path: Option<PathBuf>,
    _guard: Option<WorkerGuard>,
}

/// Starts to log into `chosen` or the user's state folder. A console without a log is still a console.
pub fn start(chosen: Option<PathBuf>) -> LogFile {
    let opened = chosen
        .or_else(default_path)
        .and_then(|path| Some((open(&path)?, path)));
    let Some((file, path)) = opened else {
        return LogFile {
            path: None,
            _guard: None,
        };
    };
    let (writer, guard) = tracing_appender::non_blocking(file);
    let started = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_target(false)
        .try_init();
    LogFile {
        path: started.is_ok().then_some(path),
        _guard: Some(guard),
    }
}

fn default_path() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.cache_dir());
    Some(folder.join("openscm").join("scmtui.log"))
}

fn open(path: &Path) -> Option<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).ok()?;
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .ok()
}
