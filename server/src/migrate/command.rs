//! `scmserver migrate-to`.

use super::check::{self, refused};
use super::copy;
use super::table::Table;
use super::table_store as store;
use crate::audit::{self, Actor, Entry, Outcome, verify};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::error::Error;
use crate::run;
use crate::say;
use crate::storage::{Conn, DatabaseUrl, migrated, transaction};
use anyhow::{Context, ensure};
use serde_json::json;

/// Copies the configured SQLite database into an empty PostgreSQL database, and says what to configure.
///
/// # Errors
/// What is in the way; the PostgreSQL database holds no row then, as before.
pub fn migrate(config: &Config, to: &str) -> anyhow::Result<()> {
    let from: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    let to: DatabaseUrl = to.parse().map_err(anyhow::Error::msg)?;
    ensure!(
        matches!(from, DatabaseUrl::Sqlite(_)),
        "the configuration names {from}, which is no SQLite database; there is no way back from PostgreSQL"
    );
    ensure!(
        matches!(to, DatabaseUrl::Postgres(_)),
        "{to} is no PostgreSQL database: postgres://user@host/database"
    );
    let state = &config.server.state_folder;
    ensure!(state.is_dir(), "there is no state folder {}", state.display());
    let _lock = run::lock(state)?;
    let mut source = from.connect_alone()?;
    let copied = verify::snapshot(&mut source, |source| {
        let tables = check::source(source)?;
        check::target(&mut to.connect()?, &tables)?;
        let mut target = migrated(&to)?;
        check::same_tables(&mut target, &tables)?;
        transaction(&mut target, |target| everything(source, target, &tables))
            .map(|rows| (tables.len(), rows))
    });
    let (tables, rows) = copied.context("nothing was copied")?;
    say!(
        "{rows} rows of {tables} tables of {from} are in {to}, verified.\n\
         Set url in [database] of the configuration to it and start the server. {from} is as it was: keep it until you have \
         seen the server work, and start no server on it any more."
    );
    Ok(())
}

/// Copies and verifies, in one transaction; how many rows.
fn everything(source: &mut Conn, target: &mut Conn, tables: &[Table]) -> Result<u64, Error> {
    store::hold(target)?;
    // Again, now that nobody else can write.
    check::target(target, tables)?;
    let mut rows = 0;
    for table in tables {
        let sent = copy::copy(source, target, table)?;
        let arrived = copy::sum(target, table)?;
        if sent != arrived {
            return Err(refused(format!(
                "`{}` does not arrive as it is: {} rows were sent, {} arrived, and their sums differ",
                table.name, sent.rows, arrived.rows
            )));
        }
        rows += sent.rows;
    }
    store::go_on_counting(source, target)?;
    verify_audits(source, target)?;
    record(target)?;
    Ok(rows)
}

/// The audit of every organization verifies where it is now, and ends where it ended.
fn verify_audits(source: &mut Conn, target: &mut Conn) -> Result<(), Error> {
    for (name, id) in verify::organizations(source)? {
        let (was, is) = (verify(source, id)?, verify(target, id)?);
        if let Some(finding) = is.findings.listed.first() {
            return Err(refused(format!(
                "the audit of organization `{name}` does not verify in the PostgreSQL database: {finding}"
            )));
        }
        if was != is {
            return Err(refused(format!(
                "the audit of organization `{name}` is another one in the PostgreSQL database"
            )));
        }
    }
    Ok(())
}

/// The audit of every organization says that it was moved.
fn record(target: &mut Conn) -> Result<(), Error> {
    let actor = Actor {
        name: "command-line".to_owned(),
        address: String::new(),
    };
    let at = SystemClock.now();
    let organizations = verify::organizations(target)?;
    let entries = organizations.iter().map(|(_, id)| Entry {
        organization_id: *id,
        at,
        actor: &actor,
        action: "database.migrated",
        target: "database",
        outcome: Outcome::Done,
        detail: json!({ "from": "sqlite", "to": "postgres" }),
    });
    audit::record_all(target, &entries.collect::<Vec<_>>())
}
