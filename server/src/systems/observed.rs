//! One system as conditions see it.

use super::decide::Accepted;
use super::facts_store::{Live, Static};
use super::presence::presence;
use super::shared::{Host, Shared};
use super::view::{Instants, NEW_MS, REBOOT_NEWS_MS};
use crate::error::Error;
use scm_protocol::agent::HostFacts;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{Presence, SystemStatus};
use scm_protocol::telemetry::{Container, Telemetry};
use scm_rules::Facts;
use std::sync::Arc;

/// Everything that a condition can ask about one system; small, for a whole fleet of them may be kept.
#[derive(Clone, Debug)]
pub struct SystemFacts {
    id: i64,
    status: Option<SystemStatus>,
    hostname: Box<str>,
    first_seen_ms: i64,
    claimed_ips: Box<[String]>,
    host: Arc<Host>,
    live: LiveFacts,
    tags: Arc<[String]>,
    groups: Arc<[String]>,
    note: Option<Box<str>>,
}

/// The part of it that every check-in says anew.
#[derive(Clone, Debug)]
struct LiveFacts {
    interval_secs: i64,
    last_seen_ms: Maybe,
    rebooted_ms: Maybe,
    address: Option<Box<str>>,
    cpu_percent: Option<f64>,
    mem_used_bytes: Maybe,
    mem_total_bytes: Maybe,
    disk_used_bytes: Maybe,
    disk_total_bytes: Maybe,
    uptime_secs: Maybe,
    containers: Option<Arc<[Container]>>,
}

/// A number that may be missing, in the room of a number: a look at a fleet takes as long as reading its memory does.
#[derive(Clone, Copy, Debug)]
struct Maybe(i64);

impl Maybe {
    /// No count of bytes, seconds or milliseconds is this.
    const MISSING: i64 = i64::MIN;

    fn get(self) -> Option<i64> {
        (self.0 != Self::MISSING).then_some(self.0)
    }
}

impl From<Option<i64>> for Maybe {
    fn from(number: Option<i64>) -> Self {
        Maybe(number.unwrap_or(Self::MISSING))
    }
}

impl SystemFacts {
    /// Its id.
    pub fn id(&self) -> SystemId {
        SystemId(self.id)
    }

