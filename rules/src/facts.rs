//! What is observed of a system, and which values each field has by it.

use crate::test::Test;
use scm_protocol::rules::{Field, Kind};
use scm_protocol::systems::{Presence, SystemStatus};
use scm_protocol::telemetry::Container;
use std::borrow::Cow;
use std::fmt::Write as _;

/// A system as it is observed; borrowed, so that looking at one costs nothing. What is not known is `None` or empty.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    missing_docs,
    reason = "named as the fields of the catalogue are, which describes them"
)]
pub struct Facts<'a> {
    pub id: Option<i64>,
    pub hostname: Option<&'a str>,
    pub ip: Option<&'a str>,
    pub claimed_ips: &'a [String],
    pub status: Option<SystemStatus>,
    pub presence: Option<Presence>,
    pub os: Option<&'a str>,
    pub os_family: Option<&'a str>,
    pub arch: Option<&'a str>,
    pub kernel: Option<&'a str>,
    pub version: Option<&'a str>,
    pub cpu_percent: Option<f64>,
    pub mem_used_bytes: Option<i64>,
    pub mem_total_bytes: Option<i64>,
    pub disk_used_bytes: Option<i64>,
    pub disk_total_bytes: Option<i64>,
    pub uptime_secs: Option<i64>,
    /// Running containers; `None` when no runtime was found, or nothing was ever reported.
    pub containers: Option<&'a [Container]>,
    /// It reported at least once: then no containers means that none run.
    pub reported: bool,
    pub tags: &'a [String],
    pub groups: &'a [String],
    pub note: Option<&'a str>,
    pub new: Option<bool>,
    pub rebooted: Option<bool>,
    pub last_seen_secs: Option<i64>,
    pub first_seen_secs: Option<i64>,
}

/// What costs something to read, and is only read when a condition asks for it. Over a whole fleet every column counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each stands for a column, or a table, of its own"
)]
pub struct Needs {
    /// [`Facts::ip`].
    pub ip: bool,
    /// [`Facts::os`], [`Facts::os_family`], [`Facts::arch`] and [`Facts::kernel`].
    pub os: bool,
    /// [`Facts::version`].
    pub version: bool,
    /// What is measured: processor, memory, disk and uptime.
    pub measured: bool,
    /// [`Facts::containers`].
    pub containers: bool,
    /// [`Facts::claimed_ips`].
    pub claimed_ips: bool,
    /// [`Facts::tags`].
    pub tags: bool,
    /// [`Facts::groups`].
    pub groups: bool,
    /// [`Facts::note`].
    pub note: bool,
}

impl Needs {
    /// Everything.
    pub const ALL: Needs = Needs {
        ip: true,
        os: true,
        version: true,
        measured: true,
        containers: true,
        claimed_ips: true,
        tags: true,
        groups: true,
        note: true,
    };

    /// What conditions on these fields need.
    pub fn of(fields: impl IntoIterator<Item = Field>) -> Self {
        let mut needs = Needs::default();
        for field in fields {
            match field {
                Field::ContainersExists
                | Field::HasRuntime
                | Field::AnyContainerImage
                | Field::ContainerCount => {
                    needs.containers = true;
                }
                Field::Ip => needs.ip = true,
                Field::Os | Field::OsFamily | Field::Arch | Field::Platform | Field::Kernel => {
                    needs.os = true;
                }
                Field::Ver => needs.version = true,
                Field::CpuPercent
                | Field::MemTotalMb
                | Field::MemUsedPercent
                | Field::DiskTotalGb
                | Field::DiskUsedPercent
                | Field::UptimeSecs => needs.measured = true,
                Field::ClaimedIp => needs.claimed_ips = true,
                Field::Tag => needs.tags = true,
                Field::Group => needs.groups = true,
                Field::Note => needs.note = true,
                // In every system that is read.
                Field::Hostname
                | Field::Status
                | Field::Id
                | Field::Presence
                | Field::New
                | Field::Rebooted
                | Field::LastSeenSecs
                | Field::FirstSeenSecs => {}
            }
        }
        needs
    }

    /// What either needs.
    #[must_use]
    pub fn and(self, other: Needs) -> Needs {
        Needs {
            ip: self.ip || other.ip,
            os: self.os || other.os,
            version: self.version || other.version,
            measured: self.measured || other.measured,
            containers: self.containers || other.containers,
            claimed_ips: self.claimed_ips || other.claimed_ips,
            tags: self.tags || other.tags,
            groups: self.groups || other.groups,
            note: self.note || other.note,
        }
    }
}

/// The fields that free text is looked for in.
pub(crate) const MENTIONED: [Field; 3] = [Field::Hostname, Field::Ip, Field::Os];

const MB: i64 = 1 << 20;
const GB: i64 = 1 << 30;

impl<'a> Facts<'a> {
    /// Whether any value of the field satisfies the test.
    pub(crate) fn any(&self, field: Field, test: &Test) -> bool {
        match field.kind() {
            Kind::Number => self.number(field).is_some_and(|number| test.number(number)),
            Kind::Boolean => self.boolean(field).is_some_and(|boolean| test.boolean(boolean)),
            _ => self.any_text(field, &mut |text| test.text(text)),
        }
    }

