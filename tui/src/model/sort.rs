//! In which order a list of systems stands.
//!
//! What rows know is compared here; the rest is asked of the server, whose answer is a place for each system.

use super::row::Row;
use scm_protocol::ids::SystemId;
use scm_protocol::rules::{Field, FieldCatalogue, Kind};
use scm_protocol::systems::SystemStatus;
use scm_rules::compare_versions;
use std::cmp::Ordering;
use std::collections::HashMap;

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// By host name: the server's own order.
    #[default]
    Own,
    /// What needs attention first.
    State,
    /// A field of the catalogue.
    Field(Field),
}

/// An order. Pending comes first in every one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// What is compared.
    pub by: SortBy,
    /// The largest first.
    pub descending: bool,
}

/// The place that the server gives each system.
pub type Places = HashMap<SystemId, u32>;

impl SortBy {
    /// Its name in menus.
    pub fn name(self) -> &'static str {
        match self {
            SortBy::Own => "name",
            SortBy::State => "state",
            SortBy::Field(field) => field.as_str(),
        }
    }

    /// What it is.
    pub fn hint(self) -> &'static str {
        match self {
            SortBy::Own => "host name: the list's own order",
            SortBy::State => "what needs attention first",
            SortBy::Field(field) => field.info().hint,
        }
    }

    /// Everything a list can be sorted by at a server with this catalogue.
    pub fn choices(catalogue: &FieldCatalogue) -> Vec<SortBy> {
        let fields = catalogue.items.iter().filter(|field| !field.several);
        let known = fields.filter_map(|field| field.name.parse().ok());
        [SortBy::Own, SortBy::State]
            .into_iter()
            .chain(known.map(SortBy::Field))
            .collect()
    }

    /// Whether rows can be compared by it here.
    fn is_known(self) -> bool {
        !matches!(
            self,
            SortBy::Field(
                Field::ContainersExists
                    | Field::HasRuntime
                    | Field::AnyContainerImage
                    | Field::Tag
                    | Field::Group
                    | Field::New
                    | Field::ClaimedIp
                    | Field::Kernel
                    | Field::Note
            )
        )
    }
}

impl Sort {
    /// The direction in which one first wants to see it: numbers from the largest, names from the first.
    pub fn first(by: SortBy) -> Sort {
        let descending = match by {
            SortBy::Own | SortBy::State | SortBy::Field(Field::Id) => false,
            SortBy::Field(field) => matches!(field.kind(), Kind::Number | Kind::Boolean),
        };
        Sort { by, descending }
    }

    /// The other way round.
    #[must_use]
    pub fn reversed(self) -> Sort {
        Sort {
            descending: !self.descending,
            ..self
        }
    }

    /// As requests and saved filters write it, when the server has to be asked.
    pub fn question(self) -> Option<String> {
        self.written().filter(|_| !self.by.is_known())
    }

    /// As requests and saved filters write it; empty for the list's own order, none for what only the console knows.
    pub fn written(self) -> Option<String> {
        let sign = if self.descending { "-" } else { "" };
        match self {
            Sort {
                by: SortBy::Own,
                descending: false,
            } => Some(String::new()),
            Sort { by: SortBy::Own, .. } => Some(format!("{sign}{}", Field::Hostname)),
            Sort {
                by: SortBy::State, ..
            } => None,
            Sort {
                by: SortBy::Field(field),
                ..
            } => Some(format!("{sign}{field}")),
        }
    }

    /// As this console keeps it.
    pub fn kept(self) -> String {
        let sign = if self.descending { "-" } else { "" };
        self.written().unwrap_or_else(|| format!("{sign}state"))
    }

    /// From what a saved filter says; none for a field that this console does not know.
    pub fn read(text: &str) -> Option<Sort> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        if name.is_empty() {
            return Some(Sort::default());
        }
        let by = match name {
            "state" => SortBy::State,
            name => SortBy::Field(name.parse().ok().filter(|field: &Field| !field.info().several)?),
        };
        Some(Sort { by, descending })
    }
}

