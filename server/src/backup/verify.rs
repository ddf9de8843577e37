//! Whether a database out of a backup may be restored: nothing in it is newer than this program, damaged or edited.

use super::manifest::Manifest;
use super::store;
use crate::audit::{chain, verify as audit};
use crate::storage::{Conn, migrations_known};
use anyhow::{Context, bail, ensure};

/// Checks the schema that the manifest names, before anything is unpacked further.
///
/// # Errors
/// When it is newer than this program.
pub(super) fn schema(manifest: &Manifest) -> anyhow::Result<()> {
    let known = migrations_known()?;
    newer(&manifest.schema_version, &known, manifest)
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
    for version in store::applied(conn).context("reading its schema")? {
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
