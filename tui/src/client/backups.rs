//! Calls about backups, and the download into a file.

use super::http::Http;
use super::partial_file::PartialFile;
use crate::message::{BackupCall, BackupReply, Failure};
use crate::model::clean;
use reqwest::Method;
use scm_protocol::backups::Backup;
use std::path::Path;
use std::time::Duration;

const PATH: &str = "/api/v1/backups";
/// Longest wait for a backup that is made or checked; the server goes on without us.
const WORK: Duration = Duration::from_secs(6 * 3600);
/// Longest silence of a download.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) async fn answer(http: &Http, call: BackupCall) -> BackupReply {
    match call {
        BackupCall::List => BackupReply::List(http.get(PATH).await),
        BackupCall::Make => BackupReply::Made(logged("make", http.work(PATH, WORK).await)),
        BackupCall::Check(name) => {
            let path = format!("{PATH}/{name}/check");
            BackupReply::Checked {
                result: logged("check", http.work(&path, WORK).await),
                name,
            }
        }
        BackupCall::Download(name) => {
            let result = download(http, &name).await;
            match &result {
                Ok(said) => tracing::info!("{said}"),
                Err(error) => tracing::warn!("a backup was not written: {error}"),
            }
            BackupReply::Downloaded { name, result }
        }
    }
}

fn logged(what: &str, result: Result<Backup, Failure>) -> Result<Backup, Failure> {
    match &result {
        Ok(backup) => tracing::info!(backup.name = backup.name, "{what}"),
        Err(error) => tracing::warn!("could not {what} a backup: {error}"),
    }
    result
}

async fn download(http: &Http, name: &str) -> Result<String, String> {
    // It becomes a file's name: nothing but a name of one may.
    let plain = name
        .chars()
        .all(|one| one.is_ascii_alphanumeric() || "-.".contains(one));
    if !plain || name.starts_with('.') {
        return Err("the server names it in a way that cannot be a file".to_owned());
    }
    let mut partial = PartialFile::create(Path::new(name))?;
    let mut response = http
        .stream(Method::GET, &format!("{PATH}/{name}"))
        .await
        .map_err(|error| error.to_string())?;
    let whole = response.content_length();
    let mut bytes = 0_u64;
    loop {
        let chunk = tokio::time::timeout(SILENCE, response.chunk()).await;
        let chunk = chunk.map_err(|_| "the server went silent".to_owned())?;
        let Some(chunk) = chunk.map_err(|_| "the connection broke off".to_owned())? else {
            break;
        };
        partial.add(&chunk)?;
        bytes += chunk.len() as u64;
    }
    if whole.is_some_and(|whole| whole != bytes) {
        return Err("the connection broke off".to_owned());
    }
    let path = partial.finish()?;
    Ok(format!(
        "wrote {} KiB to {}",
        bytes.div_ceil(1024),
        clean(&path.display().to_string())
    ))
}
