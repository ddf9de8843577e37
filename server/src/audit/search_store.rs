//! The entries that a filter lets through.

use super::filter::{Filter, Match};
use super::store::Row;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::audit_entries;
use diesel::prelude::*;

diesel::define_sql_function! {
    /// Lower case: ASCII on SQLite, by locale on PostgreSQL.
    fn lower(text: diesel::sql_types::Text) -> diesel::sql_types::Text;
}

/// The ids to look at; both bounds exclusive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between {
    pub after: i64,
    pub before: i64,
}

/// The boxed query of a filter; a macro because its type differs between the backends.
macro_rules! filtered {
    ($filter:expr, $organization:expr, $between:expr) => {{
        let filter: &Filter = $filter;
        let between: Between = $between;
        let mut query = audit_entries::table
            .filter(audit_entries::organization_id.eq($organization))
            .filter(audit_entries::id.gt(between.after))
            .filter(audit_entries::id.lt(between.before))
            .into_boxed();
        if let Some(from) = filter.from {
            query = query.filter(audit_entries::at_ms.ge(from.0.0));
        }
        if let Some(to) = filter.to {
            query = query.filter(audit_entries::at_ms.lt(to.0.0));
        }
        query = matched!(query, audit_entries::actor, &filter.actor);
        query = matched!(query, audit_entries::action, &filter.action);
        query = matched!(query, audit_entries::target, &filter.target);
        if let Some(outcome) = filter.outcome {
            query = query.filter(audit_entries::outcome.eq(outcome));
        }
        if let Some(text) = &filter.text {
            let pattern = format!("%{}%", escaped(text));
            let anywhere = lower(audit_entries::actor)
                .like(pattern.clone())
                .escape('\\')
                .or(lower(audit_entries::address).like(pattern.clone()).escape('\\'))
                .or(lower(audit_entries::action).like(pattern.clone()).escape('\\'))
                .or(lower(audit_entries::target).like(pattern.clone()).escape('\\'))
                .or(lower(audit_entries::detail).like(pattern).escape('\\'));
            query = query.filter(anywhere);
        }
        query
    }};
}

macro_rules! matched {
    ($query:expr, $column:expr, $wanted:expr) => {
        match $wanted {
            None => $query,
            Some(Match::Whole(text)) => $query.filter($column.eq(text.clone())),
            Some(Match::Not(text)) => $query.filter($column.ne(text.clone())),
            Some(Match::Beginning(text)) => {
                $query.filter($column.like(format!("{}%", escaped(text))).escape('\\'))
            }
        }
    };
}

/// The newest of them, newest first.
pub(super) fn newest(
    conn: &mut Conn,
    organization_id: i64,
    filter: &Filter,
    between: Between,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    Ok(
        per_backend!(conn, c => filtered!(filter, organization_id, between)
        .order(audit_entries::id.desc())
        .limit(limit)
        .select(Row::as_select())
        .load(c)?),
    )
}

/// The oldest of them, oldest first.
pub(super) fn oldest(
    conn: &mut Conn,
    organization_id: i64,
    filter: &Filter,
    between: Between,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    Ok(
        per_backend!(conn, c => filtered!(filter, organization_id, between)
        .order(audit_entries::id.asc())
        .limit(limit)
        .select(Row::as_select())
        .load(c)?),
    )
}

/// A text as it stands in a pattern.
fn escaped(text: &str) -> String {
    let characters = text.chars().flat_map(|c| match c {
        '%' | '_' | '\\' => vec!['\\', c],
        other => vec![other],
    });
    characters.collect()
}
