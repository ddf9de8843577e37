//! The forms about access: fields with texts or choices, and the change that follows from them.

use super::access::AgentKey;
use super::access_question::AccessChange;
use super::secret::Secret;
use super::text_field::TextField;
use crate::keys::Key;
use scm_protocol::api_tokens::CreateApiToken;
use scm_protocol::auth::{MIN_PASSWORD_CHARS, Role};
use scm_protocol::ids::UserId;
use scm_protocol::organizations::CreateOrganization;
use scm_protocol::ssh_keys::AddSshKey;
use scm_protocol::users::{ChangePassword, CreateUser, username_problem};
use zeroize::Zeroizing;

/// Which form.
#[derive(Debug)]
#[expect(missing_docs, reason = "each makes the change of its name")]
pub enum FormKind {
    NewUser,
    /// Of a user of that name.
    Role(UserId, String),
    /// Of a user of that name.
    Password(UserId, String),
    OwnPassword,
    NewApiToken,
    AddSshKey,
    NewOrganization,
    /// With the password that the server knows.
    Enroll,
    /// With the seed on the screen: base32 and the URL of the QR code.
    Confirm(Secret, Secret),
    Disable,
}

/// A field: a text, or one of several choices.
#[derive(Debug)]
pub struct AccessField {
    /// What the API calls it.
    pub member: &'static str,
    /// What stands before it.
    pub label: &'static str,
    /// What it takes.
    pub hint: &'static str,
    /// The text; of a choice, nothing.
    pub text: TextField,
    /// The text is not shown.
    pub hidden: bool,
    /// What can be chosen, and which is.
    pub choices: Option<(Vec<String>, usize)>,
}

impl AccessField {
    fn text(member: &'static str, label: &'static str, hint: &'static str) -> Self {
        AccessField {
            member,
            label,
            hint,
            text: TextField::default(),
            hidden: false,
            choices: None,
        }
    }

    fn hidden(member: &'static str, label: &'static str, hint: &'static str) -> Self {
        AccessField {
            hidden: true,
            ..Self::text(member, label, hint)
        }
    }

    fn role(chosen: Role, up_to: Role) -> Self {
        let roles: Vec<Role> = Role::ALL
            .into_iter()
            .filter(|role| role.weaker(up_to) == *role)
            .collect();
        let at = roles.iter().position(|role| *role == chosen).unwrap_or(0);
        let names = roles.iter().map(|role| role.as_str().to_owned()).collect();
        AccessField {
            choices: Some((names, at)),
            ..Self::text("role", "role", "Left and Right choose")
        }
    }

    /// What is typed or chosen.
    pub fn value(&self) -> &str {
        match &self.choices {
            Some((names, at)) => names.get(*at).map_or("", String::as_str),
            None => self.text.text(),
        }
    }

    /// Edits the text, or chooses.
    pub fn key(&mut self, key: Key) {
        let Some((names, at)) = &mut self.choices else {
            self.text.key(key);
            return;
        };
        let last = names.len().saturating_sub(1);
        match key {
            Key::Left => *at = if *at == 0 { last } else { *at - 1 },
            Key::Right | Key::Char(' ') => *at = if *at >= last { 0 } else { *at + 1 },
            _ => {}
        }
    }
}

/// A form.
#[derive(Debug)]
pub struct AccessForm {
    /// Which.
    pub kind: FormKind,
    /// Its fields.
    pub fields: Vec<AccessField>,
    /// The field with the cursor.
    pub focus: usize,
    /// The field at fault, and why.
    pub fault: Option<(usize, String)>,
    /// What is wrong with none of the fields.
    pub error: Option<String>,
    /// The ticket of the request under way.
    pub waits_for: Option<u64>,
}

const PASSWORD_HINT: &str = "at least 12 characters, without the name";

