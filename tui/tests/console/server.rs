//! A server in memory: answers the console's calls as the real one would.

use crate::access_server::AccessServer;
use crate::backup_server::BackupServer;
use crate::command_server::CommandServer;
use crate::group_server::GroupServer;
use crate::job_server::JobServer;
use crate::samples::{GIB, recipe, system};
use crate::settings_server::SettingsServer;
use crate::token_server::TokenServer;
use crate::upgrade_server::UpgradeServer;
use crate::view_server::ViewServer;
use scm_protocol::audit::AuditEntry;
use scm_protocol::auth::{Role, Session, SetupState};
use scm_protocol::events::{FleetCounts, Hello, OfflineSystem, Overview};
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use scm_protocol::problem::Problem;
use scm_protocol::systems::{Presence, SystemDetail, SystemPage, SystemStatus, SystemSummary};
use scm_protocol::telemetry::{TelemetryHistory, TelemetryPoint};
use scmtui::message::{Call, Failure, Reply};
use scmtui::model::{Change, ChangeBody};
use std::collections::BTreeMap;

/// 2026-11-22 14:00:00Z.
pub(crate) const START: i64 = 1_795_356_000_000;

/// What the server knows.
pub(crate) struct Server {
    pub(crate) systems: BTreeMap<SystemId, SystemDetail>,
    pub(crate) role: Role,
    pub(crate) setup_needed: bool,
    pub(crate) clock: UnixMillis,
    /// Accepted changes, in order.
    pub(crate) acted: Vec<(Change, SystemId)>,
    /// Systems whose changes are refused.
    pub(crate) stubborn: Vec<SystemId>,
    /// Rows of one page.
    pub(crate) page: usize,
    pub(crate) audit: Vec<AuditEntry>,
    /// The session is no longer good.
    pub(crate) expired: bool,
    pub(crate) tokens: TokenServer,
    pub(crate) groups: GroupServer,
    pub(crate) settings: SettingsServer,
    /// Configurations that were to be written to a file.
    pub(crate) configs: Vec<String>,
    pub(crate) access: AccessServer,
    pub(crate) jobs: JobServer,
    pub(crate) commands: CommandServer,
    pub(crate) upgrades: UpgradeServer,
    pub(crate) views: ViewServer,
    pub(crate) backups: BackupServer,
}

impl Server {
    /// The first `pending` systems wait, the rest is active.
    pub(crate) fn new(pending: i64, total: i64) -> Self {
        let status = |id| {
            if id <= pending {
                SystemStatus::Pending
            } else {
                SystemStatus::Active
            }
        };
        let audit = (1..=3).rev().map(|id| AuditEntry {
            id,
            at_ms: UnixMillis(START - 60_000 * (4 - id)),
            actor: if id == 1 {
                "system:3".to_owned()
            } else {
                "user:jdoe".to_owned()
            },
            address: "198.51.100.7".to_owned(),
            action: ["enrollment.register", "auth.login", "systems.approve"]
                [usize::try_from(id - 1).unwrap()]
            .to_owned(),
            target: if id == 2 {
                "user:jdoe".to_owned()
            } else {
                "system:3".to_owned()
            },
            outcome: if id == 3 {
                "refused".to_owned()
            } else {
                "ok".to_owned()
            },
            detail: serde_json::Value::Null,
            previous_hash: format!("{:064x}", id - 1),
            hash: format!("{id:064x}"),
        });
        Server {
            systems: (1..=total)
                .map(|id| (SystemId(id), system(id, status(id))))
                .collect(),
            role: Role::Admin,
            setup_needed: false,
            clock: UnixMillis(START),
            acted: Vec::new(),
            stubborn: Vec::new(),
            page: 500,
            audit: audit.collect(),
            expired: false,
            tokens: TokenServer::default(),
            groups: GroupServer::default(),
            settings: SettingsServer::default(),
            configs: Vec::new(),
            access: AccessServer::default(),
            jobs: JobServer::default(),
            commands: CommandServer::default(),
            upgrades: UpgradeServer::default(),
            views: ViewServer::default(),
            backups: BackupServer::default(),
        }
    }

