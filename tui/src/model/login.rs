//! The login page: what is typed on it never leaves it but to the server.

use super::access::AgentKey;
use super::state::Page;
use super::text_field::TextField;
use scm_protocol::auth::Session;

/// What the login page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoginStep {
    /// The server is being asked.
    #[default]
    Connecting,
    /// Name and password.
    Password,
    /// The first owner: setup code, name, password, repeat.
    Setup,
    /// The first factor held: a code of the second.
    SecondFactor,
}

/// The login page.
#[derive(Debug, Default)]
pub struct Login {
    /// Which form.
    pub step: LoginStep,
    /// The one-time code of the first start.
    pub code: TextField,
    /// The name.
    pub username: TextField,
    /// The password.
    pub password: TextField,
    /// The password again.
    pub repeat: TextField,
    /// A code of the second factor.
    pub second: TextField,
    /// Keys of the SSH agent that may log in, below the fields.
    pub keys: Vec<AgentKey>,
    /// The field with the cursor, from the top.
    pub focus: usize,
    /// An answer is awaited.
    pub busy: bool,
    /// What is wrong.
    pub error: Option<String>,
    /// Where to go after the login.
    pub resume: Option<Page>,
    /// The session that was lost: what is on the screen belongs to it.
    pub before: Option<Session>,
}
