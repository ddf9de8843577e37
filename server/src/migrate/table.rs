//! A table as both databases describe it, and how its rows are read and written.
//!
//! A row travels as a JSON array: numbers and text as they are, bytes in hexadecimal digits, numbers with a point as text
//! with every digit that they have.

use crate::error::Error;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    Bytes,
    Double,
}

impl Kind {
    /// By the name of its type in SQLite.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "INTEGER" | "BIGINT" => Kind::Integer,
            "TEXT" => Kind::Text,
            "BLOB" => Kind::Bytes,
            "DOUBLE" => Kind::Double,
            _ => return None,
        })
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    pub columns: Vec<(String, Kind)>,
    /// Tables whose rows it refers to.
    pub needs: Vec<String>,
}

impl Table {
    /// Each row as one JSON array, as SQLite writes it.
    pub(super) fn read_sqlite(&self) -> String {
        self.reading("json_array", "", |name, kind| match kind {
            Kind::Bytes => format!("CASE WHEN {name} IS NOT NULL THEN hex({name}) END"),
            Kind::Double => format!("CASE WHEN {name} IS NOT NULL THEN printf('%!.17g', {name}) END"),
            Kind::Integer | Kind::Text => name,
        })
    }

    /// The same, as PostgreSQL writes it.
    pub(super) fn read_postgres(&self) -> String {
        self.reading("json_build_array", "::text", |name, kind| match kind {
            Kind::Bytes => format!("upper(encode({name}, 'hex'))"),
            Kind::Double => format!("{name}::text"),
            Kind::Integer | Kind::Text => name,
        })
    }

    fn reading(&self, function: &str, as_text: &str, column: impl Fn(String, Kind) -> String) -> String {
        let columns = self
            .columns
            .iter()
            .map(|(name, kind)| column(quoted(name), *kind));
        let columns: Vec<String> = columns.collect();
        let columns = columns.join(", ");
        format!(
            "SELECT {function}({columns}){as_text} AS value FROM {}",
            quoted(&self.name)
        )
    }

    /// Writes rows that are given as one JSON array of them.
    pub(super) fn write_postgres(&self) -> String {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (at, (name, kind)) in self.columns.iter().enumerate() {
            names.push(quoted(name));
            values.push(match kind {
                Kind::Integer => format!("(one->>{at})::bigint"),
                Kind::Text => format!("one->>{at}"),
                Kind::Bytes => format!("decode(one->>{at}, 'hex')"),
                Kind::Double => format!("(one->>{at})::double precision"),
            });
        }
        format!(
            "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM json_array_elements($1::json) AS one",
            quoted(&self.name),
            names.join(", "),
            values.join(", ")
        )
    }
}

/// A name as both databases take it. Names are those of our migrations.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

/// Those that others refer to come first.
///
/// # Errors
/// When tables refer to each other in a circle, or to one that is not there.
pub(super) fn ordered(mut tables: Vec<Table>) -> Result<Vec<Table>, Error> {
    let mut done: Vec<Table> = Vec::new();
    while !tables.is_empty() {
        let is_done = |name: &String| done.iter().any(|table| table.name == *name);
        let Some(at) = tables.iter().position(|table| table.needs.iter().all(is_done)) else {
            return Err(Error::internal(format!(
                "`{}` refers to what cannot come first",
                tables[0].name
            )));
        };
        done.push(tables.remove(at));
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, needs: &[&str]) -> Table {
        Table {
            name: name.to_owned(),
            columns: vec![
                ("id".to_owned(), Kind::Integer),
                ("key".to_owned(), Kind::Bytes),
                ("share".to_owned(), Kind::Double),
            ],
            needs: needs.iter().map(|one| (*one).to_owned()).collect(),
        }
    }

    #[test]
    fn what_others_refer_to_comes_first() {
        let tables = vec![table("a", &["b", "c"]), table("b", &["c"]), table("c", &[])];
        let names: Vec<String> = ordered(tables)
            .unwrap()
            .into_iter()
            .map(|table| table.name)
            .collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert!(ordered(vec![table("a", &["b"]), table("b", &["a"])]).is_err());
    }

    #[test]
    fn a_row_is_read_the_same_way_on_both_sides() {
        let table = table("t", &[]);
        insta::assert_snapshot!(table.read_sqlite(), @r#"SELECT json_array("id", CASE WHEN "key" IS NOT NULL THEN hex("key") END, CASE WHEN "share" IS NOT NULL THEN printf('%!.17g', "share") END) AS value FROM "t""#);
        insta::assert_snapshot!(table.read_postgres(), @r#"SELECT json_build_array("id", upper(encode("key", 'hex')), "share"::text)::text AS value FROM "t""#);
        insta::assert_snapshot!(table.write_postgres(), @r#"INSERT INTO "t" ("id", "key", "share") OVERRIDING SYSTEM VALUE SELECT (one->>0)::bigint, decode(one->>1, 'hex'), (one->>2)::double precision FROM json_array_elements($1::json) AS one"#);
    }
}
