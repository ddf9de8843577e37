//! Rows of `commands` and `system_actions`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::schema::{commands, system_actions, systems};
use crate::storage::{Conn, one_of};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel::upsert::excluded;
use scm_protocol::commands::CommandState;
use scm_protocol::ids::{CommandId, JobId, SystemId, UnixMillis};

/// States of commands that are not over.
const OPEN: [&str; 3] = ["created", "dispatched", "running"];
/// The same as the index `commands_open` has it, which is used for this very condition alone.
const IS_OPEN: &str = "commands.state IN ('created', 'dispatched', 'running')";

/// A command.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = commands)]
pub(super) struct CommandRow {
    pub id: i64,
    pub organization_id: i64,
    pub system_id: i64,
    pub action: String,
    pub parameters: String,
    pub redacted: i64,
    pub timeout_secs: i64,
    pub state: String,
    pub reason: Option<String>,
    pub exit_code: Option<i64>,
    pub created_ms: i64,
    pub created_by: String,
    pub wait_until_ms: i64,
    pub nonce: String,
    pub dispatched_ms: Option<i64>,
    pub expires_ms: Option<i64>,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub cancel_ms: Option<i64>,
    pub cancel_by: Option<String>,
    pub output_bytes: i64,
    pub output_incomplete: i64,
    pub kind: String,
}

/// A command to create.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = commands)]
pub(super) struct NewCommand {
    pub organization_id: i64,
    pub system_id: i64,
    pub job_id: Option<i64>,
    pub kind: &'static str,
    pub action: String,
    pub parameters: String,
    pub redacted: i64,
    pub timeout_secs: i64,
    pub state: &'static str,
    pub created_ms: i64,
    pub created_by: String,
    pub wait_until_ms: i64,
    pub nonce: String,
}

/// What changes of a command with its state.
#[derive(Clone, Debug, AsChangeset)]
#[diesel(table_name = commands, treat_none_as_null = true)]
pub(super) struct Change {
    pub state: &'static str,
    pub reason: Option<String>,
    pub exit_code: Option<i64>,
    pub dispatched_ms: Option<i64>,
    pub expires_ms: Option<i64>,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    pub cancel_ms: Option<i64>,
    pub cancel_by: Option<String>,
    pub output_incomplete: i64,
}

impl Change {
    /// Everything as it is, in another state.
    pub(super) fn to(row: &CommandRow, state: CommandState) -> Self {
        Change {
            state: state.as_str(),
            reason: row.reason.clone(),
            exit_code: row.exit_code,
            dispatched_ms: row.dispatched_ms,
            expires_ms: row.expires_ms,
            started_ms: row.started_ms,
            ended_ms: row.ended_ms,
            cancel_ms: row.cancel_ms,
            cancel_by: row.cancel_by.clone(),
            output_incomplete: row.output_incomplete,
        }
    }
}

/// Which commands a page has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter {
    pub system: Option<i64>,
    pub state: Option<CommandState>,
    pub before: Option<i64>,
}

/// Creates a command; its id.
pub(super) fn create(conn: &mut Conn, command: &NewCommand) -> Result<i64, Error> {
    Ok(per_backend!(conn, c => diesel::insert_into(commands::table)
        .values(command)
        .returning(commands::id)
        .get_result(c))?)
}

/// One command with its system's host name.
pub(super) fn find(
    conn: &mut Conn,
    organization_id: i64,
    id: CommandId,
) -> Result<Option<(CommandRow, String)>, Error> {
    Ok(commands::table
        .inner_join(systems::table)
        .filter(commands::organization_id.eq(organization_id))
        .filter(commands::id.eq(id.0))
        .select((CommandRow::as_select(), systems::hostname))
        .first(conn)
        .optional()?)
}

/// Commands, newest first, each with its system's host name.
pub(super) fn page(
    conn: &mut Conn,
    organization_id: i64,
    filter: Filter,
    limit: i64,
) -> Result<Vec<(CommandRow, String)>, Error> {
    Ok(per_backend!(conn, c => {
        let mut query = commands::table
            .inner_join(systems::table)
            .filter(commands::organization_id.eq(organization_id))
            .filter(commands::id.lt(filter.before.unwrap_or(i64::MAX)))
            .into_boxed();
        if let Some(system) = filter.system {
            query = query.filter(commands::system_id.eq(system));
        }
        if let Some(state) = filter.state {
            query = query.filter(commands::state.eq(state.as_str()));
        }
        query
            .order(commands::id.desc())
            .limit(limit)
            .select((CommandRow::as_select(), systems::hostname))
            .load(c)?
    }))
}

/// Which of these systems have commands that are not over.
pub(super) fn waiting(conn: &mut Conn, systems: &[i64]) -> Result<Vec<i64>, Error> {
    let open = commands::table
        .filter(sql::<Bool>(IS_OPEN))
        .select(commands::system_id)
        .distinct();
    Ok(match conn {
        Conn::Sqlite(c) => open.filter(one_of(commands::system_id, systems)).load(c)?,
        Conn::Postgres(c) => open.filter(commands::system_id.eq_any(systems)).load(c)?,
    })
}

/// Commands of a system that are not over, oldest first, locked until the commit.
pub(super) fn open_of(conn: &mut Conn, system: SystemId) -> Result<Vec<CommandRow>, Error> {
    let rows = commands::table
        .filter(commands::system_id.eq(system.0))
        .filter(commands::state.eq_any(OPEN))
        .order(commands::id);
    Ok(match conn {
        Conn::Sqlite(c) => rows.select(CommandRow::as_select()).load(c)?,
        Conn::Postgres(c) => rows.select(CommandRow::as_select()).for_update().load(c)?,
    })
}

