//! Commands and the actions that systems offer.

use super::{Shape, add, get, idempotency_key, made, post};
use crate::commands;
use scm_protocol::commands::report::{ResultsReply, ResultsRequest};
use scm_protocol::commands::{
    Command, CommandOutput, CommandPage, CreateCommand, Offered, OfferedBy, OfferedQuery, SystemActions,
};
use utoipa::openapi::{RefOr, Schema};

pub(super) fn shape(route: &str) -> Option<Shape> {
    Some(match route {
        "commands.actions" => get(
            "What a system offers to run, as its agent reported it",
            "SystemActions",
        ),
        "commands.offered" => post(
            "What many systems offer to run, and how many of them each",
            "OfferedQuery",
            "Offered",
        ),
        "commands.create" => Shape {
            parameters: vec![idempotency_key()],
            ..made(
                "Run an action that the system offers; its parameters are checked by their patterns",
                "CreateCommand",
                "Command",
            )
        },
        "commands.list" => Shape {
            parameters: commands::routes::list_parameters(),
            ..get("Commands, newest first", "CommandPage")
        },
        "commands.show" => get("A command and where it stands", "Command"),
        "commands.output" => Shape {
            parameters: commands::routes::output_parameters(),
            ..get("What a command wrote so far, a part at a time", "CommandOutput")
        },
        "commands.cancel" => get(
            "Stop a command: at once, or as soon as its system asks",
            "Command",
        ),
        "commands.results" => post(
            "An agent reports what it offers and what came of its commands, signed (docs/protocol.md)",
            "ResultsRequest",
            "ResultsReply",
        ),
        _ => return None,
    })
}

pub(super) fn schemas(all: &mut Vec<(String, RefOr<Schema>)>) {
    add::<SystemActions>(all);
    add::<OfferedQuery>(all);
    add::<OfferedBy>(all);
    add::<Offered>(all);
    add::<CreateCommand>(all);
    add::<Command>(all);
    add::<CommandPage>(all);
    add::<CommandOutput>(all);
    add::<ResultsRequest>(all);
    add::<ResultsReply>(all);
}
