//! A secret, or a configuration that may hold one, in a file of its own: in the folder that the console was started in, readable by its owner only, and never
//! over a file that is there.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Names that are tried.
const ATTEMPTS: u32 = 100;

/// Writes a secret into a new file of the working folder, whose name begins with `stem`; answers its path.
pub(super) fn write_here(stem: &str, secret: &str) -> Result<String, String> {
    let folder = std::env::current_dir().map_err(|error| format!("no working folder: {error}"))?;
    told(&folder, write(&folder, (&plain(stem), "secret"), secret))
}

/// Writes an agent's configuration into a new file of the working folder; answers its path.
pub(super) fn write_config_here(config: &str) -> Result<String, String> {
    let folder = std::env::current_dir().map_err(|error| format!("no working folder: {error}"))?;
    told(
        &folder,
        write(&folder, ("scmclient", "config"), config.trim_end()),
    )
}

fn told(folder: &Path, written: io::Result<PathBuf>) -> Result<String, String> {
    let path = written.map_err(|error| format!("cannot write to {}: {error}", folder.display()))?;
    Ok(crate::model::clean(&path.display().to_string()))
}

fn write(folder: &Path, name: (&str, &str), text: &str) -> io::Result<PathBuf> {
    let (path, mut file) = create(folder, name)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all());
    if let Err(error) = written {
        // Half a file is of no use; that it may stay behind does not matter then.
        drop(std::fs::remove_file(&path));
        return Err(error);
    }
    Ok(path)
}

/// The first name that is free.
fn create(folder: &Path, (stem, kind): (&str, &str)) -> io::Result<(PathBuf, File)> {
    for number in 1..=ATTEMPTS {
        let name = match number {
            1 => format!("{stem}.{kind}"),
            number => format!("{stem}-{number}.{kind}"),
        };
        let path = folder.join(name);
        match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AlreadyExists,
        format!("{stem}.{kind} and {ATTEMPTS} more are there already"),
    ))
}

/// A name that is nothing but a part of a file's.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_its_owners_and_covers_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let stem = plain("enrollment-token-7-../site 7");
        let first = write(folder.path(), (&stem, "secret"), "oscm_a").unwrap();
        assert_eq!(first, folder.path().join("enrollment-token-7----site-7.secret"));
        let mode = std::fs::metadata(&first).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = write(folder.path(), (&stem, "secret"), "oscm_b").unwrap();
        assert_ne!(first, second);
        assert_eq!(std::fs::read_to_string(&first).unwrap(), "oscm_a\n");
        assert_eq!(std::fs::read_to_string(&second).unwrap(), "oscm_b\n");
        assert!(write(&folder.path().join("none"), ("a", "secret"), "s").is_err());
    }
}