impl AccessForm {
    /// An empty form; `own` is the role of whoever fills it in.
    pub fn new(kind: FormKind, own: Role, agent: &[AgentKey]) -> Self {
        let text = AccessField::text;
        let hidden = AccessField::hidden;
        let fields = match &kind {
            FormKind::NewUser => vec![
                text("username", "name", "1 to 64 of a-z A-Z 0-9 . _ - @"),
                AccessField::role(Role::Viewer, own),
                hidden(
                    "password",
                    "password",
                    "at least 12 characters; blank: an SSH key alone",
                ),
                hidden("repeat", "repeat", ""),
                text("ssh_key", "SSH key", "paste a line of authorized_keys; or blank"),
            ],
            FormKind::Role(..) => vec![AccessField::role(Role::Viewer, own)],
            FormKind::Password(..) => vec![
                hidden(
                    "password",
                    "password",
                    "blank: none, an SSH key alone logs them in",
                ),
                hidden("repeat", "repeat", ""),
            ],
            FormKind::OwnPassword => vec![
                hidden("old_password", "old password", "blank where there is none"),
                hidden("new_password", "new password", PASSWORD_HINT),
                hidden("repeat", "repeat", ""),
            ],
            FormKind::NewApiToken => vec![
                text("name", "name", "1 to 64 characters, like: nightly report"),
                AccessField::role(own, own),
                text("days", "ends in days", "1 to 366"),
            ],
            FormKind::AddSshKey => {
                let mut names = vec!["none".to_owned()];
                names.extend(
                    agent
                        .iter()
                        .map(|key| format!("{} {}", key.name, key.fingerprint)),
                );
                let choices = AccessField {
                    choices: Some((names, 0)),
                    ..text("agent", "of ssh-agent", "Left and Right choose; or paste below")
                };
                let line = text("public_key", "or paste", "a line of authorized_keys");
                vec![choices, line]
            }
            FormKind::NewOrganization => vec![text("name", "name", "1 to 63 of a-z 0-9 -")],
            FormKind::Enroll => vec![hidden("password", "password", "yours; blank where there is none")],
            FormKind::Confirm(..) => vec![text("code", "code", "six digits of your app")],
            FormKind::Disable => vec![text("code", "code", "six digits, or a recovery code")],
        };
        AccessForm {
            kind,
            fields,
            focus: 0,
            fault: None,
            error: None,
            waits_for: None,
        }
    }

    /// The window's title.
    pub fn title(&self) -> String {
        match &self.kind {
            FormKind::NewUser => "new user".to_owned(),
            FormKind::Role(_, name) => format!("role of {name}"),
            FormKind::Password(_, name) => format!("password of {name}"),
            FormKind::OwnPassword => "change your password".to_owned(),
            FormKind::NewApiToken => "new API token".to_owned(),
            FormKind::AddSshKey => "add an SSH key to yourself".to_owned(),
            FormKind::NewOrganization => "new organization".to_owned(),
            FormKind::Enroll => "second factor: 1 of 2".to_owned(),
            FormKind::Confirm(..) => "second factor: 2 of 2".to_owned(),
            FormKind::Disable => "turn the second factor off".to_owned(),
        }
    }

