//! Questions to the server. What belongs to one room with many questions has a list of its own, as [`GroupCall`].

use super::{BackupCall, CommandCall, GroupCall, SigningCall, UpgradeCall, ViewCall};
use crate::config::Context;
use crate::model::{AccessChange, AccessTab, AuditFilter, Change, ChangeBody, JobChange, Range, TokenChange};
use scm_protocol::auth::{LoginRequest, SetupRequest};
use scm_protocol::bootstrap::BootstrapRequest;
use scm_protocol::enrollment::CreateToken;
use scm_protocol::ids::{JobId, SystemId, TokenId, UnixMillis};
use scm_protocol::jobs::CreateJob;
use scm_protocol::settings::SettingValue;
use zeroize::Zeroizing;

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
    /// About commands and what systems offer.
    Command(CommandCall),
    /// About packages, upgrades and rollouts.
    Upgrade(UpgradeCall),
    /// About groups, rules and tags.
    Group(GroupCall),
    /// About how lists are looked at.
    View(ViewCall),
    /// About backups.
    Backup(BackupCall),
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
        body: Box<CreateJob>,
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
    /// About the organization's signing key.
    Signing(SigningCall),
    /// `GET /api/v1/events`.
    Stream,
    /// The end of the console's log file.
    ReadLog,
}
