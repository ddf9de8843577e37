//! What the server acknowledged, one JSON object a line, so that a test can hold it against the server after a crash.

use anyhow::{Context, Result};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// One acknowledged thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Acknowledged {
    /// A registration: the system has this id.
    Registered {
        /// The id.
        system: SystemId,
        /// Its host name.
        hostname: String,
    },
    /// A decision of the administrator.
    Decided {
        /// The system.
        system: SystemId,
        /// What it was set to.
        status: SystemStatus,
    },
    /// A check-in.
    CheckedIn {
        /// The system.
        system: SystemId,
        /// Its sequence number.
        sequence: u64,
        /// The server's clock in the reply.
        server_time_ms: UnixMillis,
    },
}

/// Where acknowledged things are written; a log without file takes them and forgets them.
#[derive(Clone, Default)]
pub struct AckLog {
    file: Option<Arc<Mutex<BufWriter<File>>>>,
}

impl AckLog {
    /// Appends to `path`, where there is one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(AckLog::default());
        };
        let file = File::options().append(true).create(true).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(AckLog {
            file: Some(Arc::new(Mutex::new(BufWriter::new(file)))),
        })
    }

    /// Records one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn record(&self, acknowledged: &Acknowledged) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(acknowledged)?;
        line.push(b'\n');
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)
            .context("cannot write the log of acknowledged things")
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn flush(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush()
            .context("cannot write the log of acknowledged things")
    }
}

/// Reads a log back. While it is written to, its last line may be unfinished: it is left out.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub fn read(path: &Path) -> Result<Vec<Acknowledged>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("`{line}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acks");
        let all = [
            Acknowledged::Registered {
                system: SystemId(7),
                hostname: "web-1".to_owned(),
            },
            Acknowledged::CheckedIn {
                system: SystemId(7),
                sequence: 3,
                server_time_ms: UnixMillis(5),
            },
        ];
        let log = AckLog::open(Some(&path)).unwrap();
        all.iter().for_each(|one| log.record(one).unwrap());
        log.flush().unwrap();
        assert_eq!(read(&path).unwrap(), all);
    }
}
