//! Whether a database out of a backup may be restored: nothing in it is newer than this program, damaged or edited.

use super::manifest::{Backend, Manifest};
use super::{archive, postgres, store};
use crate::audit::{chain, verify as audit};
use crate::storage::{Conn, DatabaseUrl, migrations_applied, migrations_known};
use anyhow::{Context, bail, ensure};
use std::path::Path;

/// Checks a backup as a restore would. `work` is a file that is made, and left to the caller.
///
/// # Errors
/// What is wrong with it.
pub(super) fn backup(file: &Path, work: &Path, programs: Option<&Path>) -> anyhow::Result<()> {
    let manifest = archive::extract(file, work)?;
    unpacked(work, &manifest, programs)
}

/// Checks the database that was in a backup, before it is one that a server could open: its schema, and then a SQLite file
/// as a whole, and of a dump that PostgreSQL's own program can read it (its content, once it is in a database).
///
/// # Errors
/// What is wrong with it.
pub(super) fn unpacked(staged: &Path, manifest: &Manifest, programs: Option<&Path>) -> anyhow::Result<()> {
    newer(&manifest.schema_version, &migrations_known()?, manifest)?;
    match manifest.backend {
        Backend::Sqlite => {
            let mut conn = DatabaseUrl::Sqlite(staged.to_owned()).connect_read_only()?;
            let integrity = store::integrity(&mut conn).context("SQLite finds it damaged")?;
            ensure!(integrity == "ok", "SQLite finds it damaged: {integrity}");
            database(&mut conn, manifest)
        }
        Backend::Postgres => {
            let file = staged.to_str().context("the folder's path is not UTF-8")?;
            postgres::run(programs, "pg_restore", None, &["--list", file])
                .context("the dump in it cannot be read")
        }
    }
}

fn newer(version: &str, known: &[String], manifest: &Manifest) -> anyhow::Result<()> {
    ensure!(
        known.iter().any(|one| one == version),
        "its schema {version} is newer than this program, {}: restore it with scmserver {} or newer",
        env!("CARGO_PKG_VERSION"),
        manifest.product_version
    );
    Ok(())
}

/// Checks the opened database.
///
/// # Errors
/// What is wrong with it.
pub(super) fn database(conn: &mut Conn, manifest: &Manifest) -> anyhow::Result<()> {
    let known = migrations_known()?;
    for version in migrations_applied(conn).context("reading its schema")? {
        newer(&version, &known, manifest)?;
    }
    let found = store::facts(conn).context("reading its organizations")?;
    for organization in &found.organizations {
        let report = audit::verify(conn, organization.id).context("reading its audit")?;
        if let Some(finding) = report.findings.listed.first() {
            bail!(
                "the audit of organization `{}` does not verify: {finding}. Take an older backup",
                organization.name
            );
        }
        let (id, hash) = (report.head.id, chain::hex(&report.head.hash));
        ensure!(
            (id, &hash) == (organization.audit_head, &organization.audit_head_hash),
            "the audit of organization `{}` ends with entry {id}, hash {hash}, and its row says {}, {}",
            organization.name,
            organization.audit_head,
            organization.audit_head_hash
        );
    }
    ensure!(
        found.organizations == manifest.organizations && found.schema_version == manifest.schema_version,
        "what the manifest says of organizations, audit and schema is not what the database holds: one of them was changed"
    );
    Ok(())
}
