//! The file: a tar with `manifest.json` and `database`, and beside it `<name>.sha256` as `sha256sum -c` reads it. Whatever
//! its size, it is written and read in constant memory.

use super::manifest::{DatabaseFile, Manifest};
use crate::audit::chain::hex;
use crate::private_file;
use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tar::{Archive, Builder, Entry, EntryType, Header};

const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "database";
/// Largest manifest that is read, in bytes.
const MAX_MANIFEST: u64 = 4 << 20;

/// Counts and digests what passes through.
struct Digesting<T> {
    inner: T,
    digest: Sha256,
    bytes: u64,
}

impl<T> Digesting<T> {
    fn new(inner: T) -> Self {
        Digesting {
            inner,
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn sums(self) -> (T, DatabaseFile) {
        let sums = DatabaseFile {
            size_bytes: self.bytes,
            sha256: hex(&self.digest.finalize()),
        };
        (self.inner, sums)
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.take(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Size and SHA-256 of a file.
pub(super) fn sums(path: &Path) -> io::Result<DatabaseFile> {
    let mut sink = Digesting::new(io::sink());
    io::copy(&mut File::open(path)?, &mut sink)?;
    Ok(sink.sums().1)
}

/// A new file for its owner alone.
fn create(path: &Path) -> anyhow::Result<File> {
    let created = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    created.with_context(|| format!("creating {}", path.display()))
}

/// Writes the archive, durably; its own size and SHA-256.
///
/// # Errors
/// When the disk is full, or the file is there already.
pub(super) fn write(to: &Path, manifest: &Manifest, database: &Path) -> anyhow::Result<DatabaseFile> {
    let mut builder = Builder::new(Digesting::new(BufWriter::new(create(to)?)));
    let text = serde_json::to_vec_pretty(manifest)?;
    builder.append_data(&mut header(text.len() as u64), MANIFEST, text.as_slice())?;
    let content = File::open(database)?;
    builder.append_data(&mut header(manifest.database.size_bytes), DATABASE, content)?;
    let (file, sums) = builder.into_inner()?.sums();
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(sums)
}

fn header(size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header
}

/// Reads the archive: the database goes to `to`, and is what the manifest says.
///
/// # Errors
/// When it is no backup, or damaged.
pub(super) fn extract(backup: &Path, to: &Path) -> anyhow::Result<Manifest> {
    check_sums_beside(backup)?;
    let file = File::open(backup).with_context(|| format!("opening {}", backup.display()))?;
    let mut archive = Archive::new(BufReader::new(file));
    let mut members = archive.entries()?;
    let manifest = member(members.next(), MANIFEST)?;
    let mut text = Vec::new();
    manifest
        .take(MAX_MANIFEST)
        .read_to_end(&mut text)
        .context("the manifest is damaged")?;
    let manifest = Manifest::parse(&text)?;
    let mut database = member(members.next(), DATABASE)?;
    let mut copy = Digesting::new(create(to)?);
    io::copy(&mut database, &mut copy).context("the database in it is damaged or cut off")?;
    let (file, found) = copy.sums();
    file.sync_all()?;
    ensure!(
        found == manifest.database,
        "the database in it is damaged or cut off: it has {} bytes with SHA-256 {}, not {} bytes with {}",
        found.size_bytes,
        found.sha256,
        manifest.database.size_bytes,
        manifest.database.sha256
    );
    ensure!(members.next().is_none(), "there is something behind the database");
    Ok(manifest)
}

fn member<'a>(
    found: Option<io::Result<Entry<'a, BufReader<File>>>>,
    name: &str,
) -> anyhow::Result<Entry<'a, BufReader<File>>> {
    const NONE: &str = "this is no backup of OpenSCM, or it is damaged";
    let entry = match found {
        Some(entry) => entry.context(NONE)?,
        None => bail!("{NONE}: `{name}` is missing"),
    };
    let is = entry.header().entry_type().is_file() && entry.path_bytes().as_ref() == name.as_bytes();
    ensure!(is, "{NONE}: it does not hold `{name}` where it should");
    Ok(entry)
}

/// Where the SHA-256 of a backup is kept.
pub(super) fn sums_path(backup: &Path) -> PathBuf {
    let mut path = backup.as_os_str().to_owned();
    path.push(".sha256");
    path.into()
}

/// Keeps the SHA-256 of a backup beside it.
pub(super) fn write_sums(backup: &Path, sha256: &str) -> io::Result<()> {
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    private_file::replace(&sums_path(backup), format!("{sha256}  {name}\n").as_bytes())
}

/// The SHA-256 that is kept beside a backup.
pub(super) fn read_sums(backup: &Path) -> Option<String> {
    let text = std::fs::read_to_string(sums_path(backup)).ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

fn check_sums_beside(backup: &Path) -> anyhow::Result<()> {
    let Some(expected) = read_sums(backup) else {
        return Ok(());
    };
    let found = sums(backup)
        .with_context(|| format!("reading {}", backup.display()))?
        .sha256;
    ensure!(
        found == expected,
        "it is damaged: its SHA-256 is {found}, and {} says {expected}",
        sums_path(backup).display()
    );
    Ok(())
}
