//! What goes into `update` and what comes out of it.

use crate::config::Context;
use crate::group_message::{GroupCall, GroupReply};
use crate::model::{
    AccessChange, AccessDone, AccessItem, AccessTab, AgentKey, AuditFilter, Change, ChangeBody, JobChange,
    Range, Recipe, ShownSecret, TokenChange,
};
use crate::terminal::TerminalEvent;
use scm_protocol::audit::{AuditChain, AuditForwarding, AuditPage};
use scm_protocol::auth::{LoginRequest, Session, SetupRequest, SetupState};
use scm_protocol::bootstrap::BootstrapRequest;
use scm_protocol::enrollment::{CreateToken, TokenPage};
use scm_protocol::events::{self, Hello, Overview};
use scm_protocol::ids::{JobId, SystemId, TokenId, UnixMillis};
use scm_protocol::jobs::{CreateJob, Job, JobPage, JobTargetPage};
use scm_protocol::problem::Problem;
use scm_protocol::settings::{SettingList, SettingValue};
use scm_protocol::systems::{SystemDetail, SystemPage};
use scm_protocol::telemetry::TelemetryHistory;
use zeroize::Zeroizing;

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    /// In the terminal.
    Terminal(TerminalEvent),
    /// At the server.
    Reply {
        /// The generation that asked.
        generation: u64,
        /// The answer.
        reply: Reply,
    },
    /// The moment of a timer came.
    Tick,
}

/// Something to be done outside.
pub enum Effect {
    /// End the program.
    Quit,
    /// Give the terminal to the shell for a while.
    Suspend,
    /// Paint everything anew.
    Repaint,
    /// Put a text into the terminal's clipboard.
    Copy(Zeroizing<String>),
    /// Ask the server.
    Call {
        /// Who asks.
        generation: u64,
        /// What.
        call: Call,
    },
}

