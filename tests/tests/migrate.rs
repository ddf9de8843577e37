//! From SQLite to PostgreSQL (D2): everything arrives, the audit verifies, agents and people go on where they were; what
//! goes wrong changes nothing.

use anyhow::{Context, Result, ensure};
use scm_protocol::auth::Role;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Database, Process, Server, eventually, printed};
use std::path::Path;
use std::process::Output;

/// What a refused migration said.
fn refused(output: &Output, why: &str) -> Result<()> {
    let said = printed(output);
    ensure!(
        !output.status.success() && said.contains(why),
        "not refused for `{why}`: {said}"
    );
    Ok(())
}

fn succeeded(output: &Output) -> Result<String> {
    let said = printed(output);
    ensure!(output.status.success() && said.contains("verified"), "{said}");
    Ok(said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_moves_to_postgres_with_everything() -> Result<()> {
    let mut server = Server::start_default().await?;
    let admin = server.admin()?;
    let owner = server.person("jdoe", Role::Owner).await?;
    admin.make_tokens(0..40).await?;
    let agent = server.agent().start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    eventually("the agent to be active", 60, async || {
        Ok(agent.status()?.contains("Active").then_some(()))
    })
    .await?;
    let mut rogue = server.active_rogue().await?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;
    let mut gone = server.rogue()?;
    gone.register("gone").await?;
    admin.decide(gone.system, "approve").await?;
    admin.decide(gone.system, "delete").await?;

    let mut target = server.beside_on(Database::Postgres)?;
    refused(&server.migrate_to(&target)?, "stop it first")?;
    let identity = agent.identity()?;
    server.stop()?;
    let wanted = server.database_texts("SELECT action || target || detail FROM audit_entries ORDER BY id")?;
    succeeded(&server.migrate_to(&target)?)?;
    refused(&server.migrate_to(&target)?, "not empty")?;

    // At the old server's address, so that its agents find it.
    target.takes_the_place_of(&server);
    target.start().await?;
    let verified = target.command(&["audit", "verify"])?;
    ensure!(verified.status.success(), "{}", printed(&verified));
    let there = target.database_texts("SELECT action || target || detail FROM audit_entries ORDER BY id")?;
    assert_eq!(there[..wanted.len()], wanted, "the audit is not what it was");
    assert!(
        there[wanted.len()].starts_with("database.migrated"),
        "{}",
        there[wanted.len()]
    );
    assert_goes_on(&target, &owner.token, &mut rogue, gone.system.0).await?;
    let admin = target.admin()?;
    let seen = admin.system(pending.id).await?.summary.last_seen_ms;
    admin
        .await_system("the agent to go on", |system| {
            system.id == pending.id && system.last_seen_ms > seen
        })
        .await?;
    assert_eq!(agent.identity()?, identity);
    assert_eq!(admin.systems().await?.len(), 3, "someone registered anew");
    target.assert_healthy().await
}

/// A session, an identity and the signing key live; an id that was given once is not given again.
async fn assert_goes_on(
    target: &Server,
    session: &str,
    rogue: &mut scm_tests::programs::Rogue,
    last: i64,
) -> Result<()> {
    let person = target.client(Some(session))?;
    assert_eq!(person.status("GET", "/api/v1/account").await?, 200);
    rogue.endpoint = target.endpoint()?;
    // What was acknowledged before cannot be repeated at the new server.
    rogue.sequence -= 1;
    let again = rogue.checkin()?;
    rogue.refused(&again).await?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;
    let mut new = target.rogue()?;
    new.register("new").await?;
    ensure!(new.system.0 > last, "{} after {last}", new.system);
    Ok(())
}

/// Fills whatever table is empty, so that none can be forgotten.
const FILL: &str = r#"
import sqlite3, sys
fits = {"role": "owner", "status": "active", "state": "done", "outcome": "done", "kind": "head"}
with sqlite3.connect(sys.argv[1]) as database:
    key = database.execute("SELECT public_key FROM organizations").fetchone()[0]
    names = [row[0] for row in database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '\\_\\_%' ESCAPE '\\'")]
    for name in names:
        if database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]:
            continue
        columns = database.execute(f"SELECT name, type FROM pragma_table_info('{name}')").fetchall()
        blob = lambda column: key if column.endswith("public_key") else b"\x00\xff"
        value = lambda column, kind: {"TEXT": fits.get(column, 'ü"\\\n'), "BLOB": blob(column), "DOUBLE": 0.1}.get(kind, 1)
        for kind in ["head", "manual", "done", "running", "waiting", "queued", "open"]:
            fits["kind"] = fits["state"] = fits["outcome"] = kind
            try:
                database.execute(f"INSERT INTO {name} VALUES ({','.join('?' * len(columns))})",
                    [value(*column) for column in columns])
                break
            except sqlite3.IntegrityError:
                continue
        else:
            sys.exit(f"no row fits into {name}")
    print(len(names))
"#;

fn python(program: &str, file: &Path) -> Result<String> {
    let python = std::env::var_os("SCM_PYTHON").unwrap_or_else(|| "python3".into());
    let output = std::process::Command::new(python)
        .args(["-c", program])
        .arg(file)
        .output()?;
    ensure!(output.status.success(), "{}", printed(&output));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// One row, from [`FILL`], of every table that is there.
async fn filled() -> Result<(Server, Vec<String>)> {
    let mut server = Server::start_default().await?;
    server.active_rogue().await?;
    server.stop()?;
    let count = python(FILL, &server.state().join("openscm.db"))?;
    let declared = include_str!("../../server/src/storage/schema.rs");
    let declared = declared.split("diesel::table! {").skip(1);
    let declared: Vec<String> = declared
        .filter_map(|table| Some(table.split('(').next()?.trim().to_owned()))
        .collect();
    assert_eq!(count, declared.len().to_string());
    Ok((server, declared))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_arrives_row_by_row() -> Result<()> {
    let (server, tables) = filled().await?;
    let target = server.beside_on(Database::Postgres)?;
    let said = succeeded(&server.migrate_to(&target)?)?;
    ensure!(
        said.contains(&format!("rows of {} tables", tables.len())),
        "{said}"
    );
    for table in &tables {
        let count = format!("SELECT CAST(count(*) AS TEXT) FROM {table}");
        let (here, there) = (server.database_texts(&count)?, target.database_texts(&count)?);
        // Moving is an entry of its own.
        let more = u32::from(table == "audit_entries");
        assert_eq!(
            there[0].parse::<u32>()?,
            here[0].parse::<u32>()? + more,
            "{table}"
        );
        assert_ne!(there[0], "0", "{table}");
    }
    Ok(())
}

/// Killed, or met by a database that does not keep what it is given: nothing arrived, and another try succeeds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_in_the_middle_changes_nothing_on_either_side() -> Result<()> {
    let (server, tables) = filled().await?;
    let mut target = server.beside_on(Database::Postgres)?;
    target.start().await?;
    target.stop()?;
    refused(&server.migrate_to(&target)?, "not empty")?;
    target.database_execute(&format!("TRUNCATE {} CASCADE", tables.join(", ")))?;
    let file = server.state().join("openscm.db");
    let before = std::fs::read(&file)?;

    // It waits in the middle for a table that somebody else holds.
    let folder = tempfile::tempdir()?;
    let mut holder = target.database_client()?;
    holder.args([
        "--command",
        "BEGIN",
        "--command",
        "LOCK TABLE upgrades",
        "--command",
        "SELECT pg_sleep(120)",
    ]);
    let mut holder = Process::start("psql", holder, &folder.path().join("holder"))?;
    let waits = |mode: &str, granted: bool| {
        let query = format!(
            "SELECT CAST(count(*) AS TEXT) FROM pg_locks WHERE relation = 'upgrades'::regclass AND mode LIKE '{mode}' \
             AND granted = {granted}"
        );
        target.database_texts(&query)
    };
    eventually("the table to be held", 30, async || {
        holder.must_run()?;
        Ok((waits("AccessExclusiveLock", true)?[0] != "0").then_some(()))
    })
    .await?;
    let migration = server.prepared(&["migrate-to", target.database_url()])?;
    let mut migration = Process::start("migrate-to", migration, &folder.path().join("migration"))?;
    eventually("the migration to be in the middle", 30, async || {
        migration.must_run()?;
        Ok((waits("%", false)?[0] != "0").then_some(()))
    })
    .await?;
    migration.kill()?;
    // It does not notice that its client is gone.
    target.database_texts(
        "SELECT CAST(pg_terminate_backend(pid) AS TEXT) FROM pg_stat_activity \
         WHERE datname = current_database() AND query LIKE '%pg_sleep(120)%' AND pid <> pg_backend_pid()",
    )?;
    let left = "SELECT CAST(count(*) AS TEXT) FROM organizations";
    eventually("the database to be empty again", 30, async || {
        Ok((target.database_texts(left)?[0] == "0").then_some(()))
    })
    .await?;
    assert_eq!(std::fs::read(&file)?, before, "the source was changed");

    target.database_execute(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN NEW.hostname := NEW.hostname || '!'; RETURN NEW; END $$; \
         CREATE TRIGGER spoil BEFORE INSERT ON systems FOR EACH ROW EXECUTE FUNCTION spoil()",
    )?;
    refused(&server.migrate_to(&target)?, "`systems` does not arrive as it is")?;
    assert_eq!(target.database_texts(left)?, ["0"]);
    target.database_execute("DROP TRIGGER spoil ON systems")?;
    succeeded(&server.migrate_to(&target)?)?;
    assert_eq!(std::fs::read(&file)?, before, "the source was changed");
    Ok(())
}

/// A source that is of another version, changed or damaged, or still open, and a target that is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_moved_is_refused_with_the_reason() -> Result<()> {
    let mut server = Server::start_default().await?;
    server.active_rogue().await?;
    server.stop()?;
    let target = server.beside_on(Database::Postgres)?;
    let migrate = || server.migrate_to(&target);
    refused(
        &server.command(&["migrate-to", "sqlite:///tmp/other.db"])?,
        "no PostgreSQL database",
    )?;
    refused(&target.migrate_to(&target)?, "no SQLite database")?;

    // By a server with another state folder, say.
    let file = server.state().join("openscm.db");
    let folder = tempfile::tempdir()?;
    let mut other =
        std::process::Command::new(std::env::var_os("SCM_PYTHON").unwrap_or_else(|| "python3".into()));
    let opened = folder.path().join("opened");
    let open = "import sqlite3, sys, time\n\
        database = sqlite3.connect(sys.argv[1])\n\
        database.execute('BEGIN').execute('SELECT count(*) FROM systems').fetchone()\n\
        open(sys.argv[2], 'w').close()\n\
        time.sleep(120)";
    other.args(["-c", open]).arg(&file).arg(&opened);
    let mut other = Process::start("python", other, &folder.path().join("log"))?;
    eventually("the database to be open", 30, async || {
        other.must_run()?;
        Ok(opened.exists().then_some(()))
    })
    .await?;
    refused(&migrate()?, "has it open").or_else(|_| refused(&migrate()?, "stop every scmserver"))?;
    other.kill()?;

    target.database_execute("CREATE TABLE theirs (x TEXT)")?;
    refused(&migrate()?, "`theirs`")?;
    target.database_execute("DROP TABLE theirs")?;

    let newest = "SELECT max(version) FROM __diesel_schema_migrations";
    let newest = server.database_texts(newest)?.pop().context("no migration")?;
    server.database_execute("UPDATE __diesel_schema_migrations SET version = '99' WHERE version = (SELECT max(version) FROM __diesel_schema_migrations)")?;
    refused(&migrate()?, "another version")?;
    server.database_execute(&format!(
        "UPDATE __diesel_schema_migrations SET version = '{newest}' WHERE version = '99'"
    ))?;

    server.database_execute("UPDATE audit_entries SET target = target || '.' WHERE id = 2")?;
    refused(&migrate()?, "does not verify")?;
    server.database_execute(
        "UPDATE audit_entries SET target = substr(target, 1, length(target) - 1) WHERE id = 2",
    )?;
    server.database_execute("PRAGMA foreign_keys = OFF; DELETE FROM systems")?;
    refused(&migrate()?, "is damaged")
}
