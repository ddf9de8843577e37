//! `column IN (…)` over any number of ids that is the same statement whatever their number.
//!
//! Diesel writes a list out on SQLite, one placeholder for each value: such a statement is prepared anew each time, which costs a
//! small batch of check-ins more than everything else. Here the list is one value, and the statement stays prepared.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::Sqlite;

/// See [`one_of`].
#[derive(Clone, Debug)]
pub struct OneOf<C> {
    column: C,
    json: String,
}

/// Whether a column is one of these ids, on SQLite. On PostgreSQL `eq_any` is one value already.
pub fn one_of<C: Expression>(column: C, ids: &[i64]) -> OneOf<C> {
    OneOf {
        column,
        json: serde_json::json!(ids).to_string(),
    }
}

impl<C: Expression> Expression for OneOf<C> {
    type SqlType = Bool;
}

impl<C: Expression> ValidGrouping<()> for OneOf<C> {
    type IsAggregate = is_aggregate::No;
}

impl<C: AppearsOnTable<Source>, Source> AppearsOnTable<Source> for OneOf<C> where OneOf<C>: Expression {}

impl<C: QueryId> QueryId for OneOf<C> {
    type QueryId = OneOf<C::QueryId>;
    const HAS_STATIC_QUERY_ID: bool = C::HAS_STATIC_QUERY_ID;
}

impl<C: QueryFragment<Sqlite>> QueryFragment<Sqlite> for OneOf<C>
where
    Sqlite: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, _>(&self.json)?;
        out.push_sql("))");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::schema::registration_nonces as nonces;
    use crate::storage::{Conn, DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;

    #[test]
    fn it_finds_what_a_list_would() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        drop(Storage::open(&url).unwrap());
        let Conn::Sqlite(mut conn) = url.connect().unwrap() else {
            panic!("not SQLite");
        };
        for at in 0..10 {
            conn.batch_execute(&format!(
                "INSERT INTO registration_nonces VALUES (x'{at:02x}', {at})"
            ))
            .unwrap();
        }
        for ids in [vec![], vec![3], vec![9, 2, 2, 77, -1], (0..5_000).collect()] {
            let (column, query) = (nonces::expires_ms, nonces::table.order(nonces::expires_ms));
            let found: Vec<i64> = query
                .filter(one_of(column, &ids))
                .select(column)
                .load(&mut conn)
                .unwrap();
            let expected: Vec<i64> = (0..10).filter(|at| ids.contains(at)).collect();
            assert_eq!(found, expected);
        }
    }
}