    /// Whether the free text is in the host name, the address or the name of the system; `text` is folded.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        MENTIONED
            .iter()
            .filter_map(|field| self.text(*field))
            .any(|value| crate::fold::contains(value, text))
    }

    /// The values of a field as a person reads them; `None` when there are none.
    pub fn observed(&self, field: Field) -> Option<String> {
        match field.kind() {
            Kind::Number => self.number(field).map(|number| number.to_string()),
            Kind::Boolean => self.boolean(field).map(|boolean| boolean.to_string()),
            _ => {
                let mut all = String::new();
                self.any_text(field, &mut |text| {
                    let separator = if all.is_empty() { "" } else { ", " };
                    // Writing to a String cannot fail.
                    let _ = write!(all, "{separator}{text}");
                    false
                });
                (!all.is_empty()).then_some(all)
            }
        }
    }

    /// The text of a field that has at most one and is no number, as [`Facts::observed`] has it: what a list is sorted by.
    pub fn sorting_text(&self, field: Field) -> Option<Cow<'a, str>> {
        match field.kind() {
            Kind::Number => None,
            Kind::Boolean => self
                .boolean(field)
                .map(|boolean| Cow::Borrowed(if boolean { "true" } else { "false" })),
            _ if field == Field::Platform => self.platform().map(Cow::Owned),
            _ => self.text(field).map(Cow::Borrowed),
        }
    }

    /// The number of a field, also what a list is sorted by.
    pub fn number(&self, field: Field) -> Option<f64> {
        match field {
            Field::Id => self.id.map(exact),
            Field::MemTotalMb => self.mem_total_bytes.map(|bytes| exact(bytes / MB)),
            Field::DiskTotalGb => self.disk_total_bytes.map(|bytes| exact(bytes / GB)),
            Field::UptimeSecs => self.uptime_secs.map(exact),
            Field::CpuPercent => self.cpu_percent,
            Field::MemUsedPercent => share(self.mem_used_bytes, self.mem_total_bytes),
            Field::DiskUsedPercent => share(self.disk_used_bytes, self.disk_total_bytes),
            Field::ContainerCount => self
                .containers
                .map(|list| exact(i64::try_from(list.len()).unwrap_or(i64::MAX))),
            Field::LastSeenSecs => self.last_seen_secs.map(exact),
            Field::FirstSeenSecs => self.first_seen_secs.map(exact),
            _ => None,
        }
    }

    fn boolean(&self, field: Field) -> Option<bool> {
        match field {
            Field::ContainersExists => self
                .reported
                .then(|| self.containers.is_some_and(|list| !list.is_empty())),
            Field::New => self.new,
            Field::Rebooted => self.rebooted,
            _ => None,
        }
    }

    /// Gives each text of a field to `found` until it says yes.
    fn any_text(&self, field: Field, found: &mut dyn FnMut(&str) -> bool) -> bool {
        let containers = || self.containers.unwrap_or_default().iter();
        match field {
            Field::Platform => self.platform().is_some_and(|platform| found(&platform)),
            Field::HasRuntime => {
                let mut seen: Vec<&str> = Vec::new();
                containers().any(|container| {
                    let runtime = container.runtime.as_str();
                    let again = seen.contains(&runtime);
                    seen.push(runtime);
                    !again && found(runtime)
                })
            }
            Field::AnyContainerImage => containers().any(|container| found(&container.image)),
            Field::Tag => self.tags.iter().any(|tag| found(tag)),
            Field::Group => self.groups.iter().any(|group| found(group)),
            Field::ClaimedIp => self.claimed_ips.iter().any(|address| found(address)),
            other => self.text(other).is_some_and(found),
        }
    }

    /// The text of a field that has at most one. What a host did not say is missing, not an empty text.
    fn text(&self, field: Field) -> Option<&'a str> {
        let text = match field {
            Field::Hostname => self.hostname,
            Field::Ip => self.ip,
            Field::Status => self.status.map(SystemStatus::as_str),
            Field::Presence => self.presence.map(Presence::as_str),
            Field::Os => self.os,
            Field::OsFamily => self.os_family,
            Field::Arch => self.arch,
            Field::Kernel => self.kernel,
            Field::Ver => self.version,
            Field::Note => self.note,
            _ => None,
        };
        text.filter(|text| !text.is_empty())
    }

    fn platform(&self) -> Option<String> {
        let (arch, family) = (self.text(Field::Arch)?, self.text(Field::OsFamily)?);
        Some(format!("{arch}-{family}"))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no count of bytes, seconds or ids here comes near 2^53"
)]
fn exact(number: i64) -> f64 {
    number as f64
}

fn share(used: Option<i64>, total: Option<i64>) -> Option<f64> {
    let total = total.filter(|total| *total > 0)?;
    Some(exact(used?) * 100.0 / exact(total))
}
