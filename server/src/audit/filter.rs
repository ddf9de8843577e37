//! What may be asked of the audit: who, what, on what, how it ended, when, and any text.

use crate::clock;
use crate::error::Error;
use scm_protocol::ids::UnixMillis;
use serde::Serialize;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

/// The action of a recorded heartbeat: the name of its route.
const HEARTBEAT: &str = "systems.checkin";
/// Longest value of a filter, in bytes.
const MAX_BYTES: usize = 256;

/// The query's texts as received.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub from: Option<String>,
    pub to: Option<String>,
    pub actor: Option<String>,
    pub action: Option<String>,
    pub target: Option<String>,
    pub outcome: Option<String>,
    pub text: Option<String>,
}

/// Which entries are wanted. What is absent does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Filter {
    /// Not before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Instant>,
    /// Before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Instant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Match>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Match>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Match>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// Lower-case text somewhere in the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A time, written in words where it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(super) struct Instant(pub UnixMillis);

impl From<Instant> for String {
    fn from(instant: Instant) -> String {
        clock::rfc3339(instant.0)
    }
}

/// The whole value, or how it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub(super) enum Match {
    Whole(String),
    Beginning(String),
    /// Anything but this.
    Not(String),
}

impl From<Match> for String {
    fn from(wanted: Match) -> String {
        match wanted {
            Match::Whole(text) => text,
            Match::Beginning(text) => text + "*",
            Match::Not(text) => format!("!{text}"),
        }
    }
}

impl Filter {
    /// Checks what was asked.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the parameter.
    pub(super) fn new(asked: &Asked) -> Result<Self, Error> {
        let filter = Filter {
            from: instant("from", asked.from.as_deref())?,
            to: instant("to", asked.to.as_deref())?,
            actor: matched("actor", asked.actor.as_deref())?,
            action: matched("action", asked.action.as_deref())?,
            target: matched("target", asked.target.as_deref())?,
            outcome: outcome(asked.outcome.as_deref())?,
            text: text("text", asked.text.as_deref())?.map(|text| text.to_lowercase()),
        };
        match (filter.from, filter.to) {
            (Some(from), Some(to)) if from.0 >= to.0 => Err(Error::invalid("from", "must lie before `to`")),
            _ => Ok(filter),
        }
    }

    /// Everything but heartbeats, which would bury the rest.
    pub(super) fn without_heartbeats() -> Self {
        Filter {
            action: Some(Match::Not(HEARTBEAT.to_owned())),
            ..Filter::default()
        }
    }

    /// Whether it lets everything through.
    pub(super) fn is_empty(&self) -> bool {
        *self == Filter::default()
    }
}

/// What is empty was not asked.
fn text<'a>(field: &str, asked: Option<&'a str>) -> Result<Option<&'a str>, Error> {
    let Some(text) = asked.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
        let reason = format!("must be at most {MAX_BYTES} bytes without control characters");
        return Err(Error::invalid(field, reason));
    }
    Ok(Some(text))
}

fn matched(field: &str, asked: Option<&str>) -> Result<Option<Match>, Error> {
    let Some(text) = text(field, asked)? else {
        return Ok(None);
    };
    Ok(Some(match (text.strip_prefix('!'), text.strip_suffix('*')) {
        (Some(other), _) => Match::Not(other.to_owned()),
        (None, Some(beginning)) => Match::Beginning(beginning.to_owned()),
        (None, None) => Match::Whole(text.to_owned()),
    }))
}

fn outcome(asked: Option<&str>) -> Result<Option<&'static str>, Error> {
    match text("outcome", asked)? {
        None => Ok(None),
        Some("ok") => Ok(Some("ok")),
        Some("refused") => Ok(Some("refused")),
        Some(_) => Err(Error::invalid("outcome", "must be `ok` or `refused`")),
    }
}

/// Unix milliseconds, an RFC 3339 time, or a day in UTC, which means its beginning.
fn instant(field: &str, asked: Option<&str>) -> Result<Option<Instant>, Error> {
    let Some(text) = text(field, asked)? else {
        return Ok(None);
    };
    let day = format_description!("[year]-[month]-[day]");
    let of = |time: OffsetDateTime| i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok();
    let millis = text
        .parse()
        .ok()
        .filter(|millis| *millis >= 0)
        .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().and_then(of))
        .or_else(|| {
            Date::parse(text, day)
                .ok()
                .and_then(|day| of(day.midnight().assume_utc()))
        });
    let reason =
        "must be a time such as 2026-11-22T14:00:00Z, a day such as 2026-11-22, or unix milliseconds";
    match millis {
        Some(millis) => Ok(Some(Instant(UnixMillis(millis)))),
        None => Err(Error::invalid(field, reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(field: &str, value: &str) -> Result<Filter, Error> {
        let value = Some(value.to_owned());
        let mut asked = Asked::default();
        match field {
            "from" => asked.from = value,
            "to" => asked.to = value,
            "actor" => asked.actor = value,
            "outcome" => asked.outcome = value,
            _ => asked.text = value,
        }
        Filter::new(&asked)
    }

    #[test]
    fn times_are_read_in_three_forms() {
        for text in [
            "1790000000000",
            "2026-09-21T14:13:20Z",
            "2026-09-21T16:13:20+02:00",
        ] {
            let filter = asked("from", text).unwrap();
            assert_eq!(
                filter.from,
                Some(Instant(UnixMillis(1_790_000_000_000))),
                "{text}"
            );
        }
        assert_eq!(
            asked("to", "1970-01-02").unwrap().to,
            Some(Instant(UnixMillis(86_400_000)))
        );
        for bad in [
            "-1",
            "yesterday",
            "2026-13-01",
            "2026-09-21T14:13",
            "99999999999999999999",
        ] {
            let error = asked("from", bad).unwrap_err().to_string();
            assert!(error.starts_with("`from` must be a time"), "{bad}: {error}");
        }
    }

    #[test]
    fn bad_values_are_named_and_empty_ones_do_not_count() {
        assert!(asked("actor", " ").unwrap().is_empty());
        assert_eq!(
            asked("actor", "user:*").unwrap().actor,
            Some(Match::Beginning("user:".to_owned()))
        );
        assert_eq!(
            asked("actor", "!server").unwrap().actor,
            Some(Match::Not("server".to_owned()))
        );
        assert_eq!(asked("text", "ÄB").unwrap().text.as_deref(), Some("äb"));
        assert!(matches!(asked("outcome", "done"), Err(Error::Invalid { field, .. }) if field == "outcome"));
        assert!(
            matches!(asked("text", &"x".repeat(257)), Err(Error::Invalid { field, .. }) if field == "text")
        );
        assert!(matches!(asked("actor", "a\u{0}b"), Err(Error::Invalid { field, .. }) if field == "actor"));
        let crossed = Asked {
            from: Some("2".to_owned()),
            to: Some("2".to_owned()),
            ..Asked::default()
        };
        assert!(matches!(Filter::new(&crossed), Err(Error::Invalid { field, .. }) if field == "from"));
    }

    #[test]
    fn a_filter_is_recorded_as_it_was_asked() {
        let asked = Asked {
            from: Some("0".to_owned()),
            action: Some("systems.*".to_owned()),
            outcome: Some("ok".to_owned()),
            ..Asked::default()
        };
        let json = serde_json::to_value(Filter::new(&asked).unwrap()).unwrap();
        let expected =
            serde_json::json!({ "from": "1970-01-01T00:00:00.000Z", "action": "systems.*", "outcome": "ok" });
        assert_eq!(json, expected);
    }
}
