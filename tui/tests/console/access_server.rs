//! The part of the server in memory that keeps users and what belongs to them.

use crate::server::{START, refused};
use scm_protocol::api_tokens::{ApiToken, CreatedApiToken};
use scm_protocol::auth::{LoginMethod, Role};
use scm_protocol::ids::{ApiTokenId, SessionId, SshKeyId, UnixMillis, UserId};
use scm_protocol::organizations::{CreatedOrganization, OrganizationSummary};
use scm_protocol::second_factors::{RecoveryCodes, SecondFactorSecret};
use scm_protocol::sessions::SessionSummary;
use scm_protocol::ssh_keys::SshKey;
use scm_protocol::users::User;
use scmtui::message::{AccessPage, Call, Failure, Reply};
use scmtui::model::{AccessChange, AccessDone, AccessItem, AccessTab, AgentKey};

/// Users by name and role, and what was asked for.
pub(crate) struct AccessServer {
    pub(crate) users: Vec<User>,
    /// Routes of accepted changes, in order.
    pub(crate) done: Vec<&'static str>,
    /// Refuses every change with this code and reason.
    pub(crate) stubborn: Option<(&'static str, &'static str)>,
    /// Whether the caller has a second factor.
    pub(crate) second_factor: bool,
    pub(crate) agent: Vec<AgentKey>,
}

impl Default for AccessServer {
    fn default() -> Self {
        let user = |id: i64, name: &str, role: Role| User {
            id: UserId(id),
            username: name.to_owned(),
            role,
            created_ms: UnixMillis(START - 86_400_000 * id),
            last_login_ms: (id < 4).then_some(UnixMillis(START - 3_600_000 * id)),
            has_password: id != 3,
            second_factor: id == 1,
            ssh_keys: i64::from(id == 3),
            sessions: i64::from(id < 3),
            api_tokens: id - 1,
        };
        AccessServer {
            users: vec![
                user(1, "jdoe", Role::Owner),
                user(2, "ops", Role::Admin),
                user(3, "robot", Role::Viewer),
                user(4, "auditor", Role::Compliance),
            ],
            done: Vec::new(),
            stubborn: None,
            second_factor: false,
            agent: vec![AgentKey {
                name: "jdoe@desk".to_owned(),
                fingerprint: "SHA256:uNiVztksCsDhcc0u9e8BrrkZ9eYFkqCyQw0XeHBGUBI".to_owned(),
                line: "ssh-ed25519 AAAA jdoe@desk".to_owned(),
            }],
        }
    }
}

impl AccessServer {
    /// What it answers.
    pub(crate) fn answer(&mut self, call: Call) -> Vec<Reply> {
        match call {
            Call::AccessList { tab, .. } => vec![Reply::AccessList {
                tab,
                page: Ok(AccessPage::new(
                    self.list(tab).into_iter(),
                    None,
                    UnixMillis(START),
                )),
            }],
            Call::AccessChange {
                ticket, change, done, ..
            } => vec![Reply::AccessChanged {
                ticket,
                done,
                result: self.change(*change),
            }],
            Call::AgentKeys => vec![Reply::AgentKeys(Ok(self.agent.clone()))],
            Call::Account => vec![Reply::Account(Ok(self.second_factor))],
            _ => Vec::new(),
        }
    }

    fn list(&self, tab: AccessTab) -> Vec<AccessItem> {
        match tab {
            AccessTab::Users => self.users.iter().cloned().map(AccessItem::User).collect(),
            AccessTab::Sessions => vec![AccessItem::Session(SessionSummary {
                id: SessionId(7),
                user_id: UserId(1),
                username: "jdoe".to_owned(),
                created_ms: UnixMillis(START - 7_200_000),
                last_used_ms: UnixMillis(START - 60_000),
                expires_ms: UnixMillis(START + 36_000_000),
                address: "198.51.100.7".to_owned(),
                method: LoginMethod::Ssh,
                second_factor: true,
                current: true,
            })],
            AccessTab::ApiTokens => vec![AccessItem::ApiToken(token(3, "nightly report"))],
            AccessTab::SshKeys => vec![AccessItem::SshKey(SshKey {
                id: SshKeyId(5),
                user_id: UserId(1),
                name: "jdoe@desk".to_owned(),
                algorithm: "ssh-ed25519".to_owned(),
                fingerprint: self.agent[0].fingerprint.clone(),
                created_ms: UnixMillis(START - 86_400_000),
                last_used_ms: None,
            })],
            AccessTab::Organizations => vec![AccessItem::Organization(OrganizationSummary {
                name: "site-7".parse().unwrap(),
                created_ms: UnixMillis(START),
                users: 0,
                systems: 12,
                setup_needed: true,
            })],
        }
    }

    fn change(&mut self, change: AccessChange) -> Result<AccessDone, Failure> {
        if let Some((code, reason)) = self.stubborn {
            return Err(refused(409, code, reason));
        }
        self.done.push(change.route());
        Ok(match change {
            AccessChange::CreateApiToken(create) => AccessDone::ApiToken(CreatedApiToken {
                secret: "osca_0123456789012345678901234567890123456789012".to_owned(),
                token: token(4, &create.name),
            }),
            AccessChange::CreateOrganization(create) => AccessDone::Organization(CreatedOrganization {
                name: create.name,
                setup_code: "ABCD-EFGH-JKMN-PQRS".to_owned(),
            }),
            AccessChange::Enroll(_) => AccessDone::Enrolled(SecondFactorSecret {
                secret: "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(),
                url: "otpauth://totp/prod-eu:jdoe?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=prod-eu"
                    .to_owned(),
            }),
            AccessChange::Confirm(_) => AccessDone::Confirmed(RecoveryCodes {
                codes: (0..10)
                    .map(|number| format!("AAAA-BBBB-CCCC-{number:04}"))
                    .collect(),
            }),
            AccessChange::DeleteUser(id) => {
                self.users.retain(|user| user.id != id);
                AccessDone::Plain
            }
            _ => AccessDone::Plain,
        })
    }
}

fn token(id: i64, name: &str) -> ApiToken {
    ApiToken {
        id: ApiTokenId(id),
        name: name.to_owned(),
        user_id: UserId(1),
        username: "jdoe".to_owned(),
        role: Role::Admin,
        effective_role: Role::Viewer,
        created_ms: UnixMillis(START),
        expires_ms: UnixMillis(START + 86_400_000 * 30),
        last_used_ms: None,
    }
}
