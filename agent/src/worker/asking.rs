//! One question to the server, signed, and its answer as far as it can be trusted.

use super::Worker;
use super::message::{self, Sender};
use crate::collect;
use crate::decide::{Situation, Task};
use crate::identity::{Boot, Error, Identity};
use crate::random::random_hex;
use crate::schedule;
use crate::wire::{
    Answer, Failure, RawReply, SentRequest, Trusted, read_certificate, read_checkin, read_registration,
    read_rotation, signer, successor,
};
use scm_protocol::ids::SystemId;
use scm_protocol::refusal::RefusalCode;
use std::time::Duration;

impl Worker {
    /// Sends what the task is and reads what comes back.
    pub(super) fn ask(
        &mut self,
        identity: &mut Identity,
        situation: &mut Situation,
    ) -> Result<Answer, Error> {
        let boot = identity.boot(&self.around.boot_id)?;
        match situation.task {
            Task::Register => {
                let token = self.server.enrollment_token.as_ref();
                let body = message::registration(collect::facts(), boot.id, token);
                let request = self.sender(identity).register(body, random_hex()?);
                let reply = self.exchange(&request, 0);
                let trusted = self.follow(identity, &request, &reply, situation.trusted)?;
                let answer = read_registration(&request, reply, &trusted);
                self.present_token &= !is_settled(&answer);
                Ok(answer)
            }
            Task::Certificate(id) => {
                let sequence = identity.sequence.take()?;
                let request = self.sender(identity).certificate(id, sequence);
                let reply = self.exchange(&request, 0);
                let trusted = self.follow(identity, &request, &reply, situation.trusted)?;
                Ok(read_certificate(&request, reply, &trusted))
            }
            Task::Rotate(id) => {
                let sequence = identity.sequence.take()?;
                let Some(next) = identity.next_key() else {
                    return Ok(Answer::Failed {
                        reason: "there is no next key to offer".to_owned(),
                        retry_after_secs: None,
                    });
                };
                let request = self.sender(identity).rotate(id, next, boot, sequence);
                let reply = self.exchange(&request, 0);
                let trusted = self.follow(identity, &request, &reply, situation.trusted)?;
                Ok(read_rotation(&request, reply, &trusted))
            }
            Task::CheckIn(id) | Task::TryNextKey(id) => self.ask_check_in(identity, situation, (id, boot)),
        }
    }

    /// Checks in, with the next key where that is to be tried.
    fn ask_check_in(
        &mut self,
        identity: &mut Identity,
        situation: &mut Situation,
        (id, boot): (SystemId, Boot),
    ) -> Result<Answer, Error> {
        let stop = self.around.stop.clone();
        let telemetry = self.collector.measure(|window| stop.wait(window));
        let facts = collect::facts();
        let news = (self.known_facts.as_ref() != Some(&facts)).then(|| facts.clone());
        let server_time = self.around.clock.now().plus(self.clock_offset_ms);
        let hold_secs =
            if self.patient && matches!(situation.task, Task::CheckIn(_)) && !self.must_attend(identity) {
                schedule::hold_secs(id, self.interval_secs, server_time)
            } else {
                0
            };
        let body = message::check_in(
            news,
            telemetry,
            boot,
            identity.server_key().is_some(),
            self.clock_offset_ms,
            (hold_secs, self.actions_digest()),
        );
        let sequence = identity.sequence.take()?;
        let mut sender = self.sender(identity);
        if let (Task::TryNextKey(_), Some(next)) = (situation.task, identity.next_key()) {
            sender = sender.with_key(next);
        }
        let request = sender.check_in(id, body, sequence);
        let reply = self.exchange(&request, hold_secs);
        let trusted = self.follow(identity, &request, &reply, situation.trusted)?;
        situation.trusted = trusted;
        let answer = read_checkin(&request, reply, &trusted);
        if matches!(answer, Answer::CheckedIn(_) | Answer::Introduced { .. }) {
            self.known_facts = (!wants_facts(&answer)).then_some(facts);
        }
        self.heed(identity, &answer);
        Ok(answer)
    }

    pub(super) fn exchange(&self, request: &SentRequest, hold_secs: u32) -> Result<RawReply, Failure> {
        tracing::debug!(server.url = %self.server.url, request.path = request.path, request.bytes = request.body.len(), "asking");
        self.client
            .exchange(request, Duration::from_secs(u64::from(hold_secs)))
    }

    /// Where the server says that another key took the place of the known one, and the known one vouches for it, that one
    /// is pinned from now on, whatever the reply is worth. Whom to believe this reply.
    pub(super) fn follow(
        &self,
        identity: &mut Identity,
        request: &SentRequest,
        reply: &Result<RawReply, Failure>,
        trusted: Trusted,
    ) -> Result<Trusted, Error> {
        let Ok(reply) = reply else { return Ok(trusted) };
        let Some(found) = successor(reply, &trusted, &self.server.organization) else {
            return Ok(trusted);
        };
        identity.follow(&found)?;
        tracing::info!(
            target: "security", event = "server_key_followed", server.url = %self.server.url,
            server.fingerprint = %found.key.fingerprint(), "the server has another signing key, its former one vouches for it"
        );
        Ok(signer(request, reply, trusted, &found.key))
    }

    pub(super) fn sender<'a>(&self, identity: &'a Identity) -> Sender<'a> {
        let now = self.around.clock.now().plus(self.clock_offset_ms);
        Sender::new(identity, now).expecting(self.server.server_key_pin)
    }
}

/// Whether the server wants to hear again what the machine is.
fn wants_facts(answer: &Answer) -> bool {
    match answer {
        Answer::CheckedIn(evidence) => evidence.get().send_facts,
        _ => false,
    }
}

/// Whether a registration has been decided on: one that was merely put off (busy, clock, network) is repeated.
fn is_settled(answer: &Answer) -> bool {
    match answer {
        Answer::Registered(_) => true,
        Answer::Refused(evidence) => matches!(
            evidence.get().code,
            RefusalCode::Denied | RefusalCode::Revoked | RefusalCode::InvalidRequest
        ),
        _ => false,
    }
}
