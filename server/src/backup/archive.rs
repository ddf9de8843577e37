//! The file: a tar with `manifest.json`, `database` and `SHA256SUMS`, and beside it `<name>.sha256`; both as `sha256sum -c`
//! reads them. Whatever its size, it is written and read in constant memory. It is read as strictly as it is written: what
//! tar would tolerate (other members, other headers, bytes behind the end) is damage here, and no name in it becomes a path.

use super::manifest::{DatabaseFile, Manifest};
use crate::audit::chain::hex;
use crate::private_file;
use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

const MANIFEST: &str = "manifest.json";
const DATABASE: &str = "database";
const SUMS: &str = "SHA256SUMS";
/// Of tar, in bytes.
const BLOCK: usize = 512;
/// What a tar ends with.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
/// Largest manifest that is read, in bytes.
const MAX_SMALL: u64 = 4 << 20;

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
    let mut out = Digesting::new(BufWriter::new(create(to)?));
    let text = serde_json::to_vec_pretty(manifest)?;
    append(&mut out, MANIFEST, text.len() as u64, &mut text.as_slice())?;
    let size = manifest.database.size_bytes;
    append(&mut out, DATABASE, size, &mut File::open(database)?)?;
    let sums = sums_text(&text, &manifest.database);
    append(&mut out, SUMS, sums.len() as u64, &mut sums.as_bytes())?;
    out.write_all(&END)?;
    let (file, sums) = out.sums();
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(sums)
}

fn append(out: &mut impl Write, name: &str, size: u64, content: &mut dyn Read) -> anyhow::Result<()> {
    out.write_all(header(name, size)?.as_bytes())?;
    let copied = io::copy(&mut content.take(size), out)?;
    ensure!(copied == size, "{name} has {copied} bytes, not {size}");
    out.write_all(&END[..padding(size)])?;
    Ok(())
}

/// The one header that a member of this name and size has.
fn header(name: &str, size: u64) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_cksum();
    Ok(header)
}

/// Zeros that fill a member's last block.
fn padding(size: u64) -> usize {
    usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or_default()
}

/// As `sha256sum -c` reads it where the members were unpacked.
fn sums_text(manifest: &[u8], database: &DatabaseFile) -> String {
    let manifest = hex(&Sha256::digest(manifest));
    format!("{manifest}  {MANIFEST}\n{}  {DATABASE}\n", database.sha256)
}

/// Reads the archive: the database goes to `to`, and is what the manifest says. Every byte is accounted for, those of
/// headers, of padding and behind the end too: a damaged backup is not restored because the damage is in a harmless place.
///
/// # Errors
/// When it is no backup, or damaged.
pub(super) fn extract(backup: &Path, to: &Path) -> anyhow::Result<Manifest> {
    let file = create(to)?;
    let manifest = read(backup, &file)?;
    file.sync_all()?;
    Ok(manifest)
}

/// As [`extract`], for the manifest alone: nothing is unpacked.
///
/// # Errors
/// As [`extract`].
pub(super) fn check(backup: &Path) -> anyhow::Result<Manifest> {
    read(backup, io::sink())
}

fn read(backup: &Path, to: impl Write) -> anyhow::Result<Manifest> {
    check_sums_beside(backup)?;
    let file = File::open(backup).with_context(|| format!("opening {}", backup.display()))?;
    let mut input = BufReader::new(file);
    let text = small(&mut input, MANIFEST)?;
    let manifest = Manifest::parse(&text)?;
    let size = begin(&mut input, DATABASE)?;
    let mut copy = Digesting::new(to);
    io::copy(&mut (&mut input).take(size), &mut copy).context("unpacking the database")?;
    let (_, found) = copy.sums();
    ensure!(
        found == manifest.database,
        "the database in it is damaged or cut off: it has {} bytes with SHA-256 {}, not {} bytes with {}",
        found.size_bytes,
        found.sha256,
        manifest.database.size_bytes,
        manifest.database.sha256
    );
    zeros(&mut input, padding(size))?;
    let sums = small(&mut input, SUMS)?;
    ensure!(
        sums == sums_text(&text, &found).as_bytes(),
        "it is damaged: its `{MANIFEST}` or its `{SUMS}` was changed"
    );
    zeros(&mut input, END.len())?;
    ensure!(
        input.read(&mut [0])? == 0,
        "it is damaged: there is something behind its end"
    );
    Ok(manifest)
}