    /// What it answers; none for calls whose answer never comes.
    pub(crate) fn answer(&mut self, call: Call) -> Vec<Reply> {
        let expired = || Failure::Unauthorized("log in again".to_owned());
        match call {
            Call::Connect(_) => vec![Reply::Connected(Ok(false))],
            Call::SetupState => {
                vec![Reply::SetupState(Ok(SetupState {
                    needed: self.setup_needed,
                    version: "0.1.0".to_owned(),
                }))]
            }
            call
            @ (Call::AccessList { .. } | Call::AccessChange { .. } | Call::AgentKeys | Call::Account) => {
                self.access.answer(call)
            }
            Call::Setup(_)
            | Call::Login(_)
            | Call::LoginSsh { .. }
            | Call::SecondFactor(_)
            | Call::Session => {
                self.expired = false;
                vec![Reply::Session(Ok(Session {
                    username: "jdoe".to_owned(),
                    role: self.role,
                    credential: scm_protocol::auth::CredentialKind::Session,
                    organization: Organization::default(),
                    expires_ms: UnixMillis(START * 2),
                }))]
            }
            Call::Stream if self.expired => vec![Reply::StreamEnded(expired())],
            Call::Stream => {
                vec![Reply::Hello(Hello {
                    server_time_ms: self.clock,
                    version: "0.1.0".to_owned(),
                })]
            }
            Call::Overview if self.expired => vec![Reply::Overview(Err(expired()))],
            Call::Overview => vec![Reply::Overview(Ok(Box::new(self.overview())))],
            Call::List { round, cursor } => vec![Reply::List {
                round,
                page: Ok(self.list(cursor)),
            }],
            Call::Rows(ids) => {
                let items = ids
                    .iter()
                    .filter_map(|id| self.systems.get(id))
                    .map(|system| system.summary.clone());
                let page = self.page_of(items.collect(), None);
                vec![Reply::Rows { ids, page: Ok(page) }]
            }
            Call::Detail(id) => vec![Reply::Detail {
                id,
                detail: self.detail(id),
            }],
            Call::Gather { ticket, id } => vec![Reply::Gathered {
                ticket,
                id,
                detail: self.detail(id),
            }],
            Call::History { id, range, to } => {
                let from = to.plus(-range.millis());
                let points =
                    (0..240)
                        .filter(|index| !(100..120).contains(index))
                        .map(|index| TelemetryPoint {
                            at_ms: from.plus(range.millis() / 240 * index),
                            cpu_percent: Some((index % 60) as f64 * 100.0 / 60.0),
                            mem_used_bytes: Some(4 * GIB + index * GIB / 40),
                            disk_used_bytes: Some(300 * GIB),
                            ..TelemetryPoint::default()
                        });
                let history = TelemetryHistory {
                    from_ms: from,
                    to_ms: to,
                    bucket_ms: range.millis() / 240,
                    mem_total_bytes: Some(16 * GIB),
                    disk_total_bytes: Some(512 * GIB),
                    points: points.collect(),
                };
                vec![Reply::History {
                    id,
                    range,
                    history: Ok(history),
                }]
            }
            call @ (Call::Audit { .. }
            | Call::AuditChain
            | Call::AuditForwarding
            | Call::Export { .. }
            | Call::StopExport(_)) => self.audit_answer(call),
            Call::Change {
                ticket,
                id,
                change,
                body,
            } => {
                let current = self.systems.get(&id);
                let known = current.is_some_and(|system| match &body {
                    ChangeBody::Status(body) => {
                        system.fingerprint == body.fingerprint
                            && system.summary.status == body.expected_status
                    }
                    ChangeBody::Conflict(body) => {
                        let open = system
                            .conflicts
                            .iter()
                            .any(|conflict| conflict.id == body.conflict);
                        system.fingerprint == body.fingerprint && open
                    }
                });
                let result = if !known || self.stubborn.contains(&id) {
                    Err(refused(409, "changed", "the system changed since it was shown"))
                } else {
                    self.act(change, id);
                    Ok(())
                };
                vec![Reply::Changed { ticket, id, result }]
            }
            Call::ReadLog => vec![Reply::Log(vec![
                "2026-11-22T14:00:00Z  INFO approved system.id=1".to_owned(),
            ])],
            Call::Logout => Vec::new(),
            Call::Bootstrap { ticket, body } => {
                let url = body
                    .url
                    .unwrap_or_else(|| "https://scm.example.com:8443".to_owned());
                let made = if url.starts_with("https://") {
                    Ok(Box::new(recipe(&url, body.enrollment_token.as_deref())))
                } else {
                    Err(at_field("url", "must be https://host[:port]"))
                };
                vec![Reply::Bootstrap { ticket, made }]
            }
            Call::WriteConfig(text) => {
                self.configs.push(text.to_string());
                vec![Reply::ConfigWritten(Ok("/root/scmclient.config".to_owned()))]
            }
            Call::View(question) => vec![Reply::View(self.views.answer(question, &self.systems))],
            Call::Command(question) => vec![Reply::Command(self.commands.answer(question, self.clock))],
            Call::Upgrade(question) => {
                vec![Reply::Upgrade(self.upgrades.answer(
                    question,
                    self.systems.len(),
                    self.clock,
                ))]
            }
            Call::Group(question) => vec![Reply::Group(self.groups.answer(question, &self.systems))],
            Call::Backup(question) => vec![Reply::Backup(self.backups.answer(question, self.clock))],
            Call::Jobs
            | Call::JobTargets { .. }
            | Call::JobFailed(_)
            | Call::CreateJob { .. }
            | Call::ChangeJob { .. } => self.answer_job(call),
            Call::Settings | Call::ChangeSetting { .. } | Call::Signing(_) => {
                self.settings.answer(call, self.clock)
            }
            other => self.tokens.answer(other, self.clock),
        }
    }

