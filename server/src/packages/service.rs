//! What packages there are, their parts, and adding and removing them.

use super::store::{self, NewPackage, PackageRow};
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use crate::upgrades;
use scm_protocol::ids::{PackageId, UnixMillis};
use scm_protocol::upgrades::PACKAGE_PART_BYTES;
use scm_protocol::upgrades::offer::arrange;
use scm_protocol::upgrades::package::{Package, PackageList};
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::release::Released;

/// A package with its signature.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its id.
    pub id: PackageId,
    /// Its size, in bytes.
    pub size_bytes: i64,
    /// Its SHA-256.
    pub sha256: String,
    /// The text of its minisign signature.
    pub signature: String,
}

fn shown(row: &PackageRow) -> Result<Package, Error> {
    let platform = row.platform.parse();
    Ok(Package {
        id: PackageId(row.id),
        platform: platform
            .map_err(|_| Error::internal(format!("the row of package {} is damaged", row.id)))?,
        version: row.version.clone(),
        size_bytes: row.size_bytes,
        sha256: row.sha256.clone(),
        added_ms: store::added(row),
        added_by: row.added_by.clone(),
        offered: false,
    })
}

/// Every package, arranged: by platform, the newest first.
///
/// # Errors
/// When the database fails.
pub fn all(conn: &mut Conn) -> Result<Vec<Package>, Error> {
    let rows = store::all(conn)?;
    let mut packages: Vec<Package> = rows.iter().map(shown).collect::<Result<_, _>>()?;
    arrange(&mut packages);
    Ok(packages)
}

/// The list, for the console.
///
/// # Errors
/// When the database fails.
pub(super) async fn list(app: &App) -> Result<PackageList, Error> {
    Ok(PackageList {
        items: app.storage.readers.run(all).await?,
        server_time_ms: app.clock.now(),
    })
}

/// The package of a platform and version.
///
/// # Errors
/// When the database fails.
pub fn find(conn: &mut Conn, platform: &str, version: &str) -> Result<Option<Stored>, Error> {
    let row = store::find(conn, platform, version)?;
    Ok(row.map(|row| Stored {
        id: PackageId(row.id),
        size_bytes: row.size_bytes,
        sha256: row.sha256,
        signature: row.signature,
    }))
}

/// The bytes of a package from `start` on: [`PACKAGE_PART_BYTES`], fewer only at its end.
///
/// # Errors
/// When the database fails, or the package is damaged.
pub fn part(conn: &mut Conn, package: &Stored, start: i64) -> Result<Vec<u8>, Error> {
    let step = i64::try_from(PACKAGE_PART_BYTES).unwrap_or(i64::MAX);
    let left = usize::try_from(package.size_bytes - start).unwrap_or_default();
    let wanted = left.min(PACKAGE_PART_BYTES);
    let mut at = start - start % step;
    let skip = usize::try_from(start - at).unwrap_or_default();
    let mut bytes = Vec::with_capacity(PACKAGE_PART_BYTES);
    while bytes.len() < skip + wanted {
        let stored = store::part(conn, package.id, at)?;
        let damaged = || Error::internal(format!("package {} lacks its bytes from {at} on", package.id));
        bytes.extend(stored.ok_or_else(damaged)?);
        at += step;
    }
    bytes.drain(..skip);
    bytes.truncate(wanted);
    Ok(bytes)
}

/// Adds a package that was verified.
///
/// # Errors
/// [`Error::Conflict`] `package_exists`, and when the database fails.
pub(super) fn add(
    conn: &mut Conn,
    released: &Released,
    signature: &str,
    program: &[u8],
    (by, now): (&str, UnixMillis),
) -> Result<PackageId, Error> {
    let statement = released.statement();
    let new = NewPackage {
        platform: statement.platform.as_str(),
        version: &statement.version,
        size_bytes: released.size_bytes(),
        sha256: &statement.sha256,
        signature,
        added_ms: now.0,
        added_by: by,
    };
    let exists = || Error::Conflict {
        code: "package_exists",
        detail: format!(
            "there is a package {} for {} already; a version never changes: give the new program a new one",
            statement.version, statement.platform
        ),
    };
    let id = store::add(conn, &new)?.ok_or_else(exists)?;
    store::add_bytes(conn, id, program)?;
    Ok(id)
}

/// Removes a package that no upgrade under way needs.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] `package_in_use`.
pub(super) fn remove(conn: &mut Conn, platform: &Platform, version: &str) -> Result<(), Error> {
    let found = find(conn, platform.as_str(), version)?
        .ok_or_else(|| Error::NotFound(format!("there is no package {version} for {platform}")))?;
    let under_way = upgrades::under_way(conn, platform, version)?;
    if under_way > 0 {
        return Err(Error::Conflict {
            code: "package_in_use",
            detail: format!(
                "{under_way} upgrades to {version} on {platform} are queued or under way; cancel them or wait for their end"
            ),
        });
    }
    store::remove(conn, found.id)
}