/// One command, locked until the commit.
pub(super) fn locked(conn: &mut Conn, id: CommandId) -> Result<Option<CommandRow>, Error> {
    let row = commands::table.find(id.0);
    Ok(match conn {
        Conn::Sqlite(c) => row.select(CommandRow::as_select()).first(c).optional()?,
        Conn::Postgres(c) => row
            .select(CommandRow::as_select())
            .for_update()
            .first(c)
            .optional()?,
    })
}

/// The highest id of a system that a job has given a command.
pub(super) fn last_of_job(conn: &mut Conn, job: JobId) -> Result<Option<i64>, Error> {
    Ok(commands::table
        .filter(commands::job_id.eq(job.0))
        .select(diesel::dsl::max(commands::system_id))
        .first(conn)?)
}

/// The commands that a job has given these systems.
pub(super) fn of_job(conn: &mut Conn, job: JobId, systems: &[i64]) -> Result<Vec<CommandRow>, Error> {
    Ok(commands::table
        .filter(commands::job_id.eq(job.0))
        .filter(commands::system_id.eq_any(systems))
        .select(CommandRow::as_select())
        .load(conn)?)
}

/// Commands of a job that are not over, by system, locked until the commit.
pub(super) fn open_of_job(conn: &mut Conn, job: JobId) -> Result<Vec<CommandRow>, Error> {
    let rows = commands::table
        .filter(commands::job_id.eq(job.0))
        .filter(commands::state.eq_any(OPEN))
        .order(commands::system_id);
    Ok(match conn {
        Conn::Sqlite(c) => rows.select(CommandRow::as_select()).load(c)?,
        Conn::Postgres(c) => rows.select(CommandRow::as_select()).for_update().load(c)?,
    })
}

/// Commands that nobody fetched in time.
pub(super) fn unfetched(conn: &mut Conn, now: UnixMillis, limit: i64) -> Result<Vec<CommandId>, Error> {
    let ids: Vec<i64> = commands::table
        .filter(commands::state.eq(CommandState::Created.as_str()))
        .filter(commands::wait_until_ms.lt(now.0))
        .order(commands::id)
        .limit(limit)
        .select(commands::id)
        .load(conn)?;
    Ok(ids.into_iter().map(CommandId).collect())
}

/// Commands that were handed out before `before` and are not over.
pub(super) fn unanswered(conn: &mut Conn, before: UnixMillis, limit: i64) -> Result<Vec<CommandId>, Error> {
    let ids: Vec<i64> = commands::table
        .filter(commands::state.eq_any(["dispatched", "running"]))
        .filter(commands::dispatched_ms.lt(before.0))
        .order(commands::id)
        .limit(limit)
        .select(commands::id)
        .load(conn)?;
    Ok(ids.into_iter().map(CommandId).collect())
}

/// Systems for which something waits that is to be handed out now: a new command, or the wish to stop one.
pub(super) fn urgent(conn: &mut Conn) -> Result<Vec<SystemId>, Error> {
    let ids: Vec<i64> = commands::table
        .filter(commands::state.eq_any(OPEN))
        .filter(
            commands::state
                .eq("created")
                .or(commands::cancel_ms.is_not_null()),
        )
        .select(commands::system_id)
        .distinct()
        .load(conn)?;
    Ok(ids.into_iter().map(SystemId).collect())
}

/// Changes a command.
pub(super) fn change(conn: &mut Conn, id: CommandId, change: &Change) -> Result<(), Error> {
    diesel::update(commands::table.find(id.0))
        .set(change)
        .execute(conn)?;
    Ok(())
}

/// Notes how much output there is of a command.
pub(super) fn set_output(conn: &mut Conn, id: CommandId, bytes: i64, incomplete: i64) -> Result<(), Error> {
    diesel::update(commands::table.find(id.0))
        .set((
            commands::output_bytes.eq(bytes),
            commands::output_incomplete.eq(incomplete),
        ))
        .execute(conn)?;
    Ok(())
}

/// Deletes commands that were over before `before`, with their output; how many.
pub(super) fn forget(conn: &mut Conn, before: UnixMillis) -> Result<usize, Error> {
    Ok(diesel::delete(commands::table.filter(commands::ended_ms.lt(before.0))).execute(conn)?)
}

/// What a system offers, and when it was reported.
pub(super) fn catalogue(conn: &mut Conn, system: SystemId) -> Result<Option<(String, i64)>, Error> {
    Ok(system_actions::table
        .find(system.0)
        .select((system_actions::catalogue, system_actions::reported_ms))
        .first(conn)
        .optional()?)
}

/// The different catalogues of these systems, each with how many have it.
pub(super) fn catalogues(conn: &mut Conn, systems: &[i64]) -> Result<Vec<(String, i64)>, Error> {
    Ok(system_actions::table
        .filter(system_actions::system_id.eq_any(systems))
        .group_by(system_actions::catalogue)
        .select((system_actions::catalogue, diesel::dsl::count_star()))
        .load(conn)?)
}

/// Keeps what a system offers.
pub(super) fn set_catalogue(
    conn: &mut Conn,
    system: SystemId,
    catalogue: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    use system_actions as s;
    let row = (
        s::system_id.eq(system.0),
        s::catalogue.eq(catalogue),
        s::reported_ms.eq(now.0),
    );
    per_backend!(conn, c => diesel::insert_into(s::table)
        .values(row)
        .on_conflict(s::system_id)
        .do_update()
        .set((s::catalogue.eq(excluded(s::catalogue)), s::reported_ms.eq(excluded(s::reported_ms))))
        .execute(c))?;
    Ok(())
}
