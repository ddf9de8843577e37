//! The filter of a list over what its rows know; the rest is asked of the server.

use super::row::Row;
use scm_protocol::rules::Field;
use scm_rules::{CompiledCondition, Facts, Filter};

const MIB: i64 = 1 << 20;

/// A filter that rows can be asked about.
#[derive(Clone, Debug)]
pub enum RowFilter {
    /// All hold; an empty one takes every row.
    All(Vec<RowFilter>),
    /// At least one holds.
    Any(Vec<RowFilter>),
    /// Does not hold.
    Not(Box<RowFilter>),
    /// A condition on what a row knows.
    Condition(Box<CompiledCondition>),
    /// A word where the server looks for it: in the name, the address and the system.
    Word(String),
}

impl Default for RowFilter {
    fn default() -> Self {
        RowFilter::All(Vec::new())
    }
}

/// Whether rows know the field.
fn is_known(field: Field) -> bool {
    matches!(
        field,
        Field::Id
            | Field::Hostname
            | Field::Ip
            | Field::Status
            | Field::Presence
            | Field::Os
            | Field::OsFamily
            | Field::Tag
            | Field::Arch
            | Field::Ver
            | Field::CpuPercent
            | Field::MemTotalMb
            | Field::MemUsedPercent
            | Field::DiskTotalGb
            | Field::DiskUsedPercent
            | Field::UptimeSecs
            | Field::Rebooted
    )
}

impl RowFilter {
    /// The filter for rows; none when it asks for what rows do not know.
    pub fn new(filter: &Filter) -> Option<Self> {
        let each = |filters: &[Filter]| filters.iter().map(RowFilter::new).collect::<Option<Vec<_>>>();
        Some(match filter {
            Filter::All(filters) => RowFilter::All(each(filters)?),
            Filter::Any(filters) => RowFilter::Any(each(filters)?),
            Filter::Not(inner) => RowFilter::Not(Box::new(Self::new(inner)?)),
            Filter::Text(text) => RowFilter::Word(text.to_lowercase()),
            Filter::Condition(condition) if is_known(condition.field) => {
                RowFilter::Condition(Box::new(CompiledCondition::new(condition).ok()?))
            }
            Filter::Condition(_) => return None,
        })
    }

    /// Whether it takes every row.
    pub fn is_everything(&self) -> bool {
        matches!(self, RowFilter::All(filters) if filters.is_empty())
    }

    /// Whether it takes a row.
    pub fn takes(&self, row: &Row) -> bool {
        match self {
            RowFilter::All(filters) => filters.iter().all(|filter| filter.takes(row)),
            RowFilter::Any(filters) => filters.iter().any(|filter| filter.takes(row)),
            RowFilter::Not(filter) => !filter.takes(row),
            RowFilter::Word(word) => row.mentions(word),
            RowFilter::Condition(condition) => condition.holds(&facts(row)),
        }
    }
}

fn facts(row: &Row) -> Facts<'_> {
    let bytes = |mib: Option<u32>| mib.map(|mib| i64::from(mib) * MIB);
    Facts {
        id: Some(row.id.0),
        hostname: Some(&row.hostname),
        ip: Some(&row.address),
        status: Some(row.status),
        presence: Some(row.presence),
        os: Some(&row.os),
        os_family: Some(&row.os_family),
        tags: &row.tags,
        arch: Some(&row.arch),
        version: Some(&row.version),
        cpu_percent: row.cpu.map(f64::from),
        mem_used_bytes: bytes(row.mem_used_mib),
        mem_total_bytes: bytes(row.mem_total_mib),
        disk_used_bytes: bytes(row.disk_used_mib),
        disk_total_bytes: bytes(row.disk_total_mib),
        uptime_secs: row.uptime_secs.map(i64::from),
        rebooted: Some(row.rebooted),
        ..Facts::default()
    }
}
