//! Questions about commands and what systems offer, and their answers.

use super::Failure;
use scm_protocol::commands::{
    Command, CommandOutput, CommandPage, CreateCommand, Offered, OfferedQuery, SystemActions,
};
use scm_protocol::ids::{CommandId, SystemId};

/// A question.
#[derive(Debug)]
pub enum CommandCall {
    /// `GET /api/v1/commands`.
    List,
    /// `GET /api/v1/commands/{id}`.
    Show(CommandId),
    /// `POST /api/v1/commands/offered`.
    Offered {
        /// Which form.
        ticket: u64,
        /// By which systems.
        query: OfferedQuery,
    },
    /// `GET /api/v1/commands/{id}/output`.
    Output {
        /// Which command.
        id: CommandId,
        /// From which byte on.
        start: i64,
    },
    /// `GET /api/v1/systems/{id}/actions`.
    Actions(SystemId),
    /// `POST /api/v1/systems/{id}/commands`.
    Create {
        /// Which form.
        ticket: u64,
        /// Which system.
        id: SystemId,
        /// The `Idempotency-Key`.
        key: String,
        /// What was chosen and typed.
        body: CreateCommand,
    },
    /// `POST /api/v1/commands/{id}/cancel`.
    Cancel(CommandId),
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum CommandReply {
    List(Result<CommandPage, Failure>),
    Show {
        id: CommandId,
        command: Result<Box<Command>, Failure>,
    },
    Offered {
        ticket: u64,
        offered: Result<Box<Offered>, Failure>,
    },
    Output {
        id: CommandId,
        start: i64,
        part: Result<CommandOutput, Failure>,
    },
    Actions {
        id: SystemId,
        actions: Result<Box<SystemActions>, Failure>,
    },
    Created {
        ticket: u64,
        created: Result<Box<Command>, Failure>,
    },
    Cancelled {
        id: CommandId,
        result: Result<Box<Command>, Failure>,
    },
}