/// A question to the server. No `Debug`: some carry passwords.
pub enum Call {
    /// Get ready to talk to this server.
    Connect(Box<Context>),
    /// `GET /api/v1/setup`.
    SetupState,
    /// `POST /api/v1/setup`.
    Setup(SetupRequest),
    /// `POST /api/v1/sessions`.
    Login(LoginRequest),
    /// `POST /api/v1/sessions/challenge`, the agent's signature, `POST /api/v1/sessions/ssh`.
    LoginSsh {
        /// Who.
        username: String,
        /// The key.
        fingerprint: String,
    },
    /// `POST /api/v1/sessions/second-factor`.
    SecondFactor(Zeroizing<String>),
    /// What the SSH agent of this terminal holds.
    AgentKeys,
    /// `GET /api/v1/account`.
    Account,
    /// A page of a tab.
    AccessList {
        /// Which.
        tab: AccessTab,
        /// Where to read on.
        cursor: Option<String>,
    },
    /// A change of users and the like.
    AccessChange {
        /// Which form or question.
        ticket: u64,
        /// The `Idempotency-Key`, where something is created.
        key: String,
        /// What.
        change: Box<AccessChange>,
        /// What is said then.
        done: String,
    },
    /// `GET /api/v1/sessions/current`.
    Session,
    /// `DELETE /api/v1/sessions/current`.
    Logout,
    /// `GET /api/v1/overview`.
    Overview,
    /// A page of the list.
    List {
        /// Which reading it belongs to.
        round: u64,
        /// Where to read on.
        cursor: Option<String>,
    },
    /// At most 100 rows by id.
    Rows(Vec<SystemId>),
    /// `GET /api/v1/systems/{id}`, to show it.
    Detail(SystemId),
    /// `GET /api/v1/systems/{id}`, for a dialog.
    Gather {
        /// Which dialog.
        ticket: u64,
        /// Which system.
        id: SystemId,
    },
    /// `GET /api/v1/systems/{id}/telemetry`.
    History {
        /// Which system.
        id: SystemId,
        /// How far back.
        range: Range,
        /// Until when.
        to: UnixMillis,
    },
    /// A page of the audit.
    Audit {
        /// Which search it belongs to.
        round: u64,
        /// What is searched for.
        filter: AuditFilter,
        /// Where to read on.
        cursor: Option<String>,
    },
    /// `GET /api/v1/audit/chain`.
    AuditChain,
    /// `GET /api/v1/audit/forwarding`.
    AuditForwarding,
    /// Writes what a search finds into a new file.
    Export {
        /// Which export.
        ticket: u64,
        /// What is searched for.
        filter: AuditFilter,
        /// The file.
        file: String,
    },
    /// Ends an export and removes its file.
    StopExport(u64),
    /// A change of one system.
    Change {
        /// Which dialog.
        ticket: u64,
        /// Which system.
        id: SystemId,
        /// What.
        change: Change,
        /// As it was when the dialog was drawn.
        body: ChangeBody,
    },
    /// A page of the enrollment tokens.
    Tokens(Option<String>),
    /// `POST /api/v1/enrollment/tokens`.
    CreateToken {
        /// Which form.
        ticket: u64,
        /// The `Idempotency-Key`.
        key: String,
        /// What was typed.
        body: CreateToken,
    },
    /// Disables, enables or deletes an enrollment token.
    ChangeToken {
        /// Which token.
        id: TokenId,
        /// Its name, for the message.
        name: String,
        /// What.
        change: TokenChange,
    },
    /// Writes a secret to a new file that only its owner can read.
    WriteSecret {
        /// How the file's name begins.
        stem: String,
        /// The secret.
        secret: Zeroizing<String>,
    },
    /// `POST /api/v1/enrollment/bootstrap`.
    Bootstrap {
        /// Which request.
        ticket: u64,
        /// What was typed.
        body: BootstrapRequest,
    },
    /// Writes an agent's configuration to a new file that only its owner can read.
    WriteConfig(Zeroizing<String>),
    /// About groups, rules and tags.
    Group(GroupCall),
    /// The newest bulk jobs.
    Jobs,
    /// A page of the systems of a job.
    JobTargets {
        /// Which job.
        id: JobId,
        /// Where to read on.
        cursor: Option<String>,
    },
    /// The failed systems of a job, to mark them.
    JobFailed(JobId),
    /// `POST /api/v1/jobs`.
    CreateJob {
        /// Which dialog.
        ticket: u64,
        /// The `Idempotency-Key`.
        key: String,
        /// What, and on which systems.
        body: CreateJob,
    },
    /// Cancels a job, or tries its failed systems again.
    ChangeJob {
        /// Which job.
        id: JobId,
        /// What.
        change: JobChange,
        /// The `Idempotency-Key` of a retry.
        key: String,
    },
    /// `GET /api/v1/settings`.
    Settings,
    /// Changes a setting, or puts it back to its default.
    ChangeSetting {
        /// Which request.
        ticket: u64,
        /// Which setting.
        name: String,
        /// What it is to be; none: its default.
        value: Option<serde_json::Value>,
        /// What held before, to take the change back.
        before: Option<SettingValue>,
    },
    /// `GET /api/v1/events`.
    Stream,
    /// The end of the console's log file.
    ReadLog,
}

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
    Group(GroupReply),
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
        created: Result<Job, Failure>,
    },
    /// A retry answers with its new job.
    JobChanged {
        id: JobId,
        change: JobChange,
        result: Result<Option<Job>, Failure>,
    },
    Settings(Result<SettingList, Failure>),
    SettingChanged {
        ticket: u64,
        name: String,
        before: Option<SettingValue>,
        reset: bool,
        result: Result<(), Failure>,
    },
    Hello(Hello),
    Change(events::Change),
    StreamEnded(Failure),
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

/// Why an answer is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer: network, TLS, time.
    #[error("{0}")]
    Unreachable(String),
    /// The session is no longer good.
    #[error("{0}")]
    Unauthorized(String),
    /// The server says no.
    #[error("{}", problem_text(.0))]
    Refused(Box<Problem>),
    /// An answer that cannot be understood.
    #[error("unexpected answer from the server: {0}")]
    Broken(String),
}

impl Failure {
    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Failure::Refused(problem) => Some(problem.status),
            Failure::Unauthorized(_) => Some(401),
            Failure::Unreachable(_) | Failure::Broken(_) => None,
        }
    }
}

fn problem_text(problem: &Problem) -> String {
    let mut text = crate::model::clean(&problem.detail);
    if let Some(field) = &problem.field
        && !text.contains(field.as_str())
    {
        text = format!("{}: {text}", crate::model::clean(field));
    }
    match problem.retry_after_secs {
        Some(secs) => format!("{text} (again in {secs} s)"),
        None => text,
    }
}
