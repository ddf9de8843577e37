//! What a server makes of reports, told by an agent by hand: sent twice, out of order, about another's command, too late.

use anyhow::{Context, Result};
use scm_protocol::agent::{CheckIn, CheckInReply};
use scm_protocol::commands::catalogue::Catalogue;
use scm_protocol::commands::order::SignedOrder;
use scm_protocol::commands::report::{
    CommandName, CommandReport, End, EndOutcome, Event, ResultsReply, ResultsRequest,
};
use scm_protocol::commands::{Command, CommandOutput, CommandState, SystemActions};
use scm_protocol::ids::Organization;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_tests::programs::{Admin, Rogue, Server};
use scm_tests::signed::{Answer, answer};
use serde_json::json;

const BOOT: &str = "00000000000000000000000000000000";

fn catalogue() -> Result<Catalogue> {
    let offered = json!({
        "actions": [
            { "name": "hello", "timeout_secs": 5 },
            { "name": "quiet", "timeout_secs": 5, "redacted": true },
        ],
        "refused": [{ "name": "shell", "reason": "is a shell" }],
    });
    Ok(serde_json::from_value(offered)?)
}

async fn run(admin: &Admin, rogue: &Rogue, action: &str) -> Result<Command> {
    let path = format!("/api/v1/systems/{}/commands", rogue.system);
    admin.call("POST", &path, &json!({ "action": action })).await
}

async fn see(admin: &Admin, command: &Command) -> Result<Command> {
    admin.get(&format!("/api/v1/commands/{}", command.id)).await
}

/// A check-in by an agent that has the server's key.
async fn check_in(rogue: &mut Rogue) -> Result<CheckInReply> {
    let body = CheckIn {
        agent_version: "0.1.0".to_owned(),
        boot_id: BOOT.to_owned(),
        has_server_key: true,
        actions: Some(catalogue()?.digest()),
        ..CheckIn::default()
    };
    let signed = rogue.checkin_with(serde_json::to_vec(&body)?, 0);
    rogue.accepted(&signed).await
}

async fn order(rogue: &mut Rogue) -> Result<SignedOrder> {
    check_in(rogue)
        .await?
        .tasks
        .commands
        .into_iter()
        .next()
        .context("nothing was handed out")
}

async fn tell(
    rogue: &mut Rogue,
    name: &CommandName,
    events: Vec<Event>,
) -> Result<Result<ResultsReply, Refusal>> {
    tell_as(rogue, BOOT, name, events).await
}

async fn tell_as(
    rogue: &mut Rogue,
    boot_id: &str,
    name: &CommandName,
    events: Vec<Event>,
) -> Result<Result<ResultsReply, Refusal>> {
    let reports = events.into_iter().map(|event| CommandReport {
        command: name.clone(),
        event,
    });
    let request = ResultsRequest {
        boot_id: boot_id.to_owned(),
        catalogue: None,
        reports: reports.collect(),
    };
    let signed = rogue.results(&request);
    Ok(match answer(&rogue.send(&signed).await?)? {
        Answer::Given(given) => Ok(given),
        Answer::Refused(refusal) => Err(refusal),
    })
}

fn ended(outcome: EndOutcome, output_bytes: i64) -> Event {
    let exit_code = (outcome == EndOutcome::Completed).then_some(0);
    Event::Ended(End {
        outcome,
        reason: None,
        exit_code,
        output_bytes,
    })
}

