//! The systems list: what may be asked of it, and its cursors.

use super::filtered::{self, Asked, Order};
use super::store::{self, After, Record, Wanted};
use super::view::Instants;
use crate::app::App;
use crate::error::Error;
use crate::paging;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scm_protocol::systems::{SystemCount, SystemPage, SystemStatus};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Most ids of one request.
const MAX_IDS: usize = 500;

/// Query of `GET /api/v1/systems`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Rows of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only systems of this status: `pending`, `active`, `revoked`, `denied`.
    status: Option<String>,
    /// Only systems whose host name, system name or address contains this text, in any case.
    search: Option<String>,
    /// Only these systems: at most 500 ids with commas between.
    ids: Option<String>,
    /// Only systems that match this text of the condition language (docs/rules.md).
    filter: Option<String>,
    /// A field to sort by, `-` before it for the largest first; Pending first and then by host name unless given.
    sort: Option<String>,
}

/// Query of `GET /api/v1/systems/count`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CountQuery {
    /// Text of the condition language; all systems unless given.
    filter: Option<String>,
}

/// How many systems a filter matches.
pub(super) async fn count(app: &App, organization_id: i64, query: CountQuery) -> Result<SystemCount, Error> {
    let filter = filtered::parse_filter(query.filter.as_deref().unwrap_or_default())?;
    filtered::count(app, organization_id, filter).await
}

/// The last row of a page, as its `next_cursor` carries it.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor(bool, String, i64);

/// One page.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(app: &App, organization_id: i64, query: ListQuery) -> Result<SystemPage, Error> {
    let limit = paging::limit(query.limit)?;
    if query.filter.is_some() || query.sort.is_some() {
        return filtered::page(app, organization_id, asked(query, limit)?).await;
    }
    let after = query.cursor.as_deref().map(decode).transpose()?;
    let wanted = wanted(&query)?;
    let instants = Instants::of(app);
    let read = app.storage.readers.run(move |conn| {
        let rows = store::page(conn, organization_id, &wanted, after.as_ref(), i64::from(limit))?;
        let full = rows.len() == limit as usize;
        Ok(SystemPage {
            next_cursor: rows.last().filter(|_| full).map(encode).transpose()?,
            items: filtered::with_tags(conn, &rows, instants)?,
            total: store::count(conn, organization_id, &wanted)?,
            server_time_ms: instants.now,
        })
    });
    read.await
}

fn asked(query: ListQuery, limit: u32) -> Result<Asked, Error> {
    let others = [
        ("status", query.status.is_some()),
        ("search", query.search.is_some()),
        ("ids", query.ids.is_some()),
    ];
    if let Some((name, _)) = others.iter().find(|(_, given)| *given) {
        let reason = format!(
            "cannot be given with `filter` or `sort`; write it into the filter, as in `{}`",
            match *name {
                "ids" => "id = 7",
                "status" => "status = pending",
                _ => "web",
            }
        );
        return Err(Error::invalid(*name, reason));
    }
    Ok(Asked {
        filter: filtered::parse_filter(query.filter.as_deref().unwrap_or_default())?,
        order: Order::parse(query.sort.as_deref().unwrap_or_default())?,
        cursor: query.cursor,
        limit,
    })
}

fn wanted(query: &ListQuery) -> Result<Wanted, Error> {
    let status = query.status.as_deref().map(|name| {
        let known = SystemStatus::ALL.map(SystemStatus::as_str).join(", ");
        SystemStatus::parse(name).ok_or_else(|| Error::invalid("status", format!("must be one of {known}")))
    });
    let search = query
        .search
        .as_deref()
        .map(str::trim)
        .filter(|text| !text.is_empty());
    if search.is_some_and(|text| text.len() > 256) {
        return Err(Error::invalid("search", "must be at most 256 bytes"));
    }
    Ok(Wanted {
        status: status.transpose()?,
        search: search.map(str::to_lowercase),
        ids: query.ids.as_deref().map(ids).transpose()?,
    })
}

fn ids(text: &str) -> Result<Vec<i64>, Error> {
    let ids: Result<Vec<i64>, _> = text
        .split(',')
        .filter(|id| !id.is_empty())
        .map(str::parse)
        .collect();
    let ids = ids.map_err(|_| Error::invalid("ids", "must be numbers with commas between"))?;
    if ids.len() > MAX_IDS {
        return Err(Error::invalid(
            "ids",
            format!("has {} ids, at most {MAX_IDS} are allowed", ids.len()),
        ));
    }
    Ok(ids)
}

fn encode((system, _): &Record) -> Result<String, Error> {
    let cursor = Cursor(
        system.status == SystemStatus::Pending.as_str(),
        system.hostname.clone(),
        system.id,
    );
    let json = serde_json::to_vec(&cursor).map_err(|error| Error::internal(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

fn decode(text: &str) -> Result<After, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Cursor(pending, hostname, id) =
        cursor.ok_or_else(|| Error::invalid("cursor", "must be the next_cursor of a page"))?;
    Ok(After {
        pending,
        hostname,
        id,
    })
}
