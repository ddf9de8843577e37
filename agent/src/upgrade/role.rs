//! As what this process runs, said by the one that started it.

use crate::identity::ServerTag;
use crate::platform::service;
use scm_protocol::agent::AgentStatus;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// The variable of the environment that says it.
const VARIABLE: &str = "SCMCLIENT_ROLE";
const LAUNCHED: &str = "launched";
const TRIAL: &str = "trial:";

/// The variable that says where the installed program lies, to those that it became.
const INSTALLED: &str = "SCMCLIENT_INSTALLED";

/// As what this process runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The installed program, started by a service manager or a person: it becomes the newest verified one.
    Installed,
    /// A verified one, which the installed one, or the one before, became.
    Launched,
    /// A verified one that has to prove itself; its parent keeps watch. The trial's mark.
    OnTrial(String),
}

impl Role {
    /// Of this process.
    pub fn of_this_process() -> Self {
        Role::parse(std::env::var_os(VARIABLE).as_deref())
    }

    fn parse(value: Option<&OsStr>) -> Self {
        match value.and_then(OsStr::to_str) {
            Some(LAUNCHED) => Role::Launched,
            Some(text) => text
                .strip_prefix(TRIAL)
                .map_or(Role::Installed, |mark| Role::OnTrial(mark.to_owned())),
            None => Role::Installed,
        }
    }

    /// What says it in the environment of a process.
    pub fn variable(&self) -> (&'static str, String) {
        let value = match self {
            Role::Installed => String::new(),
            Role::Launched => LAUNCHED.to_owned(),
            Role::OnTrial(mark) => format!("{TRIAL}{mark}"),
        };
        (VARIABLE, value)
    }
}

/// Where the installed program lies, from which this one came; this one itself where it is that.
pub fn installed_program() -> Option<PathBuf> {
    let said = std::env::var_os(INSTALLED).filter(|_| Role::of_this_process() != Role::Installed);
    said.map(PathBuf::from).or_else(|| std::env::current_exe().ok())
}

/// Says to a program that it is started in this role, and where the installed one lies.
pub(super) fn start_as(command: &mut Command, role: &Role) {
    let (name, value) = role.variable();
    command.env(name, value);
    if let Some(installed) = installed_program() {
        command.env(INSTALLED, installed);
    }
    service::pass_on(command);
}

/// What a program on trial has to do: to complete a signed check-in with the server that ordered it.
#[derive(Clone)]
pub struct OnTrial {
    server: String,
    proven: Arc<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for OnTrial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OnTrial({})", self.server)
    }
}

impl OnTrial {
    /// `proven` is called when it is done, perhaps more than once.
    pub fn new(server: String, proven: impl Fn() + Send + Sync + 'static) -> Self {
        OnTrial {
            server,
            proven: Arc::new(proven),
        }
    }

    /// A server's reply to a check-in, signed by its pinned key, said this.
    pub fn checked_in(&self, server: &ServerTag, status: AgentStatus) {
        if status == AgentStatus::Active && server.to_string() == self.server {
            (self.proven)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_as_it_was_said() {
        for role in [Role::Installed, Role::Launched, Role::OnTrial("0a".to_owned())] {
            assert_eq!(Role::parse(Some(OsStr::new(&role.variable().1))), role);
        }
        assert_eq!(Role::parse(None), Role::Installed);
        assert_eq!(Role::parse(Some(OsStr::new("x"))), Role::Installed);
    }
}
