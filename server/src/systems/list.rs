//! The systems list: what may be asked of it.

use super::filtered::{self, Asked, Order};
use crate::app::App;
use crate::error::Error;
use crate::paging;
use scm_protocol::rules::{Condition, ConditionValue, Field, Operator};
use scm_protocol::systems::{SystemCount, SystemPage, SystemStatus};
use scm_rules::{CompiledFilter, Filter};
use serde::Deserialize;
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

/// One page.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(app: &App, organization_id: i64, query: ListQuery) -> Result<SystemPage, Error> {
    let limit = paging::limit(query.limit)?;
    filtered::page(app, organization_id, asked(query, limit)?).await
}

fn asked(query: ListQuery, limit: u32) -> Result<Asked, Error> {
    let others = [
        ("status", query.status.is_some()),
        ("search", query.search.is_some()),
        ("ids", query.ids.is_some()),
    ];
    let language = query.filter.is_some() || query.sort.is_some();
    if let Some((name, _)) = others.iter().find(|(_, given)| language && *given) {
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
        filter: match &query.filter {
            Some(text) => filtered::parse_filter(text)?,
            None => by_members(&query)?,
        },
        ids: query.ids.as_deref().map(ids).transpose()?,
        order: Order::parse(query.sort.as_deref().unwrap_or_default())?,
        cursor: query.cursor,
        limit,
    })
}

/// The filter that `status` and `search` stand for.
fn by_members(query: &ListQuery) -> Result<CompiledFilter, Error> {
    let status = query.status.as_deref().map(|name| {
        let known = SystemStatus::ALL.map(SystemStatus::as_str).join(", ");
        let status = SystemStatus::parse(name);
        let condition = status.map(|status| Condition {
            field: Field::Status,
            operator: Operator::Equals,
            value: ConditionValue::One(status.as_str().to_owned()),
        });
        condition.ok_or_else(|| Error::invalid("status", format!("must be one of {known}")))
    });
    let search = query.search.as_deref().map(str::trim);
    let search = search.filter(|text| !text.is_empty());
    if search.is_some_and(|text| text.len() > 256) {
        return Err(Error::invalid("search", "must be at most 256 bytes"));
    }
    let status = status.transpose()?.map(Filter::Condition);
    let search = search.map(|text| Filter::Text(text.to_owned()));
    let both = Filter::all(status.into_iter().chain(search).collect());
    CompiledFilter::new(&both).map_err(|fault| Error::internal(fault.reason))
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
