//! Calls about commands and what systems offer.

use super::http::Http;
use crate::message::{CommandCall, CommandReply, Failure};
use scm_protocol::commands::{Command, CreateCommand};
use scm_protocol::ids::{CommandId, SystemId};

const PATH: &str = "/api/v1/commands";
/// Commands of the list.
const PAGE: usize = 200;

pub(super) async fn answer(http: &Http, call: CommandCall) -> CommandReply {
    match call {
        CommandCall::List => CommandReply::List(http.get(&format!("{PATH}?limit={PAGE}")).await),
        CommandCall::Show(id) => CommandReply::Show {
            id,
            command: http.get(&format!("{PATH}/{id}")).await.map(Box::new),
        },
        CommandCall::Offered { ticket, query } => CommandReply::Offered {
            ticket,
            offered: http.post(&format!("{PATH}/offered"), &query).await.map(Box::new),
        },
        CommandCall::Output { id, start } => CommandReply::Output {
            id,
            start,
            part: http.get(&format!("{PATH}/{id}/output?start={start}")).await,
        },
        CommandCall::Actions(id) => CommandReply::Actions {
            id,
            actions: http
                .get(&format!("/api/v1/systems/{id}/actions"))
                .await
                .map(Box::new),
        },
        CommandCall::Create {
            ticket,
            id,
            key,
            body,
        } => CommandReply::Created {
            ticket,
            created: create(http, id, &key, &body).await,
        },
        CommandCall::Cancel(id) => CommandReply::Cancelled {
            id,
            result: cancel(http, id).await,
        },
    }
}

async fn create(http: &Http, id: SystemId, key: &str, body: &CreateCommand) -> Result<Box<Command>, Failure> {
    let path = format!("/api/v1/systems/{id}/commands");
    let created: Result<Command, Failure> = http.create(&path, key, body).await;
    match &created {
        Ok(command) => tracing::info!(command.id = command.id.0, system.id = id.0, "created"),
        Err(error) => tracing::warn!(system.id = id.0, "could not create a command: {error}"),
    }
    created.map(Box::new)
}

async fn cancel(http: &Http, id: CommandId) -> Result<Box<Command>, Failure> {
    let cancelled: Result<Command, Failure> = http.post(&format!("{PATH}/{id}/cancel"), &()).await;
    match &cancelled {
        Ok(_) => tracing::info!(command.id = id.0, "cancelled"),
        Err(error) => tracing::warn!(command.id = id.0, "could not cancel a command: {error}"),
    }
    cancelled.map(Box::new)
}
