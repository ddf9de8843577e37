//! The part of the server in memory that keeps commands and what systems offer.

use scm_protocol::commands::catalogue::Catalogue;
use scm_protocol::commands::{
    Command, CommandOutput, CommandPage, CommandState, CreateCommand, Offered, OfferedBy, OfferedQuery,
    SystemActions,
};
use scm_protocol::ids::{CommandId, SystemId, UnixMillis};
use scm_protocol::jobs::RunOnMany;
use scmtui::message::{CommandCall, CommandReply};
use serde_json::json;

/// Commands with what they wrote.
#[derive(Default)]
pub(crate) struct CommandServer {
    pub(crate) commands: Vec<(Command, String)>,
    /// What was asked for, in order.
    pub(crate) created: Vec<(SystemId, CreateCommand)>,
}

fn offered() -> SystemActions {
    let catalogue = json!({
        "actions": [
            { "name": "reboot", "description": "Restart the machine", "timeout_secs": 60, "requires_confirmation": true },
            {
                "name": "restart-service", "description": "Restart one of the web services", "timeout_secs": 120,
                "parameters": [
                    { "name": "service", "description": "nginx or caddy", "pattern": "nginx|caddy", "max_length": 20 },
                    { "name": "why", "max_length": 40 },
                ],
            },
        ],
        "refused": [{ "name": "shell", "reason": "its program is a shell, which is never run" }],
    });
    let catalogue: Catalogue = serde_json::from_value(catalogue).unwrap();
    SystemActions {
        catalogue,
        reported_ms: None,
    }
}

/// All but one of them offer both.
fn offered_by(query: &OfferedQuery) -> Offered {
    let systems = i64::try_from(query.systems.len()).unwrap();
    let systems = if query.filter.is_some() { 26 } else { systems };
    let actions = offered().catalogue.actions.into_iter();
    Offered {
        systems,
        actions: actions
            .map(|action| OfferedBy {
                action,
                systems: systems - 1,
            })
            .collect(),
    }
}

impl CommandServer {
    pub(crate) fn answer(&mut self, call: CommandCall, now: UnixMillis) -> CommandReply {
        match call {
            CommandCall::List => CommandReply::List(Ok(CommandPage {
                items: self
                    .commands
                    .iter()
                    .rev()
                    .map(|(command, _)| command.clone())
                    .collect(),
                next_cursor: None,
                server_time_ms: now,
            })),
            CommandCall::Show(id) => CommandReply::Show {
                id,
                command: Ok(Box::new(self.find(id).0.clone())),
            },
            CommandCall::Offered { ticket, query } => CommandReply::Offered {
                ticket,
                offered: Ok(Box::new(offered_by(&query))),
            },
            CommandCall::Output { id, start } => CommandReply::Output {
                id,
                start,
                part: Ok(self.output(id, start)),
            },
            CommandCall::Actions(id) => CommandReply::Actions {
                id,
                actions: Ok(Box::new(offered())),
            },
            CommandCall::Create { ticket, id, body, .. } => {
                let created = self.create(id, &body, now);
                self.created.push((id, body));
                CommandReply::Created {
                    ticket,
                    created: Ok(Box::new(created)),
                }
            }
            CommandCall::Cancel(id) => {
                let (command, _) = self.find(id);
                command.cancelled_by = Some("user:jdoe".to_owned());
                CommandReply::Cancelled {
                    id,
                    result: Ok(Box::new(command.clone())),
                }
            }
        }
    }

    /// A command of a job that is over.
    pub(crate) fn run_for_job(&mut self, system: SystemId, run: &RunOnMany, now: UnixMillis) -> CommandId {
        let body = CreateCommand {
            action: run.action.clone(),
            parameters: run.parameters.clone(),
            ..CreateCommand::default()
        };
        let id = self.create(system, &body, now).id;
        let (command, text) = self.find(id);
        command.state = CommandState::Completed;
        *text = "restarted\n".to_owned();
        id
    }

    pub(crate) fn find(&mut self, id: CommandId) -> &mut (Command, String) {
        self.commands
            .iter_mut()
            .find(|(command, _)| command.id == id)
            .unwrap()
    }

    fn output(&mut self, id: CommandId, start: i64) -> CommandOutput {
        let (command, text) = self.find(id);
        let from = usize::try_from(start).unwrap();
        CommandOutput {
            text: text[from..].to_owned(),
            next_start: i64::try_from(text.len()).unwrap(),
            complete: command.state.is_over(),
        }
    }

    fn create(&mut self, system: SystemId, body: &CreateCommand, now: UnixMillis) -> Command {
        let command = Command {
            id: CommandId(i64::try_from(self.commands.len() + 1).unwrap()),
            system,
            hostname: format!("web-{:03}", system.0),
            action: body.action.clone(),
            parameters: body.parameters.clone(),
            state: CommandState::Created,
            reason: None,
            exit_code: None,
            created_ms: now,
            created_by: "user:jdoe".to_owned(),
            wait_until_ms: now.plus(600_000),
            dispatched_ms: None,
            started_ms: None,
            ended_ms: None,
            cancelled_by: None,
            output_bytes: 0,
            output_incomplete: false,
            redacted: false,
        };
        self.commands.push((command.clone(), String::new()));
        command
    }
}