async fn output(admin: &Admin, command: &Command) -> Result<CommandOutput> {
    admin
        .get(&format!("/api/v1/commands/{}/output", command.id))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_handed_out_until_it_is_answered_and_answers_count_once() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut rogue = server.active_rogue().await?;
    assert!(
        check_in(&mut rogue).await?.send_actions,
        "the catalogue is asked for"
    );
    rogue.offer(catalogue()?).await?;
    assert!(!check_in(&mut rogue).await?.send_actions);
    let actions: SystemActions = admin
        .get(&format!("/api/v1/systems/{}/actions", rogue.system))
        .await?;
    assert_eq!(actions.catalogue, catalogue()?);

    let command = run(&admin, &rogue, "hello").await?;
    assert_eq!(command.state, CommandState::Created);
    let first = order(&mut rogue).await?;
    let again = order(&mut rogue).await?;
    assert_eq!(first, again, "the same as long as nothing is heard of it");
    let introduced = rogue.checkin()?;
    let key = rogue
        .accepted(&introduced)
        .await?
        .server_public_key
        .context("no key")?;
    let claimed = first.verify(&key, &Organization::default())?.get().clone();
    assert_eq!((claimed.id, claimed.system), (command.id, rogue.system));
    assert_eq!(claimed.expires_ms.since(claimed.issued_ms), 60_000);
    assert_eq!(see(&admin, &command).await?.state, CommandState::Dispatched);

    let name = claimed.name();
    let events = vec![
        Event::Started,
        Event::output(0, b"one\n"),
        Event::output(0, b"one\ntwo\n"),
    ];
    let reply = tell(&mut rogue, &name, events.clone()).await?;
    assert!(
        reply.is_ok_and(|reply| reply.tasks.is_empty()),
        "what is heard of is not handed out again"
    );
    assert!(
        tell(&mut rogue, &name, events).await?.is_ok(),
        "sent again after a lost reply"
    );
    assert_eq!(see(&admin, &command).await?.state, CommandState::Running);
    let so_far = output(&admin, &command).await?;
    assert_eq!((so_far.text.as_str(), so_far.complete), ("one\ntwo\n", false));
    let end = ended(EndOutcome::Completed, 8);
    let after = vec![
        end.clone(),
        end,
        ended(EndOutcome::Failed, 0),
        Event::output(8, b"late"),
        Event::Started,
    ];
    assert!(tell(&mut rogue, &name, after).await?.is_ok());
    let done = see(&admin, &command).await?;
    assert_eq!((done.state, done.exit_code), (CommandState::Completed, Some(0)));
    assert!(!done.output_incomplete);
    assert_eq!(output(&admin, &command).await?.text, "one\ntwo\n");
    assert!(check_in(&mut rogue).await?.tasks.is_empty());
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_speaks_for_anothers_command_or_out_of_turn() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let (mut rogue, mut other) = (server.active_rogue().await?, server.active_rogue().await?);
    for one in [&mut rogue, &mut other] {
        one.offer(catalogue()?).await?;
    }
    let command = run(&admin, &rogue, "quiet").await?;
    let name = order(&mut rogue).await?.claimed().name();
    // Another system, another nonce, a command that never was: taken, and of no effect.
    assert!(tell(&mut other, &name, vec![Event::Started]).await?.is_ok());
    let guessed = CommandName {
        nonce: "f".repeat(32),
        ..name.clone()
    };
    assert!(tell(&mut rogue, &guessed, vec![Event::Started]).await?.is_ok());
    assert_eq!(see(&admin, &command).await?.state, CommandState::Dispatched);
    // Another run of the agent than the one that checked in.
    let refused = tell_as(&mut rogue, &"1".repeat(32), &name, vec![Event::Started]).await?;
    assert_eq!(refused.unwrap_err().code, RefusalCode::RateLimited);
    // Not signed by the registered key.
    let request = ResultsRequest {
        boot_id: BOOT.to_owned(),
        ..ResultsRequest::default()
    };
    let forged = rogue.results(&request).altered(|_, body| body.push(b' '));
    assert_eq!(rogue.refused(&forged).await?.1.code, RefusalCode::BadSignature);
    let bad = vec![Event::Output {
        start: -1,
        data: "eA==".to_owned(),
    }];
    let refused = tell(&mut rogue, &name, bad).await?.unwrap_err();
    assert_eq!(refused.field.as_deref(), Some("reports[0].event.start"));
    assert_eq!(see(&admin, &command).await?.state, CommandState::Dispatched);

    // What is cancelled under way is told to its system, and its word is what counts.
    assert!(
        tell(
            &mut rogue,
            &name,
            vec![Event::Started, Event::output(0, b"secret")]
        )
        .await?
        .is_ok()
    );
    let cancel = format!("/api/v1/commands/{}/cancel", command.id);
    admin
        .call::<Command>("POST", &cancel, &serde_json::Value::Null)
        .await?;
    assert_eq!(
        check_in(&mut rogue).await?.tasks.cancel,
        std::slice::from_ref(&name)
    );
    assert!(
        tell(&mut rogue, &name, vec![ended(EndOutcome::Cancelled, 6)])
            .await?
            .is_ok()
    );
    let done = see(&admin, &command).await?;
    assert_eq!(
        (done.state, done.output_bytes),
        (CommandState::Cancelled, 0),
        "redacted output is not kept"
    );

    // A system that is cut off reports nothing.
    admin.decide(rogue.system, "revoke").await?;
    assert_eq!(
        tell(&mut rogue, &name, vec![Event::Started])
            .await?
            .unwrap_err()
            .code,
        RefusalCode::Revoked
    );
    server.assert_healthy().await
}
