//! The file that remembers columns, orders and filters: one for all servers and users of this account, readable by it only.
//!
//! It is read and replaced as a whole, by a rename, so that a crash leaves the old or the new one. Of two consoles that
//! write at once the later one wins.

use crate::model::ViewMemory;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

type Memories = BTreeMap<String, ViewMemory>;

/// Where the file is: beside the log.
pub(super) fn default_path() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.cache_dir());
    Some(folder.join("openscm").join("scmtui-views.json"))
}

/// What is remembered of `who`.
///
/// # Errors
/// A text that names the file.
pub(super) fn recall(path: &Path, who: &str) -> Result<Option<ViewMemory>, String> {
    read(path)
        .map(|mut memories| memories.remove(who))
        .map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Remembers what is seen by `who`. A file that cannot be read is replaced: it was told of when it was read.
///
/// # Errors
/// A text that names the file.
pub(super) fn remember(path: &Path, who: &str, memory: ViewMemory) -> Result<(), String> {
    let mut memories = read(path).unwrap_or_default();
    memories.insert(who.to_owned(), memory);
    replace(path, &memories).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn read(path: &Path) -> io::Result<Memories> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Memories::new()),
        Err(error) => Err(error),
    }
}

fn replace(path: &Path, memories: &Memories) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    let written = file
        .write_all(&serde_json::to_vec_pretty(memories)?)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // Half a file is of no use; that it may stay behind does not matter then.
        drop(std::fs::remove_file(&new));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn memory(sort: &str) -> ViewMemory {
        ViewMemory {
            sort: sort.to_owned(),
            ..ViewMemory::default()
        }
    }

    #[test]
    fn each_user_of_each_server_is_remembered_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state").join("views.json");
        assert_eq!(recall(&path, "a").unwrap(), None);
        remember(&path, "a", memory("-cpu_percent")).unwrap();
        remember(&path, "b", memory("ver")).unwrap();
        remember(&path, "a", memory("id")).unwrap();
        assert_eq!(recall(&path, "a").unwrap(), Some(memory("id")));
        assert_eq!(recall(&path, "b").unwrap(), Some(memory("ver")));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_then_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views.json");
        std::fs::write(&path, "{").unwrap();
        assert!(recall(&path, "a").unwrap_err().contains("views.json"));
        remember(&path, "a", memory("id")).unwrap();
        assert_eq!(recall(&path, "a").unwrap(), Some(memory("id")));
        // A later version may remember more.
        std::fs::write(&path, r#"{"a": {"sort": "ver", "theme": "dark"}}"#).unwrap();
        assert_eq!(recall(&path, "a").unwrap(), Some(memory("ver")));
    }
}
