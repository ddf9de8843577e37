//! Answers of the server.

use super::{BackupReply, CommandReply, Failure, GroupReply, SigningReply, UpgradeReply, ViewReply};
use crate::model::{
    AccessDone, AccessItem, AccessTab, AgentKey, JobChange, Range, Recipe, ShownSecret, TokenChange,
};
use scm_protocol::audit::{AuditChain, AuditForwarding, AuditPage};
use scm_protocol::auth::{Session, SetupState};
use scm_protocol::enrollment::TokenPage;
use scm_protocol::events::{self, Hello, Overview};
use scm_protocol::ids::{JobId, SystemId, TokenId, UnixMillis};
use scm_protocol::jobs::{Job, JobPage, JobTargetPage};
use scm_protocol::settings::{SettingList, SettingValue};
use scm_protocol::systems::{SystemDetail, SystemPage};
use scm_protocol::telemetry::TelemetryHistory;

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum Reply {
    /// Whether a token file is at hand.
    Connected(Result<bool, String>),
    SetupState(Result<SetupState, Failure>),
    /// Of login, setup and session.
    Session(Result<Session, Failure>),
    /// The first factor held.
    SecondFactorRequired,
    AgentKeys(Result<Vec<AgentKey>, String>),
    /// Whether there is a second factor.
    Account(Result<bool, Failure>),
    AccessList {
        tab: AccessTab,
        page: Result<AccessPage, Failure>,
    },
    AccessChanged {
        ticket: u64,
        done: String,
        result: Result<AccessDone, Failure>,
    },
    Overview(Result<Box<Overview>, Failure>),
    List {
        round: u64,
        page: Result<SystemPage, Failure>,
    },
    Rows {
        ids: Vec<SystemId>,
        page: Result<SystemPage, Failure>,
    },
    Detail {
        id: SystemId,
        detail: Result<Box<SystemDetail>, Failure>,
    },
    Gathered {
        ticket: u64,
        id: SystemId,
        detail: Result<Box<SystemDetail>, Failure>,
    },
    History {
        id: SystemId,
        range: Range,
        history: Result<TelemetryHistory, Failure>,
    },
    Audit {
        round: u64,
        older: bool,
        page: Result<AuditPage, Failure>,
    },
    AuditChain(Result<Box<AuditChain>, Failure>),
    AuditForwarding(Result<AuditForwarding, Failure>),
    Exporting {
        ticket: u64,
        bytes: u64,
    },
    /// What was written, or why nothing was.
    Exported {
        ticket: u64,
        result: Result<String, String>,
    },
    Changed {
        ticket: u64,
        id: SystemId,
        result: Result<(), Failure>,
    },
    Tokens(Result<TokenPage, Failure>),
    TokenCreated {
        ticket: u64,
        created: Result<Box<ShownSecret>, Failure>,
    },
    TokenChanged {
        id: TokenId,
        name: String,
        change: TokenChange,
        result: Result<(), Failure>,
    },
    /// The path of the file, or why there is none.
    SecretWritten {
        stem: String,
        path: Result<String, String>,
    },
    Bootstrap {
        ticket: u64,
        made: Result<Box<Recipe>, Failure>,
    },
    /// The path of the file, or why there is none.
    ConfigWritten(Result<String, String>),
    Command(CommandReply),
    Upgrade(UpgradeReply),
    Group(GroupReply),
    View(ViewReply),
    Backup(BackupReply),
    Jobs(Result<JobPage, Failure>),
    JobTargets {
        id: JobId,
        cursor: Option<String>,
        page: Result<JobTargetPage, Failure>,
    },
    JobFailed {
        id: JobId,
        page: Result<JobTargetPage, Failure>,
    },
    JobCreated {
        ticket: u64,
        created: Result<Box<Job>, Failure>,
    },
    /// A retry answers with its new job.
    JobChanged {
        id: JobId,
        change: JobChange,
        result: Result<Option<Box<Job>>, Failure>,
    },
    Settings(Result<SettingList, Failure>),
    SettingChanged {
        ticket: u64,
        name: String,
        before: Option<SettingValue>,
        reset: bool,
        result: Result<(), Failure>,
    },
    Signing(SigningReply),
    Hello(Hello),
    Change(events::Change),
    StreamEnded(Failure),
    /// A question has had no answer for a while; or no longer waits for one.
    Late(bool),
    Log(Vec<String>),
}

/// A page of a tab.
#[derive(Debug)]
pub struct AccessPage {
    /// Its lines.
    pub items: Vec<AccessItem>,
    /// Where to read on.
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

impl AccessPage {
    /// Puts one together.
    pub fn new(
        items: impl Iterator<Item = AccessItem>,
        next_cursor: Option<String>,
        server_time_ms: UnixMillis,
    ) -> Self {
        AccessPage {
            items: items.collect(),
            next_cursor,
            server_time_ms,
        }
    }
}