/// What a row has of a field.
enum Value<'a> {
    Missing,
    Number(f64),
    Text(&'a str),
    Version(&'a str),
    Pair(&'a str, &'a str),
}

fn value(field: Field, row: &Row) -> Value<'_> {
    let number =
        |number: Option<u32>| number.map_or(Value::Missing, |number| Value::Number(f64::from(number)));
    let share = |used: Option<u32>, total: Option<u32>| match (used, total) {
        (Some(used), Some(total)) if total > 0 => Value::Number(f64::from(used) / f64::from(total)),
        _ => Value::Missing,
    };
    match field {
        Field::Id => Value::Number(row.id.0 as f64),
        Field::Hostname => Value::Text(&row.hostname),
        Field::Ip => Value::Text(&row.address),
        Field::Status => Value::Text(row.status.as_str()),
        Field::Presence => Value::Text(row.presence.as_str()),
        Field::Os => Value::Text(&row.os),
        Field::OsFamily => Value::Text(&row.os_family),
        Field::Arch => Value::Text(&row.arch),
        Field::Platform => Value::Pair(&row.arch, &row.os_family),
        Field::Ver => Value::Version(&row.version),
        Field::MemTotalMb => number(row.mem_total_mib),
        Field::DiskTotalGb => number(row.disk_total_mib),
        Field::UptimeSecs => number(row.uptime_secs),
        Field::ContainerCount => number(row.containers),
        Field::Rebooted => Value::Number(f64::from(u8::from(row.rebooted))),
        Field::CpuPercent => row
            .cpu
            .map_or(Value::Missing, |cpu| Value::Number(f64::from(cpu))),
        Field::MemUsedPercent => share(row.mem_used_mib, row.mem_total_mib),
        Field::DiskUsedPercent => share(row.disk_used_mib, row.disk_total_mib),
        // The longer ago, the larger.
        Field::LastSeenSecs => row
            .last_seen
            .map_or(Value::Missing, |at| Value::Number(-(at.0 as f64))),
        Field::FirstSeenSecs => Value::Number(-(row.first_seen.0 as f64)),
        _ => Value::Missing,
    }
}

/// What is not known comes last in either direction.
fn compare(a: &Value<'_>, b: &Value<'_>, descending: bool) -> Ordering {
    let order = match (a, b) {
        (Value::Missing, Value::Missing) => return Ordering::Equal,
        (Value::Missing, _) => return Ordering::Greater,
        (_, Value::Missing) => return Ordering::Less,
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Version(a), Value::Version(b)) => compare_versions(a, b),
        (Value::Pair(a, b), Value::Pair(c, d)) => (a, b).cmp(&(c, d)),
        _ => Ordering::Equal,
    };
    if descending { order.reverse() } else { order }
}

/// How two rows compare. Pending comes first in every order; host name and id settle what is equal.
pub fn by_order(sort: Sort, places: Option<&Places>, a: &Row, b: &Row) -> Ordering {
    let decided = |row: &Row| row.status != SystemStatus::Pending;
    let turned = |order: Ordering| if sort.descending { order.reverse() } else { order };
    let chosen = match sort.by {
        SortBy::Own => turned(a.hostname.cmp(&b.hostname)),
        SortBy::State => turned(a.word().cmp(&b.word())),
        by @ SortBy::Field(_) if !by.is_known() => {
            let place = |row: &Row| {
                let known = places.and_then(|places| places.get(&row.id));
                known.copied().unwrap_or(u32::MAX)
            };
            place(a).cmp(&place(b))
        }
        SortBy::Field(field) => compare(&value(field, a), &value(field, b), sort.descending),
    };
    decided(a)
        .cmp(&decided(b))
        .then(chosen)
        .then_with(|| a.hostname.cmp(&b.hostname))
        .then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_written_as_it_is_read() {
        for by in SortBy::choices(&FieldCatalogue::of_this_version()) {
            for sort in [Sort::first(by), Sort::first(by).reversed()] {
                if let (Some(text), SortBy::Field(_)) = (sort.written(), by) {
                    assert_eq!(Sort::read(&text), Some(sort));
                }
            }
        }
        assert_eq!(Sort::read(""), Some(Sort::default()));
        assert_eq!((Sort::read("tag"), Sort::read("nonsense")), (None, None));
    }
}