    /// Its host name.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// Its status.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn status(&self) -> Result<SystemStatus, Error> {
        let damaged = || Error::internal(format!("the row of system {} is damaged", self.id));
        self.status.ok_or_else(damaged)
    }

    /// When it was first heard of.
    pub(super) fn first_seen(&self) -> UnixMillis {
        UnixMillis(self.first_seen_ms)
    }

    /// When it was last heard of.
    pub(super) fn last_seen(&self) -> Option<UnixMillis> {
        self.live.last_seen_ms.get().map(UnixMillis)
    }

    /// Whether it is heard of, at an instant.
    pub(super) fn presence(&self, Instants { started, now }: Instants) -> Presence {
        presence(self.last_seen(), self.live.interval_secs, started, now)
    }

    /// What conditions see, at an instant.
    pub fn at(&self, instants: Instants) -> Facts<'_> {
        let (live, now) = (&self.live, instants.now);
        let (first_seen, last_seen) = (self.first_seen(), self.last_seen());
        let recently = |at: i64, within: i64| now.since(UnixMillis(at)) < within;
        Facts {
            id: Some(self.id),
            hostname: Some(&self.hostname),
            ip: live.address.as_deref(),
            claimed_ips: &self.claimed_ips,
            status: self.status,
            presence: Some(self.presence(instants)),
            os: self.host.os.as_deref(),
            os_family: self.host.os_family.as_deref(),
            arch: self.host.arch.as_deref(),
            kernel: self.host.kernel.as_deref(),
            version: self.host.version.as_deref(),
            cpu_percent: live.cpu_percent,
            mem_used_bytes: live.mem_used_bytes.get(),
            mem_total_bytes: live.mem_total_bytes.get(),
            disk_used_bytes: live.disk_used_bytes.get(),
            disk_total_bytes: live.disk_total_bytes.get(),
            uptime_secs: live.uptime_secs.get(),
            containers: live.containers.as_deref(),
            reported: last_seen.is_some(),
            tags: &self.tags,
            groups: &self.groups,
            note: self.note.as_deref(),
            new: Some(recently(self.first_seen_ms, NEW_MS)),
            rebooted: Some(
                live.rebooted_ms
                    .get()
                    .is_some_and(|at| recently(at, REBOOT_NEWS_MS)),
            ),
            last_seen_secs: last_seen.map(|at| now.since(at) / 1000),
            first_seen_secs: Some(now.since(first_seen) / 1000),
        }
    }

    /// Takes over what an accepted check-in said, as its batch stored it.
    pub(super) fn heard(&mut self, heard: Heard, shared: &mut Shared) {
        let telemetry = heard.telemetry;
        self.live = LiveFacts {
            interval_secs: heard.interval_secs,
            last_seen_ms: heard.last_seen_ms.into(),
            rebooted_ms: heard.rebooted_ms.into(),
            address: Some(heard.address.into()),
            cpu_percent: telemetry.cpu_percent.map(f64::from),
            mem_used_bytes: telemetry.mem_used_bytes.into(),
            mem_total_bytes: telemetry.mem_total_bytes.into(),
            disk_used_bytes: telemetry.disk_used_bytes.into(),
            disk_total_bytes: telemetry.disk_total_bytes.into(),
            uptime_secs: telemetry.uptime_secs.into(),
            containers: telemetry.containers.map(|list| shared.containers(list)),
        };
        if let Some(host) = heard.host {
            self.hostname = host.hostname.into();
            self.claimed_ips = host.addresses.into();
            self.host = shared.host(Host {
                os: Some(host.os),
                os_family: Some(host.os_family),
                arch: Some(host.arch),
                kernel: host.kernel,
                version: Some(heard.version),
            });
        }
    }

    /// What the two rows of a system say.
    pub(super) fn of_rows(fixed: Static, live: Live, shared: &mut Shared) -> Self {
        let containers: Option<Vec<Container>> = parsed(live.containers.as_deref());
        SystemFacts {
            id: fixed.id,
            status: SystemStatus::parse(&fixed.status),
            hostname: fixed.hostname.into(),
            first_seen_ms: fixed.first_seen_ms,
            claimed_ips: parsed::<Vec<String>>(fixed.claimed_addresses.as_deref())
                .unwrap_or_default()
                .into(),
            host: shared.host(Host {
                os: fixed.os,
                os_family: fixed.os_family,
                arch: fixed.arch,
                kernel: fixed.kernel,
                version: fixed.agent_version,
            }),
            live: LiveFacts {
                interval_secs: live.interval_secs,
                last_seen_ms: live.last_seen_ms.into(),
                rebooted_ms: live.rebooted_ms.into(),
                address: live.address.map(Into::into),
                cpu_percent: live.cpu_percent,
                mem_used_bytes: live.mem_used_bytes.into(),
                mem_total_bytes: live.mem_total_bytes.into(),
                disk_used_bytes: live.disk_used_bytes.into(),
                disk_total_bytes: live.disk_total_bytes.into(),
                uptime_secs: live.uptime_secs.into(),
                containers: containers.map(|list| shared.containers(list)),
            },
            tags: Arc::default(),
            groups: Arc::default(),
            note: None,
        }
    }

    /// Takes over its tags, sorted, and its note.
    pub(super) fn annotate(&mut self, tags: Vec<String>, note: Option<String>, shared: &mut Shared) {
        self.tags = shared.list(tags);
        self.note = note.map(Into::into);
    }

    /// Takes over the names of its groups.
    pub(super) fn regrouped(&mut self, groups: Vec<String>, shared: &mut Shared) {
        self.groups = shared.list(groups);
    }
}

/// What an accepted check-in said.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub id: i64,
    pub version: String,
    pub interval_secs: i64,
    pub last_seen_ms: Option<i64>,
    pub rebooted_ms: Option<i64>,
    pub address: String,
    pub telemetry: Telemetry,
    /// What the machine says of itself, where that differed.
    pub host: Option<HostFacts>,
}

impl Heard {
    /// The part of it that conditions ask about.
    pub(super) fn of(accepted: &Accepted) -> Self {
        let after = &accepted.after;
        Heard {
            id: after.id.0,
            version: after.agent_version.clone(),
            interval_secs: i64::from(accepted.reply.next_checkin_secs),
            last_seen_ms: after.last_seen.map(|at| at.0),
            rebooted_ms: after.rebooted.map(|at| at.0),
            address: after.address.clone(),
            telemetry: after.telemetry.clone(),
            host: accepted.facts.clone(),
        }
    }
}

fn parsed<T: serde::de::DeserializeOwned>(json: Option<&str>) -> Option<T> {
    json.and_then(|json| serde_json::from_str(json).ok())
}
