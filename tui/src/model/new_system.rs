//! The page "New system": what a new machine needs for a first contact that is pinned already.

use super::secret::Secret;
use super::text_field::TextField;
use scm_protocol::bootstrap::{BootstrapReply, BootstrapRequest};

/// A field of the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewSystemField {
    /// Where agents reach the server.
    #[default]
    Url,
    /// The secret of an enrollment token.
    Token,
}

impl NewSystemField {
    /// Every field, from the top.
    pub const ALL: [NewSystemField; 2] = [NewSystemField::Url, NewSystemField::Token];

    /// The field that the API calls so.
    pub fn of(member: &str) -> Option<Self> {
        match member {
            "url" => Some(NewSystemField::Url),
            "enrollment_token" => Some(NewSystemField::Token),
            _ => None,
        }
    }

    /// What stands before it.
    pub fn label(self) -> &'static str {
        match self {
            NewSystemField::Url => "server URL",
            NewSystemField::Token => "token",
        }
    }

    /// What it takes.
    pub fn hint(self) -> &'static str {
        match self {
            NewSystemField::Url => "https://host:port; blank: as this console reaches it",
            NewSystemField::Token => "paste an oscm_... secret; blank: you approve the machine",
        }
    }

    /// The other one.
    pub fn next(self) -> Self {
        match self {
            NewSystemField::Url => NewSystemField::Token,
            NewSystemField::Token => NewSystemField::Url,
        }
    }
}

/// What to bring to the new machine.
#[derive(Debug)]
pub struct Recipe {
    /// The command to paste.
    pub install_line: Secret,
    /// The configuration file.
    pub config: Secret,
    /// A token's secret is in it.
    pub secret: bool,
}

impl Recipe {
    /// From the server's answer.
    pub fn new(reply: BootstrapReply, secret: bool) -> Self {
        Recipe {
            install_line: Secret::new(reply.install_line),
            config: Secret::new(reply.config),
            secret,
        }
    }
}

/// The page.
#[derive(Debug, Default)]
pub struct NewSystemView {
    /// The address; kept for the next machine.
    pub url: TextField,
    /// The token.
    pub token: TextField,
    /// The field with the cursor.
    pub focus: NewSystemField,
    /// The field at fault, and why.
    pub fault: Option<(NewSystemField, String)>,
    /// What is wrong with none of the fields.
    pub error: Option<String>,
    /// The ticket of the request under way.
    pub waits_for: Option<u64>,
    /// The answer.
    pub recipe: Option<Recipe>,
    /// What was done with it, or why it could not be.
    pub notice: Option<Result<String, String>>,
    /// It is being written to a file.
    pub writing: bool,
}

impl NewSystemView {
    /// The text of a field.
    pub fn field(&self, field: NewSystemField) -> &TextField {
        match field {
            NewSystemField::Url => &self.url,
            NewSystemField::Token => &self.token,
        }
    }

    /// The field with the cursor.
    pub fn focused(&mut self) -> &mut TextField {
        match self.focus {
            NewSystemField::Url => &mut self.url,
            NewSystemField::Token => &mut self.token,
        }
    }

    /// The request; blanks are left out.
    pub fn request(&self) -> BootstrapRequest {
        let given = |field: &TextField| Some(field.text().trim().to_owned()).filter(|text| !text.is_empty());
        BootstrapRequest {
            url: given(&self.url),
            enrollment_token: given(&self.token),
        }
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.writing = false;
        if self.waits_for.take().is_some() {
            self.error = Some("the session ended before the answer: Enter asks again".to_owned());
        }
    }
}
