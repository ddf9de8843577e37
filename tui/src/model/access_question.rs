//! What is asked of the server about access, and the question before it.

use super::dialog::Focus;
use super::secret::{SecretLabel, ShownSecret};
use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::api_tokens::{CreateApiToken, CreatedApiToken};
use scm_protocol::auth::Role;
use scm_protocol::ids::{ApiTokenId, SessionId, SshKeyId, UserId};
use scm_protocol::organizations::{CreateOrganization, CreatedOrganization};
use scm_protocol::second_factors::{RecoveryCodes, SecondFactorSecret};
use scm_protocol::ssh_keys::AddSshKey;
use scm_protocol::users::{ChangePassword, CreateUser};
use zeroize::Zeroizing;

/// A change. No `Debug`: some carry passwords.
#[derive(Clone)]
#[expect(missing_docs, reason = "each is the route of its name")]
pub enum AccessChange {
    CreateUser(CreateUser),
    SetRole(UserId, Role),
    SetPassword(UserId, Option<Zeroizing<String>>),
    ResetSecondFactor(UserId),
    EndSessions(UserId),
    DeleteUser(UserId),
    EndSession(SessionId),
    CreateApiToken(CreateApiToken),
    RevokeApiToken(ApiTokenId),
    AddSshKey(AddSshKey),
    RemoveSshKey(SshKeyId),
    CreateOrganization(CreateOrganization),
    OwnPassword(ChangePassword),
    Enroll(Option<Zeroizing<String>>),
    Confirm(String),
    Disable(String),
}

impl AccessChange {
    /// The name of its route.
    pub fn route(&self) -> &'static str {
        match self {
            AccessChange::CreateUser(_) => "users.create",
            AccessChange::SetRole(..) => "users.set_role",
            AccessChange::SetPassword(..) => "users.set_password",
            AccessChange::ResetSecondFactor(_) => "users.reset_second_factor",
            AccessChange::EndSessions(_) => "users.end_sessions",
            AccessChange::DeleteUser(_) => "users.delete",
            AccessChange::EndSession(_) => "sessions.end",
            AccessChange::CreateApiToken(_) => "api_tokens.create",
            AccessChange::RevokeApiToken(_) => "api_tokens.revoke",
            AccessChange::AddSshKey(_) => "ssh_keys.add",
            AccessChange::RemoveSshKey(_) => "ssh_keys.remove",
            AccessChange::CreateOrganization(_) => "organizations.create",
            AccessChange::OwnPassword(_) => "account.set_password",
            AccessChange::Enroll(_) => "second_factors.enroll",
            AccessChange::Confirm(_) => "second_factors.confirm",
            AccessChange::Disable(_) => "second_factors.disable",
        }
    }
}

/// What came of a change. No `Debug`: some carry secrets.
#[expect(missing_docs, reason = "each is the reply of its name")]
pub enum AccessDone {
    Plain,
    ApiToken(CreatedApiToken),
    Organization(CreatedOrganization),
    Enrolled(SecondFactorSecret),
    Confirmed(RecoveryCodes),
}

impl std::fmt::Debug for AccessDone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessDone")
    }
}

impl AccessDone {
    /// The secret in it that is shown once.
    pub fn secret(self) -> Option<ShownSecret> {
        let (secret, label) = match self {
            AccessDone::ApiToken(created) => {
                let name = super::row::clean(&created.token.name);
                let label = SecretLabel {
                    title: "the secret of a new API token",
                    kind: "API token",
                    note: "Goes into `Authorization: Bearer` of a script's requests.",
                    stem: format!("api-token-{}-{name}", created.token.id),
                    done: format!("created {name}"),
                    name,
                };
                (created.secret, label)
            }
            AccessDone::Organization(created) => {
                let name = created.name.to_string();
                let label = SecretLabel {
                    title: "the setup code of a new organization",
                    kind: "organization",
                    note: "Whoever has it becomes the first owner: `#` on the login page.",
                    stem: format!("setup-code-{name}"),
                    done: format!("created {name}"),
                    name,
                };
                (created.setup_code, label)
            }
            AccessDone::Confirmed(codes) => {
                let label = SecretLabel {
                    title: "recovery codes",
                    kind: "second factor",
                    name: "is on".to_owned(),
                    note: "Each is good for one login without your authenticator.",
                    stem: "recovery-codes".to_owned(),
                    done: "the second factor is on".to_owned(),
                };
                (codes.codes.join("\n"), label)
            }
            AccessDone::Plain | AccessDone::Enrolled(_) => return None,
        };
        Some(ShownSecret::new(secret, label))
    }
}

/// The question before a change.
pub struct AccessQuestion {
    /// The window's title.
    pub title: String,
    /// What is asked.
    pub head: String,
    /// What follows from it.
    pub lines: Vec<String>,
    /// What must be typed, where it destroys something.
    pub phrase: Option<String>,
    /// What is typed.
    pub typed: TextField,
    /// The button, where nothing is typed.
    pub focus: Focus,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
    /// What is done: frozen when the key was pressed.
    pub change: AccessChange,
    /// What is said then.
    pub done: String,
}

impl std::fmt::Debug for AccessQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessQuestion({})", self.head)
    }
}