    pub(crate) fn act(&mut self, change: Change, id: SystemId) {
        self.acted.push((change, id));
        let status = match change {
            Change::Approve => SystemStatus::Active,
            Change::Deny => SystemStatus::Denied,
            Change::Revoke => SystemStatus::Revoked,
            Change::Restore => SystemStatus::Active,
            // The job itself says which tag or group.
            Change::Tag | Change::Untag | Change::Join | Change::Leave | Change::Run | Change::Upgrade => {
                return;
            }
            Change::RotateKey => {
                if let Some(system) = self.systems.get_mut(&id) {
                    system.key_rotation_asked_ms = Some(self.clock);
                }
                return;
            }
            Change::Split | Change::Swap | Change::Dismiss => {
                if let Some(system) = self.systems.get_mut(&id) {
                    system.conflicts.clear();
                    system.summary.cloned = false;
                }
                return;
            }
            Change::Reject | Change::Delete => {
                self.systems.remove(&id);
                return;
            }
        };
        if let Some(system) = self.systems.get_mut(&id) {
            system.summary.status = status;
        }
    }

    fn detail(&self, id: SystemId) -> Result<Box<SystemDetail>, Failure> {
        let missing = || refused(404, "unknown_system", "there is no such system");
        self.systems.get(&id).cloned().map(Box::new).ok_or_else(missing)
    }

    fn list(&self, cursor: Option<String>) -> SystemPage {
        let mut items: Vec<&SystemSummary> = self.systems.values().map(|system| &system.summary).collect();
        items.sort_by_key(|item| {
            (
                item.status != SystemStatus::Pending,
                item.hostname.clone(),
                item.id,
            )
        });
        let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let next = (from + self.page < items.len()).then(|| (from + self.page).to_string());
        let items = items.into_iter().skip(from).take(self.page).cloned().collect();
        self.page_of(items, next)
    }

    fn page_of(&self, items: Vec<SystemSummary>, next_cursor: Option<String>) -> SystemPage {
        let total = i64::try_from(self.systems.len()).unwrap();
        SystemPage {
            items,
            next_cursor,
            total,
            server_time_ms: self.clock,
        }
    }

    fn overview(&self) -> Overview {
        let count = |wanted: &dyn Fn(&SystemSummary) -> bool| {
            i64::try_from(
                self.systems
                    .values()
                    .filter(|system| wanted(&system.summary))
                    .count(),
            )
            .unwrap()
        };
        let active = |system: &SystemSummary| system.status == SystemStatus::Active;
        let offline = |system: &SystemSummary| active(system) && system.presence == Presence::Offline;
        let listed = self
            .systems
            .values()
            .filter(|system| offline(&system.summary))
            .take(5);
        Overview {
            server_name: "prod-eu".to_owned(),
            version: "0.1.0".to_owned(),
            server_time_ms: self.clock,
            started_ms: UnixMillis(START - 93_600_000),
            counts: FleetCounts {
                total: count(&|_| true),
                pending: count(&|system| system.status == SystemStatus::Pending),
                online: count(&|system| active(system) && !offline(system)),
                offline: count(&offline),
                ..FleetCounts::default()
            },
            oldest_pending_ms: Some(UnixMillis(START - 5_400_000)),
            offline: listed
                .map(|system| OfflineSystem {
                    id: system.summary.id,
                    hostname: system.summary.hostname.clone(),
                    last_seen_ms: system.summary.last_seen_ms,
                })
                .collect(),
            recent_audit: self.audit.clone(),
        }
    }
}

/// A refusal that names a member.
fn at_field(field: &str, detail: &str) -> Failure {
    match refused(422, "invalid_value", detail) {
        Failure::Refused(mut problem) => {
            problem.field = Some(field.to_owned());
            Failure::Refused(problem)
        }
        other => other,
    }
}

/// A problem document.
pub(crate) fn refused(status: u16, code: &str, detail: &str) -> Failure {
    Failure::Refused(Box::new(Problem {
        kind: "about:blank".to_owned(),
        title: String::new(),
        status,
        code: code.to_owned(),
        detail: detail.to_owned(),
        field: None,
        matching: None,
        retry_after_secs: None,
    }))
}