/// Reads a member that is small enough to be held.
fn small(input: &mut impl Read, name: &str) -> anyhow::Result<Vec<u8>> {
    let size = begin(input, name)?;
    ensure!(size <= MAX_SMALL, "it is damaged: its `{name}` has {size} bytes");
    let mut bytes = Vec::new();
    input.take(size).read_to_end(&mut bytes)?;
    ensure!(
        bytes.len() as u64 == size,
        "it is damaged: it is cut off in `{name}`"
    );
    zeros(input, padding(size))?;
    Ok(bytes)
}

/// Reads a member's header; the member's size.
fn begin(input: &mut impl Read, name: &str) -> anyhow::Result<u64> {
    const NONE: &str = "this is no backup of OpenSCM, or it is damaged";
    let mut block = [0; BLOCK];
    let whole = input.read_exact(&mut block);
    whole.with_context(|| format!("{NONE}: `{name}` is missing"))?;
    let size = Header::from_byte_slice(&block).entry_size().ok();
    let is = size.filter(|size| header(name, *size).is_ok_and(|header| *header.as_bytes() == block));
    is.with_context(|| format!("{NONE}: it does not hold `{name}` where it should"))
}

fn zeros(input: &mut impl Read, count: usize) -> anyhow::Result<()> {
    let mut block = [0; END.len()];
    let whole = input.read_exact(&mut block[..count]);
    whole.context("it is damaged: it is cut off")?;
    ensure!(
        block.iter().all(|byte| *byte == 0),
        "it is damaged: there is something where nothing should be"
    );
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::super::manifest::{Backend, Facts};
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    /// A small one, and the folder that it is in.
    fn backup() -> (TempDir, PathBuf, Manifest) {
        let folder = tempfile::tempdir().unwrap();
        let (database, backup) = (folder.path().join("database"), folder.path().join("backup"));
        fs::write(&database, b"everything").unwrap();
        let facts = Facts {
            schema_version: "9".to_owned(),
            organizations: Vec::new(),
        };
        let manifest = Manifest::new(Backend::Sqlite, facts, "now".to_owned(), sums(&database).unwrap());
        write(&backup, &manifest, &database).unwrap();
        (folder, backup, manifest)
    }

    #[test]
    fn what_was_written_is_read_and_is_a_tar() {
        let (folder, backup, manifest) = backup();
        let to = folder.path().join("to");
        assert_eq!(extract(&backup, &to).unwrap(), manifest);
        assert_eq!(fs::read(&to).unwrap(), b"everything");
        let mut tar = tar::Archive::new(File::open(&backup).unwrap());
        let names = tar
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned());
        let names: Vec<PathBuf> = names.collect();
        assert_eq!(names, [MANIFEST, DATABASE, SUMS].map(PathBuf::from));
    }

    #[test]
    fn every_flipped_byte_is_found() {
        let (_folder, backup, _) = backup();
        let whole = fs::read(&backup).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            fs::write(&backup, bytes).unwrap();
            assert!(check(&backup).is_err(), "byte {place} of {}", whole.len());
        }
    }

    #[test]
    fn every_cut_and_every_addition_is_found() {
        let (_folder, backup, manifest) = backup();
        let whole = fs::read(&backup).unwrap();
        for length in 0..whole.len() {
            fs::write(&backup, &whole[..length]).unwrap();
            assert!(check(&backup).is_err(), "{length} bytes of {}", whole.len());
        }
        for more in [&b"\0"[..], b"x", &END, &whole] {
            fs::write(&backup, [&whole, more].concat()).unwrap();
            let error = check(&backup).unwrap_err().to_string();
            assert!(error.contains("behind its end"), "{error}");
        }
        fs::write(&backup, whole).unwrap();
        assert_eq!(check(&backup).unwrap(), manifest);
    }

    #[test]
    fn no_name_in_it_becomes_a_path() {
        let (_folder, backup, _) = backup();
        let whole = fs::read(&backup).unwrap();
        for name in [
            "../manifest.json",
            "/etc/passwd",
            "manifest.json/x",
            "./manifest.json",
        ] {
            let mut header = Header::new_gnu();
            header.as_mut_bytes().copy_from_slice(&whole[..BLOCK]);
            header.as_gnu_mut().unwrap().name = [0; 100];
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            fs::write(&backup, [header.as_bytes(), &whole[BLOCK..]].concat()).unwrap();
            let error = check(&backup).unwrap_err().to_string();
            assert!(
                error.contains("it does not hold `manifest.json`"),
                "{name}: {error}"
            );
        }
    }
}
