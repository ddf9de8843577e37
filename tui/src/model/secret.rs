//! A secret that is shown once, until the administrator says that it is stored.

use crate::clock::Moment;
use scm_protocol::enrollment::CreatedToken;
use std::fmt;
use zeroize::Zeroizing;

/// A text that is wiped when it is dropped and that debug output does not show.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a text over.
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The text.
    pub fn expose(&self) -> &Zeroizing<String> {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What is said of a secret on its screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretLabel {
    /// The window's title.
    pub title: &'static str,
    /// What it belongs to: `token`.
    pub kind: &'static str,
    /// The name of that, fit for the terminal.
    pub name: String,
    /// Where it goes.
    pub note: &'static str,
    /// How the name of a file that it is written to begins.
    pub stem: String,
    /// What is said once it is stored.
    pub done: String,
}

/// A secret on the screen.
#[derive(Debug)]
pub struct ShownSecret {
    /// What nothing shows again; several lines where there are several.
    pub secret: Secret,
    /// What is said of it.
    pub label: SecretLabel,
    /// When it was first on the screen: keys that were read before a while after it are dropped.
    pub shown_at: Option<Moment>,
    /// The box is ticked.
    pub stored: bool,
    /// What was done with it, and what is missing.
    pub notice: Option<Result<String, String>>,
    /// The file that it was written to.
    pub file: Option<String>,
    /// It is being written to a file.
    pub writing: bool,
}

impl ShownSecret {
    /// A secret that was not shown yet.
    pub fn new(secret: String, label: SecretLabel) -> Self {
        ShownSecret {
            secret: Secret::new(secret),
            label,
            shown_at: None,
            stored: false,
            notice: None,
            file: None,
            writing: false,
        }
    }

    /// The secret of a new enrollment token.
    pub fn of_token(created: CreatedToken) -> Self {
        let name = super::row::clean(&created.token.name);
        let label = SecretLabel {
            title: "the secret of a new enrollment token",
            kind: "token",
            note: "Goes into `enrollment_token` of the agent's configuration.",
            stem: format!("enrollment-token-{}-{name}", created.token.id),
            done: format!("created {name}"),
            name,
        };
        ShownSecret::new(created.secret, label)
    }
}
