//! The systems list by a filter of the condition language, and in any order.
//!
//! One look at what is kept of the fleet ([`super::mirror`]) finds the page: what it shows is counted and ordered while only
//! the page itself is kept, and read from the database.

#[cfg(test)]
mod tests;

use super::facts;
use super::mirror::Mirror;
use super::observed::SystemFacts;
use super::store;
use super::view::{Instants, summary};
use crate::annotations;
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scm_protocol::rules::Field;
use scm_protocol::systems::{SystemCount, SystemPage, SystemStatus, SystemSummary};
use scm_rules::{CompiledFilter, Facts, Needs, compare_versions};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
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

    fn place<'a>(self, facts: &Facts<'a>) -> Place<'a> {
        let id = facts.id.unwrap_or_default();
        let Some(field) = self.field else {
            return Place {
                last: facts.status != Some(SystemStatus::Pending),
                number: 0.0,
                text: Cow::Borrowed(facts.hostname.unwrap_or_default()),
                id,
            };
        };
        let (number, text) = (facts.number(field), facts.sorting_text(field));
        Place {
            last: number.is_none() && text.is_none(),
            number: number.unwrap_or_default(),
            text: text.unwrap_or_default(),
            id,
        }
    }

    /// What is not known comes last in either direction; equal ones go by id.
    fn compare(self, a: &Place<'_>, b: &Place<'_>) -> Ordering {
        let values = a.number.total_cmp(&b.number).then_with(|| match self.field {
            // Most systems of a fleet have one version.
            Some(Field::Ver) if a.text != b.text => compare_versions(&a.text, &b.text),
            _ => a.text.cmp(&b.text),
        });
        let values = if self.descending { values.reverse() } else { values };
        a.last.cmp(&b.last).then(values).then(a.id.cmp(&b.id))
    }
}

/// Where a system stands in an order; also what a cursor carries.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place<'a> {
    last: bool,
    number: f64,
    text: Cow<'a, str>,
    id: i64,
}

impl Place<'_> {
    fn kept(self) -> Place<'static> {
        Place {
            last: self.last,
            number: self.number,
            text: Cow::Owned(self.text.into_owned()),
            id: self.id,
        }
    }
}

/// What is asked of a list.
#[derive(Debug)]
pub(super) struct Asked {
    pub filter: CompiledFilter,
    /// Only these systems.
    pub ids: Option<Vec<i64>>,
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
    let (instants, mirror) = (Instants::of(app), app.mirror.clone());
    let look = move |conn: &mut Conn| {
        let page = Page::new(&asked, after, instants);
        let page = select(conn, &mirror, organization_id, page)?;
        let ids: Vec<i64> = page.places.iter().map(|place| place.id).collect();
        let full = ids.len() == asked.limit as usize;
        Ok(SystemPage {
            items: summaries(conn, organization_id, &ids, instants)?,
            next_cursor: page.places.last().filter(|_| full).map(encode).transpose()?,
            total: page.total,
            server_time_ms: instants.now,
        })
    };
    app.storage.readers.run(look).await
}

fn select<'a>(
    conn: &mut Conn,
    mirror: &Mirror,
    organization_id: i64,
    mut page: Page<'a>,
) -> Result<Page<'a>, Error> {
    let needs = page.asked.filter.needs().and(page.asked.order.needs());
    if let Some(ids) = &page.asked.ids {
        let systems = facts::facts_of(conn, organization_id, ids, needs)?;
        systems.iter().for_each(|system| page.look(system));
    } else {
        mirror.scan(conn, organization_id, needs, |system| {
            page.look(system);
            Ok(())
        })?;
    }
    page.keep_first();
    Ok(page)
}

/// A page that is being made.
struct Page<'a> {
    asked: &'a Asked,
    after: Option<Place<'static>>,
    instants: Instants,
    /// The first ones so far, not all of them in order.
    places: Vec<Place<'static>>,
    /// Behind this one nothing is of this page.
    end: Option<Place<'static>>,
    /// How many systems match over all pages.
    total: i64,
}

impl<'a> Page<'a> {
    fn new(asked: &'a Asked, after: Option<Place<'static>>, instants: Instants) -> Self {
        Page {
            asked,
            after,
            instants,
            places: Vec::new(),
            end: None,
            total: 0,
        }
    }

    fn look(&mut self, system: &SystemFacts) {
        let facts = system.at(self.instants);
        if !self.asked.filter.matches(&facts) {
            return;
        }
        self.total += 1;
        let (order, place) = (self.asked.order, self.asked.order.place(&facts));
        let before = |other: &Place<'_>| order.compare(&place, other).is_lt();
        let behind = |other: &Place<'_>| order.compare(&place, other).is_gt();
        if self.end.as_ref().is_none_or(before) && self.after.as_ref().is_none_or(behind) {
            self.places.push(place.kept());
            if self.places.len() >= (self.asked.limit as usize).saturating_mul(4) {
                self.keep_first();
            }
        }
    }

    fn keep_first(&mut self) {
        let (order, limit) = (self.asked.order, self.asked.limit as usize);
        self.places.sort_by(|a, b| order.compare(a, b));
        self.places.truncate(limit);
        self.end = self.places.get(limit.saturating_sub(1)).cloned();
    }
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
fn with_tags(
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
    let (instants, mirror) = (Instants::of(app), app.mirror.clone());
    let look = move |conn: &mut Conn| {
        let (mut matching, mut total) = (0, 0);
        mirror.scan(conn, organization_id, filter.needs(), |system| {
            total += 1;
            matching += i64::from(filter.matches(&system.at(instants)));
            Ok(())
        })?;
        Ok(SystemCount { matching, total })
    };
    app.storage.readers.run(look).await
}

fn encode(place: &Place<'_>) -> Result<String, Error> {
    let json = serde_json::to_vec(place).map_err(|error| Error::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn decode(text: &str) -> Result<Place<'static>, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let place = bytes.and_then(|bytes| serde_json::from_slice::<Place<'_>>(&bytes).ok().map(Place::kept));
    place.ok_or_else(|| Error::invalid("cursor", "must be the next_cursor of a page of the same list"))
}