    /// What follows from it, for whoever fills it in.
    pub fn note(&self) -> &'static str {
        match &self.kind {
            FormKind::NewUser => "Names are unique on the whole server.",
            FormKind::Role(..) | FormKind::Password(..) => "It ends this user's sessions at once.",
            FormKind::OwnPassword => "It ends your other sessions.",
            FormKind::NewApiToken => "It may what the weaker of its role and yours may.",
            FormKind::AddSshKey => "Whoever holds its private key logs in as you.",
            FormKind::NewOrganization => "It gets a setup code for its first owner.",
            FormKind::Enroll => "Every login will need a code of your authenticator.",
            FormKind::Confirm(..) => "Scan it, or type the secret; then a code of it.",
            FormKind::Disable => "Logins need the first factor alone again.",
        }
    }

    /// What is typed or chosen in the field that the API calls so.
    fn value(&self, member: &str) -> &str {
        let field = self.fields.iter().find(|field| field.member == member);
        field.map_or("", AccessField::value)
    }

    /// The field that the API calls so.
    pub fn index_of(&self, member: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.member == member)
    }

    /// Shows what is wrong, at its field.
    pub fn refuse(&mut self, member: &str, reason: String) {
        match self.index_of(member) {
            Some(at) => {
                self.focus = at;
                self.fault = Some((at, reason));
            }
            None => self.error = Some(reason),
        }
    }

    fn role(&self) -> Role {
        Role::parse(self.value("role")).unwrap_or(Role::Viewer)
    }

    /// What is typed as a password, twice; none for a blank.
    fn password(&self, member: &'static str) -> Result<Option<String>, (&'static str, String)> {
        let password = self.value(member);
        if password.is_empty() {
            return Ok(None);
        }
        if password.chars().count() < MIN_PASSWORD_CHARS {
            let reason = format!("must have at least {MIN_PASSWORD_CHARS} characters");
            return Err((member, reason));
        }
        if password != self.value("repeat") {
            return Err(("repeat", "is not the same".to_owned()));
        }
        Ok(Some(password.to_owned()))
    }

    /// The change, with the keys that the agent holds.
    ///
    /// # Errors
    /// The first field that cannot be, and why.
    pub fn change(&self, agent: &[AgentKey]) -> Result<AccessChange, (&'static str, String)> {
        let given = |member: &str| Some(self.value(member).to_owned()).filter(|text| !text.is_empty());
        Ok(match &self.kind {
            FormKind::NewUser => {
                let username = self.value("username").to_owned();
                if let Some(reason) = username_problem(&username) {
                    return Err(("username", reason));
                }
                let (password, ssh_key) = (self.password("password")?, given("ssh_key"));
                if password.is_none() && ssh_key.is_none() {
                    return Err(("password", "give a password, an SSH key, or both".to_owned()));
                }
                AccessChange::CreateUser(CreateUser {
                    username,
                    role: self.role(),
                    password,
                    ssh_key,
                })
            }
            FormKind::Role(id, _) => AccessChange::SetRole(*id, self.role()),
            FormKind::Password(id, _) => {
                AccessChange::SetPassword(*id, self.password("password")?.map(Zeroizing::new))
            }
            FormKind::OwnPassword => {
                let new = self.password("new_password")?;
                AccessChange::OwnPassword(ChangePassword {
                    old_password: given("old_password"),
                    new_password: new.ok_or_else(|| ("new_password", PASSWORD_HINT.to_owned()))?,
                })
            }
            FormKind::NewApiToken => {
                let days = self.value("days").trim().parse();
                let create = CreateApiToken {
                    name: self.value("name").to_owned(),
                    role: self.role(),
                    days: days.map_err(|_| ("days", "must be a number from 1 to 366".to_owned()))?,
                };
                // The role is not above one's own: the choices end there.
                match create.problem(Role::Owner) {
                    Some(problem) => return Err(problem),
                    None => AccessChange::CreateApiToken(create),
                }
            }
            FormKind::AddSshKey => AccessChange::AddSshKey(AddSshKey {
                public_key: self.chosen_key(agent)?,
                user_id: None,
            }),
            FormKind::NewOrganization => {
                let name = self.value("name").trim().parse();
                let invalid = |error: scm_protocol::ids::InvalidOrganization| ("name", error.to_string());
                AccessChange::CreateOrganization(CreateOrganization {
                    name: name.map_err(invalid)?,
                })
            }
            FormKind::Enroll => AccessChange::Enroll(given("password").map(Zeroizing::new)),
            FormKind::Confirm(..) => AccessChange::Confirm(self.code()?),
            FormKind::Disable => AccessChange::Disable(self.code()?),
        })
    }

    fn code(&self) -> Result<String, (&'static str, String)> {
        let code = self.value("code").trim().to_owned();
        if code.is_empty() {
            return Err(("code", "type the code".to_owned()));
        }
        Ok(code)
    }

    fn chosen_key(&self, agent: &[AgentKey]) -> Result<String, (&'static str, String)> {
        let chosen = self.fields.first().and_then(|field| field.choices.as_ref());
        let chosen = chosen.and_then(|(_, at)| agent.get(at.checked_sub(1)?));
        let pasted = self.value("public_key").trim();
        match chosen {
            Some(key) => Ok(key.line.clone()),
            None if pasted.is_empty() => Err(("public_key", "choose a key, or paste one".to_owned())),
            None => Ok(pasted.to_owned()),
        }
    }
}
