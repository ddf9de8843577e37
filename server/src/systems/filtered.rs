//! The systems list by a filter of the condition language, and in any order.
//!
//! One look at the fleet finds the page: what it shows is counted and ordered while only the page itself is kept.

use super::facts::{self, SystemFacts};
use super::store;
use super::view::{Instants, summary};
use crate::annotations;
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scm_protocol::rules::{Field, Kind};
use scm_protocol::systems::{SystemCount, SystemPage, SystemSummary};
use scm_rules::{CompiledFilter, Facts, Needs, compare_versions};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::HashMap;

/// A filter from a request.
///
/// # Errors
/// [`Error::Invalid`] for `filter`, with the column of the fault.
pub fn parse_filter(text: &str) -> Result<CompiledFilter, Error> {
    CompiledFilter::parse(text).map_err(|error| Error::invalid("filter", format!("cannot be used: {error}")))
}

/// Checks an order from a request: a field, `-` before it for the largest first.
///
/// # Errors
/// [`Error::Invalid`] for `sort`.
pub fn check_order(text: &str) -> Result<(), Error> {
    Order::parse(text).map(|_| ())
}

/// The order of a list: by a field, or Pending first and then by host name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    field: Option<Field>,
    descending: bool,
}

impl Order {
    /// `field`, or `-field` for the largest first.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.is_empty() {
            return Ok(Order::default());
        }
        let field: Field = name
            .parse()
            .map_err(|error| Error::invalid("sort", format!("cannot be used: {error}")))?;
        if field.info().several {
            let reason = format!("cannot be `{field}`: a system can have several of it");
            return Err(Error::invalid("sort", reason));
        }
        Ok(Order {
            field: Some(field),
            descending,
        })
    }

    fn needs(self) -> Needs {
        Needs::of(self.field)
    }

    fn key(self, system: &SystemFacts, facts: &Facts<'_>) -> Key {
        let Some(field) = self.field else {
            return Key {
                last: !system.is_pending(),
                number: 0.0,
                text: system.hostname().to_owned(),
                id: system.id().0,
            };
        };
        let number = facts.number(field);
        let text = if field.kind() == Kind::Number {
            None
        } else {
            facts.observed(field)
        };
        Key {
            last: number.is_none() && text.is_none(),
            number: number.unwrap_or_default(),
            text: text.unwrap_or_default(),
            id: system.id().0,
        }
    }

    /// What is not known comes last in either direction; equal ones go by id.
    fn compare(self, a: &Key, b: &Key) -> Ordering {
        let values = a.number.total_cmp(&b.number).then_with(|| match self.field {
            Some(Field::Ver) => compare_versions(&a.text, &b.text),
            _ => a.text.cmp(&b.text),
        });
        let values = if self.descending { values.reverse() } else { values };
        a.last.cmp(&b.last).then(values).then(a.id.cmp(&b.id))
    }
}

/// Where a system stands in an order; also what a cursor carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Key {
    last: bool,
    number: f64,
    text: String,
    id: i64,
}

/// What is asked of a list.
#[derive(Debug)]
pub(super) struct Asked {
    pub filter: CompiledFilter,
    pub order: Order,
    pub cursor: Option<String>,
    pub limit: u32,
}

/// One page.
///
/// # Errors
/// [`Error::Invalid`] for `cursor`.
pub(super) async fn page(app: &App, organization_id: i64, asked: Asked) -> Result<SystemPage, Error> {
    let after = asked.cursor.as_deref().map(decode).transpose()?;
    let instants = Instants::of(app);
    let look = move |conn: &mut Conn| {
        let (keys, total) = select(conn, organization_id, &asked, after.as_ref(), instants)?;
        let ids: Vec<i64> = keys.iter().map(|key| key.id).collect();
        let full = keys.len() == asked.limit as usize;
        Ok(SystemPage {
            items: summaries(conn, organization_id, &ids, instants)?,
            next_cursor: keys.last().filter(|_| full).map(encode).transpose()?,
            total,
            server_time_ms: instants.now,
        })
    };
    app.storage.readers.run(look).await
}

