//! What a backup says of itself: `manifest.json`, its first member.

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

/// The only format so far.
const FORMAT: u32 = 1;

/// Which database it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Backend {
    /// A SQLite file.
    Sqlite,
    /// An archive of `pg_dump --format=custom`.
    Postgres,
}

/// Where an organization's audit ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrganizationHead {
    pub name: String,
    pub id: i64,
    /// Id of the newest entry; 0 when there was none.
    pub audit_head: i64,
    /// Its hash, in hexadecimal.
    pub audit_head_hash: String,
}

/// What the database said of itself when it was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub schema_version: String,
    pub organizations: Vec<OrganizationHead>,
}

/// The database in the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DatabaseFile {
    pub size_bytes: u64,
    pub sha256: String,
}

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub format: u32,
    pub product_version: String,
    pub backend: Backend,
    pub schema_version: String,
    pub created: String,
    pub organizations: Vec<OrganizationHead>,
    pub database: DatabaseFile,
    /// For whoever opens the file by hand.
    pub not_included: String,
}

impl Manifest {
    pub(super) fn new(backend: Backend, facts: Facts, created: String, database: DatabaseFile) -> Self {
        Manifest {
            format: FORMAT,
            product_version: env!("CARGO_PKG_VERSION").to_owned(),
            backend,
            schema_version: facts.schema_version,
            created,
            organizations: facts.organizations,
            database,
            not_included:
                "master.key and pki/ of the server's state folder: keep them apart from this file. Without \
                master.key nothing that is sealed in this database can be opened"
                    .to_owned(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it is none, or of a format that this program does not know.
    pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        const DAMAGED: &str = "the manifest is damaged";
        let value: serde_json::Value = serde_json::from_slice(bytes).context(DAMAGED)?;
        let Some(format) = value.get("format").and_then(serde_json::Value::as_u64) else {
            bail!("{DAMAGED}: it names no format");
        };
        ensure!(
            format == u64::from(FORMAT),
            "it has format {format}, this program knows {FORMAT}: restore it with the version that made it, or a newer one"
        );
        serde_json::from_value(value).context(DAMAGED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_format_is_refused_by_its_number() {
        let facts = Facts {
            schema_version: "9".to_owned(),
            organizations: Vec::new(),
        };
        let database = DatabaseFile {
            size_bytes: 1,
            sha256: "00".to_owned(),
        };
        let manifest = Manifest::new(Backend::Sqlite, facts, "now".to_owned(), database);
        let bytes = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(Manifest::parse(&bytes).unwrap(), manifest);
        let newer = String::from_utf8(bytes)
            .unwrap()
            .replace("\"format\":1", "\"format\":2");
        let error = Manifest::parse(newer.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("format 2"), "{error}");
        assert!(Manifest::parse(b"{}").is_err() && Manifest::parse(b"x").is_err());
    }
}
