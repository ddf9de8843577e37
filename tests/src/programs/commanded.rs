//! A system with actions, and what is made of them.

use super::{Admin, Agent, AgentBuilder, Server, eventually};
use anyhow::{Context, Result, ensure};
use scm_protocol::audit::AuditPage;
use scm_protocol::commands::{Command, CommandOutput, CommandState, SystemActions};
use scm_protocol::ids::{CommandId, SystemId};
use scm_protocol::systems::SystemStatus;
use serde_json::json;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// Programs and what they leave behind.
pub struct Programs {
    folder: TempDir,
    /// Their sections of the configuration.
    pub sections: String,
}

impl Programs {
    /// None yet.
    ///
    /// # Errors
    /// When there is no folder to be had.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("scm-actions-").tempdir()?;
        Ok(Programs {
            folder,
            sections: String::new(),
        })
    }

    /// A file of theirs.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An action of that name that runs these lines; `more` are further lines of its section.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn add(&mut self, name: &str, lines: &str, more: &str) -> Result<()> {
        let program = self.path(name);
        fs::write(&program, format!("#!/bin/sh\n{lines}\n"))?;
        fs::set_permissions(&program, Permissions::from_mode(0o755))?;
        self.sections += &format!(
            "\n[[action]]\nname = \"{name}\"\nprogram = \"{}\"\n{more}\n",
            program.display()
        );
        Ok(())
    }

    /// An action that leaves a line with its parameter in `trace`.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn add_trace(&mut self, name: &str, after: &str) -> Result<()> {
        let lines = format!("echo \"$1\" >> {}\n{after}", self.path("trace").display());
        let more =
            "arguments = [\"{word}\"]\n\n[[action.parameter]]\nname = \"word\"\npattern = \"[a-z0-9]+\"";
        self.add(name, &lines, more)
    }

    /// What is in `trace`.
    pub fn traces(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("trace")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// Whether no process holds `lock`.
    ///
    /// # Errors
    /// When it cannot be done.
    pub fn is_free(&self) -> Result<bool> {
        let file = fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.path("lock"))?;
        Ok(file.try_lock().is_ok())
    }
}

/// A server, an agent that offers something, and an administrator.
pub struct Commanded {
    /// The server.
    pub server: Server,
    /// The agent.
    pub agent: Agent,
    /// The local administrator.
    pub admin: Admin,
    /// What the agent offers.
    pub programs: Programs,
    /// The agent's id.
    pub system: SystemId,
}

impl Commanded {
    /// A server with an agent that is approved and has reported what it offers.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn start(server: Server, programs: Programs) -> Result<Self> {
        let builder = server.agent();
        Self::start_with(server, programs, builder).await
    }

    /// As [`Commanded::start`], with an agent of this kind.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn start_with(server: Server, programs: Programs, builder: AgentBuilder) -> Result<Self> {
        let agent = builder.actions(&programs.sections).start()?;
        let admin = server.admin()?;
        let system = admin.await_status(SystemStatus::Pending).await?.id;
        admin.decide(system, "approve").await?;
        let world = Commanded {
            server,
            agent,
            admin,
            programs,
            system,
        };
        eventually("the actions to be reported", 60, async || {
            Ok(world.actions().await?.reported_ms.map(|_| ()))
        })
        .await?;
        Ok(world)
    }

    /// What the system offers.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn actions(&self) -> Result<SystemActions> {
        self.admin
            .get(&format!("/api/v1/systems/{}/actions", self.system))
            .await
    }

    /// Where commands are given to its system.
    pub fn path(&self) -> String {
        format!("/api/v1/systems/{}/commands", self.system)
    }

    /// Creates a command; its id.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn run(&self, action: &str, word: Option<&str>) -> Result<CommandId> {
        let mut body = json!({ "action": action });
        if let Some(word) = word {
            body["parameters"] = json!({ "word": word });
        }
        let created: Command = self.admin.call("POST", &self.path(), &body).await?;
        Ok(created.id)
    }

    /// A command as it is now.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn command(&self, id: CommandId) -> Result<Command> {
        self.admin.get(&format!("/api/v1/commands/{id}")).await
    }

    /// Waits for a state. Another end is an error.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn until(&self, id: CommandId, state: CommandState) -> Result<Command> {
        let mut last = None;
        let reached = eventually(state.as_str(), 90, async || {
            let command = self.command(id).await?;
            let there = command.state == state;
            ensure!(there || !command.state.is_over(), "it is over: {command:?}");
            last = Some(command.clone());
            Ok(there.then_some(command))
        })
        .await;
        reached.with_context(|| format!("{last:?}"))
    }

    /// All that a command wrote so far.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn output(&self, id: CommandId) -> Result<String> {
        let (mut text, mut start) = (String::new(), 0);
        loop {
            let path = format!("/api/v1/commands/{id}/output?start={start}");
            let part: CommandOutput = self.admin.get(&path).await?;
            if part.complete || part.next_start == start {
                return Ok(text + &part.text);
            }
            text += &part.text;
            start = part.next_start;
        }
    }

    /// Who did what with a command, oldest first.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn history(&self, id: CommandId) -> Result<Vec<(String, String, String)>> {
        let page: AuditPage = self
            .admin
            .get("/api/v1/audit?limit=500&action=!systems.checkin")
            .await?;
        let target = format!("command:{id}");
        let own = page.items.into_iter().filter(|entry| entry.target == target);
        let mut own: Vec<_> = own
            .map(|entry| (entry.action, entry.actor, entry.outcome))
            .collect();
        own.reverse();
        Ok(own)
    }
}
