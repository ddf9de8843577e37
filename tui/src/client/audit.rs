//! Calls about the audit, and the export into a file.

use super::Answer;
use super::answers::escape;
use super::http::Http;
use super::partial_file::PartialFile;
use crate::message::{Failure, Reply};
use crate::model::{AuditFilter, clean};
use reqwest::Method;
use scm_protocol::audit::AuditPage;
use std::path::Path;
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
    let mut partial = PartialFile::create(Path::new(file))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AuditField;

    #[test]
    fn a_filter_passes_through_a_query_unharmed() {
        let mut filter = AuditFilter::default();
        filter.set(AuditField::Text, "a&b=c");
        assert_eq!(query(&filter), "&action=%21systems.checkin&text=a%26b%3Dc");
    }
}