/// The keys of a page in order, and how many systems match over all pages.
fn select(
    conn: &mut Conn,
    organization_id: i64,
    asked: &Asked,
    after: Option<&Key>,
    instants: Instants,
) -> Result<(Vec<Key>, i64), Error> {
    let (order, limit) = (asked.order, asked.limit as usize);
    let needs = asked.filter.needs().and(order.needs());
    let mut keys: Vec<Key> = Vec::new();
    let mut total = 0;
    let keep_first = |keys: &mut Vec<Key>| {
        keys.sort_by(|a, b| order.compare(a, b));
        keys.truncate(limit);
    };
    facts::scan(conn, organization_id, needs, |system| {
        let facts = system.at(instants);
        if asked.filter.matches(&facts) {
            total += 1;
            let key = order.key(system, &facts);
            if after.is_none_or(|after| order.compare(after, &key).is_lt()) {
                keys.push(key);
            }
            if keys.len() >= limit.saturating_mul(4) {
                keep_first(&mut keys);
            }
        }
        Ok(())
    })?;
    keep_first(&mut keys);
    Ok((keys, total))
}

/// These systems as the list shows them, in this order; those that are gone are left out.
///
/// # Errors
/// When the database fails.
pub fn summaries(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[i64],
    instants: Instants,
) -> Result<Vec<SystemSummary>, Error> {
    let records = store::these(conn, organization_id, ids)?;
    let mut by_id: HashMap<i64, SystemSummary> = with_tags(conn, &records, instants)?
        .into_iter()
        .map(|summary| (summary.id.0, summary))
        .collect();
    Ok(ids.iter().filter_map(|id| by_id.remove(id)).collect())
}

/// Rows of the list with their tags.
pub(super) fn with_tags(
    conn: &mut Conn,
    records: &[store::Record],
    instants: Instants,
) -> Result<Vec<SystemSummary>, Error> {
    let ids: Vec<i64> = records.iter().map(|(system, _)| system.id).collect();
    let mut tags = annotations::tags_of(conn, &ids)?;
    let rows = records.iter();
    rows.map(|record| summary(record, tags.remove(&record.0.id).unwrap_or_default(), instants))
        .collect()
}

/// How many systems a filter matches.
pub(super) async fn count(
    app: &App,
    organization_id: i64,
    filter: CompiledFilter,
) -> Result<SystemCount, Error> {
    let instants = Instants::of(app);
    let look = move |conn: &mut Conn| {
        let (mut matching, mut total) = (0, 0);
        facts::scan(conn, organization_id, filter.needs(), |system| {
            total += 1;
            matching += i64::from(filter.matches(&system.at(instants)));
            Ok(())
        })?;
        Ok(SystemCount { matching, total })
    };
    app.storage.readers.run(look).await
}

fn encode(key: &Key) -> Result<String, Error> {
    let json = serde_json::to_vec(key).map_err(|error| Error::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn decode(text: &str) -> Result<Key, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let key = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    key.ok_or_else(|| Error::invalid("cursor", "must be the next_cursor of a page of the same list"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(last: bool, number: f64, text: &str, id: i64) -> Key {
        Key {
            last,
            number,
            text: text.to_owned(),
            id,
        }
    }

    #[test]
    fn what_is_not_known_comes_last_either_way() {
        let ordered = |order: Order| {
            let mut keys = [
                key(false, 2.0, "", 1),
                key(true, 0.0, "", 2),
                key(false, 1.0, "", 4),
                key(false, 1.0, "", 3),
            ];
            keys.sort_by(|a, b| order.compare(a, b));
            keys.map(|key| key.id)
        };
        let by = |text: &str| Order::parse(text).unwrap();
        assert_eq!(ordered(by("mem_total_mb")), [3, 4, 1, 2]);
        assert_eq!(ordered(by("-mem_total_mb")), [1, 3, 4, 2]);
        let mut versions = [key(false, 0.0, "1.10.0", 1), key(false, 0.0, "1.9.0", 2)];
        versions.sort_by(|a, b| by("ver").compare(a, b));
        assert_eq!(versions.map(|key| key.id), [2, 1]);
    }

    #[test]
    fn an_order_names_a_field_with_one_value() {
        assert_eq!(Order::parse("").unwrap(), Order::default());
        let error = |text: &str| Order::parse(text).unwrap_err().to_string();
        assert_eq!(
            error("-hostnme"),
            "`sort` cannot be used: unknown field `hostnme`, did you mean `hostname`?"
        );
        assert_eq!(
            error("tag"),
            "`sort` cannot be `tag`: a system can have several of it"
        );
    }
}
