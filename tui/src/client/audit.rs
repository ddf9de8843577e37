//! Calls about the audit, and the export into a file.

use super::Answer;
use super::answers::escape;
use super::http::Http;
use crate::message::{Failure, Reply};
use crate::model::{AuditFilter, clean};
use reqwest::Method;
use scm_protocol::audit::AuditPage;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const PATH: &str = "/api/v1/audit";
/// Entries of one page.
const PAGE: usize = 100;
/// How often it is said how far an export is.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// Longest silence of an export.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) async fn list(
    http: &Http,
    filter: &AuditFilter,
    cursor: Option<&str>,
) -> Result<AuditPage, Failure> {
    let cursor = cursor
        .map(|cursor| format!("&cursor={}", escape(cursor)))
        .unwrap_or_default();
    http.get(&format!("{PATH}?limit={PAGE}{cursor}{}", query(filter)))
        .await
}

fn query(filter: &AuditFilter) -> String {
    let parameters = filter.set_fields();
    let parameters = parameters.map(|(field, text)| format!("&{}={}", field.name(), escape(text)));
    parameters.collect()
}

/// Writes an export into a new file; what is written of one that does not come to its end is removed.
pub(super) async fn export(http: &Http, (ticket, filter, file): (u64, AuditFilter, String), answer: &Answer) {
    let result = write(http, (ticket, &filter, &file), answer).await;
    match &result {
        Ok(said) => tracing::info!("{said}"),
        Err(error) => tracing::warn!("an export was not written: {error}"),
    }
    answer.give(Reply::Exported { ticket, result });
}

async fn write(
    http: &Http,
    (ticket, filter, file): (u64, &AuditFilter, &str),
    answer: &Answer,
) -> Result<String, String> {
    let format = if file.ends_with(".csv") { "csv" } else { "jsonl" };
    let mut partial = Partial::create(Path::new(file))?;
    let path = format!("{PATH}/export?format={format}{}", query(filter));
    let mut response = http
        .stream(Method::GET, &path)
        .await
        .map_err(|error| error.to_string())?;
    let (mut bytes, mut told) = (0_u64, Instant::now());
    loop {
        let chunk = tokio::time::timeout(SILENCE, response.chunk()).await;
        let chunk = chunk.map_err(|_| "the server went silent".to_owned())?;
        let Some(chunk) = chunk.map_err(|_| "the connection broke off".to_owned())? else {
            break;
        };
        partial.add(&chunk)?;
        bytes += chunk.len() as u64;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            if !answer.give(Reply::Exporting { ticket, bytes }) {
                return Err("the session ended".to_owned());
            }
        }
    }
    let path = partial.finish()?;
    Ok(format!(
        "exported {} KiB to {}",
        bytes.div_ceil(1024),
        clean(&path.display().to_string())
    ))
}

/// A file that is removed unless it is finished.
struct Partial {
    file: File,
    path: Option<PathBuf>,
}

impl Partial {
    fn create(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        Ok(Partial {
            file: file.map_err(|error| error.to_string())?,
            path: Some(path.to_owned()),
        })
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| error.to_string())
    }

    fn finish(mut self) -> Result<PathBuf, String> {
        self.file.sync_all().map_err(|error| error.to_string())?;
        self.path
            .take()
            .ok_or_else(|| "it was finished before".to_owned())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            drop(std::fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuditField;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_is_not_finished_goes_and_none_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut partial = Partial::create(&path).unwrap();
        partial.add(b"half").unwrap();
        assert!(Partial::create(&path).is_err());
        drop(partial);
        assert!(!path.exists());
        let mut whole = Partial::create(&path).unwrap();
        whole.add(b"whole").unwrap();
        assert_eq!(whole.finish().unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_filter_passes_through_a_query_unharmed() {
        let mut filter = AuditFilter::default();
        filter.set(AuditField::Text, "a&b=c");
        assert_eq!(query(&filter), "&action=%21systems.checkin&text=a%26b%3Dc");
    }
}
