//! Storing registrations: many in one transaction, with a handful of statements whatever their number.

use super::admission::{Admission, Tokens};
use super::record::Chronicle;
use super::store::{self, Existing, NewSystem};
use super::token_store;
use super::waiting::WaitingCount;
use crate::auth::SecretHash;
use crate::error::Error;
use crate::groups;
use crate::rules::{self, RulesCache};
use crate::storage::Conn;
use scm_protocol::agent::{MAX_CLOCK_SKEW_SECS, RegisterRequest};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// A registration whose signature held, ready to be stored.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub organization_id: i64,
    pub key: PublicKey,
    /// Without the token.
    pub request: RegisterRequest,
    pub token: Option<SecretHash>,
    pub nonce_digest: Vec<u8>,
    pub address: IpAddr,
    pub interval_secs: u32,
    /// Most systems that may wait.
    pub pending_max: i64,
    pub now: UnixMillis,
}

/// What is remembered from one registration to the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// How many systems wait.
    pub waiting: WaitingCount,
    /// Decide on their automatic groups.
    pub rules: RulesCache,
}

/// What became of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Registered {
    /// It was added, and this is what its token was worth.
    New(SystemId, Option<Admission>),
    /// It was waiting and came back with a token.
    Presented(SystemId, Admission),
    /// Its key is known, and nothing was changed.
    Known(SystemId, SystemStatus),
    /// It was seen before.
    Replayed,
    /// As many wait as may wait: nothing was changed.
    Full,
}

/// Stores registrations and takes their tokens; what became of each, in their order. Of two with the same key the later one
/// is decided when the earlier one is stored.
pub(super) fn store_candidates(
    conn: &mut Conn,
    memory: &Memory,
    candidates: &[Candidate],
) -> Result<Vec<Registered>, Error> {
    let mut done: Vec<Option<Registered>> = vec![None; candidates.len()];
    loop {
        let turn = next_turn(candidates, &done);
        let Some(first) = turn.first() else {
            return Ok(done.into_iter().flatten().collect());
        };
        let organization_id = candidates[*first].organization_id;
        let members: Vec<&Candidate> = turn.iter().map(|index| &candidates[*index]).collect();
        let registered = Turn::of(organization_id, &members, memory).store(conn)?;
        for (index, registered) in turn.into_iter().zip(registered) {
            done[index] = Some(registered);
        }
    }
}

/// Those of one organization that are open, each key once. Organizations come in the order of their ids: two servers that lock
/// them in another order would wait for each other.
fn next_turn(candidates: &[Candidate], done: &[Option<Registered>]) -> Vec<usize> {
    let open = || {
        let all = candidates.iter().zip(done).enumerate();
        all.filter(|(_, (_, done))| done.is_none())
            .map(|(index, (candidate, _))| (index, candidate))
    };
    let organization_id = open().map(|(_, candidate)| candidate.organization_id).min();
    let mut keys = HashSet::new();
    open()
        .filter(|(_, candidate)| {
            Some(candidate.organization_id) == organization_id && keys.insert(candidate.key.as_bytes())
        })
        .map(|(index, _)| index)
        .collect()
}

/// Registrations of one organization with different keys.
struct Turn<'a> {
    organization_id: i64,
    candidates: &'a [&'a Candidate],
    memory: &'a Memory,
    /// How many wait, once it was counted.
    waiting: Option<i64>,
    tokens: Tokens,
}

/// What is decided of one.
enum Step {
    Over(Registered),
    /// It is added.
    New(Option<Admission>),
    /// It waits already, and its token is taken.
    Presented(SystemId, Admission),
}

impl<'a> Turn<'a> {
    fn of(organization_id: i64, candidates: &'a [&'a Candidate], memory: &'a Memory) -> Self {
        Turn {
            organization_id,
            candidates,
            memory,
            waiting: None,
            tokens: Tokens::default(),
        }
    }

    fn store(mut self, conn: &mut Conn) -> Result<Vec<Registered>, Error> {
        token_store::hold_organization(conn, self.organization_id)?;
        let keys: Vec<&PublicKey> = self.candidates.iter().map(|candidate| &candidate.key).collect();
        let existing = store::by_keys(conn, self.organization_id, &keys)?;
        let steps = self.decide(conn, &existing)?;
        self.tokens.count_uses(conn)?;
        let added = self.add(conn, &steps)?;
        self.approve_and_record(conn, &steps, &added)?;
        self.regroup(conn, &steps, &added)?;
        self.remember_waiting(conn, &steps)?;
        let finished = steps.into_iter().zip(self.candidates).map(|(step, candidate)| {
            Ok(match step {
                Step::Over(registered) => registered,
                Step::New(admission) => Registered::New(id_of(&added, candidate)?, admission),
                Step::Presented(id, admission) => Registered::Presented(id, admission),
            })
        });
        finished.collect()
    }

    /// Whether there is no room for another one to wait; if there is, it is taken. Registrations take turns, so that the
    /// number is exact over several servers.
    fn is_full(&mut self, conn: &mut Conn, candidate: &Candidate) -> Result<bool, Error> {
        let waiting = match self.waiting {
            Some(waiting) => waiting,
            None => self.memory.waiting.of(conn, self.organization_id)?,
        };
        let full = waiting >= candidate.pending_max;
        self.waiting = Some(waiting + i64::from(!full));
        Ok(full)
    }

    fn decide(
        &mut self,
        conn: &mut Conn,
        existing: &HashMap<PublicKey, Existing>,
    ) -> Result<Vec<Step>, Error> {
        let mut full = Vec::with_capacity(self.candidates.len());
        for candidate in self.candidates {
            // A flood writes nothing, not even what remembers it.
            let anybody = candidate.token.is_none() && !existing.contains_key(&candidate.key);
            full.push(anybody && self.is_full(conn, candidate)?);
        }
        let fresh = self.remember_nonces(conn, &full)?;
        let mut steps = Vec::with_capacity(self.candidates.len());
        for (candidate, full) in self.candidates.iter().zip(full) {
            steps.push(if full {
                Step::Over(Registered::Full)
            } else if !fresh.contains(&candidate.nonce_digest) {
                Step::Over(Registered::Replayed)
            } else {
                self.decide_fresh(conn, candidate, existing.get(&candidate.key))?
            });
        }
        Ok(steps)
    }

    /// Remembers those that are looked at; answers which were not seen before.
    fn remember_nonces(&self, conn: &mut Conn, full: &[bool]) -> Result<HashSet<Vec<u8>>, Error> {
        let looked_at = self.candidates.iter().zip(full).filter(|(_, full)| !**full);
        let nonces: Vec<(&[u8], UnixMillis)> = looked_at
            .map(|(candidate, _)| {
                // A `created` at the far edge of the future is accepted for twice the skew.
                let expires = candidate.now.plus(2 * MAX_CLOCK_SKEW_SECS * 1000 + 1000);
                (candidate.nonce_digest.as_slice(), expires)
            })
            .collect();
        store::remember_nonces(conn, &nonces)
    }

    fn decide_fresh(
        &mut self,
        conn: &mut Conn,
        candidate: &Candidate,
        existing: Option<&Existing>,
    ) -> Result<Step, Error> {
        match (existing, &candidate.token) {
            // One without a token found room above.
            (None, None) => Ok(Step::New(None)),
            (None, Some(token)) => {
                let admission = self.take(conn, token, candidate)?;
                if !admission.approves() && self.is_full(conn, candidate)? {
                    return Ok(Step::Over(Registered::Full));
                }
                Ok(Step::New(Some(admission)))
            }
            (Some(existing), Some(token)) if existing.status == SystemStatus::Pending => {
                self.present(conn, candidate, existing.id, token)
            }
            (Some(existing), _) => Ok(Step::Over(Registered::Known(existing.id, existing.status))),
        }
    }

    /// A waiting system came back with a token.
    fn present(
        &mut self,
        conn: &mut Conn,
        candidate: &Candidate,
        id: SystemId,
        token: &SecretHash,
    ) -> Result<Step, Error> {
        // Another replica may have decided on it between our reading and this lock: then the token is not used.
        if !store::hold_pending(conn, id)? {
            let found = store::by_keys(conn, self.organization_id, &[&candidate.key])?;
            let Existing { id, status } = *found.get(&candidate.key).ok_or(Error::Busy)?;
            return Ok(Step::Over(Registered::Known(id, status)));
        }
        Ok(Step::Presented(id, self.take(conn, token, candidate)?))
    }

    fn take(
        &mut self,
        conn: &mut Conn,
        token: &SecretHash,
        candidate: &Candidate,
    ) -> Result<Admission, Error> {
        self.tokens.take(conn, self.organization_id, token, candidate.now)
    }

    /// Adds the new ones; answers their ids.
    fn add(&self, conn: &mut Conn, steps: &[Step]) -> Result<HashMap<PublicKey, Existing>, Error> {
        let mut new = Vec::new();
        for (step, candidate) in steps.iter().zip(self.candidates) {
            if let Step::New(admission) = step {
                let approved_by = admission.as_ref().and_then(Admission::approver);
                new.push(new_system(candidate, approved_by));
            }
        }
        store::add(conn, self.organization_id, &new)
    }

    /// Those that a token approves become Active and join its groups; every change has its entry.
    fn approve_and_record(
        &self,
        conn: &mut Conn,
        steps: &[Step],
        added: &HashMap<PublicKey, Existing>,
    ) -> Result<(), Error> {
        let mut approved: HashMap<i64, (String, Vec<SystemId>)> = HashMap::new();
        let mut chronicle = Chronicle::new(self.organization_id);
        for (step, candidate) in steps.iter().zip(self.candidates) {
            let (id, admission) = match step {
                Step::Over(_) => continue,
                Step::New(admission) => {
                    let id = id_of(added, candidate)?;
                    chronicle.registered(candidate, id, admission.as_ref());
                    (id, admission.as_ref())
                }
                Step::Presented(id, admission) => {
                    match admission.approver() {
                        Some(by) => store::activate(conn, *id, &by, candidate.now)?,
                        None => chronicle.refused(candidate, *id, admission),
                    }
                    (*id, Some(admission))
                }
            };
            if let Some(admission @ Admission::Accepted(token)) = admission {
                let by = admission.approver().unwrap_or_default();
                let of_token = approved.entry(token.id()).or_insert((by, Vec::new()));
                of_token.1.push(id);
                chronicle.approved(candidate, id, admission, token.id());
            }
        }
        let now = self.candidates.first().map_or(UnixMillis(0), |first| first.now);
        let mut joined = HashMap::new();
        for (token, (by, systems)) in approved {
            let names = groups::join_manual(conn, (self.organization_id, token), &systems, &by, now)?;
            joined.insert(token, names);
        }
        chronicle.write(conn, &joined)
    }

    /// Puts the systems into the automatic groups that they belong to as what they are now.
    fn regroup(
        &self,
        conn: &mut Conn,
        steps: &[Step],
        added: &HashMap<PublicKey, Existing>,
    ) -> Result<(), Error> {
        let mut ids: Vec<i64> = added.values().map(|existing| existing.id.0).collect();
        ids.extend(steps.iter().filter_map(|step| match step {
            Step::Presented(id, _) => Some(id.0),
            _ => None,
        }));
        ids.sort_unstable();
        let Some(first) = self.candidates.first().filter(|_| !ids.is_empty()) else {
            return Ok(());
        };
        rules::reconcile_these(conn, &self.memory.rules, self.organization_id, &ids, first.now).map(|_| ())
    }

    /// Spares the next turn the counting, where nothing but new systems changed how many wait.
    fn remember_waiting(&self, conn: &mut Conn, steps: &[Step]) -> Result<(), Error> {
        let fewer = |step: &Step| matches!(step, Step::Presented(_, admission) if admission.approves());
        if self.waiting.is_none() || steps.iter().any(fewer) {
            return Ok(());
        }
        let more = |step: &&Step| match step {
            Step::New(admission) => !admission.as_ref().is_some_and(Admission::approves),
            _ => false,
        };
        let more = steps.iter().filter(more).count();
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        self.memory.waiting.more(conn, self.organization_id, more)
    }
}

fn id_of(added: &HashMap<PublicKey, Existing>, candidate: &Candidate) -> Result<SystemId, Error> {
    let added = added.get(&candidate.key);
    added
        .map(|existing| existing.id)
        .ok_or_else(|| Error::internal("a system that was just added is not there"))
}

fn new_system(candidate: &Candidate, approved_by: Option<String>) -> NewSystem<'_> {
    NewSystem {
        organization_id: candidate.organization_id,
        key: &candidate.key,
        facts: &candidate.request.facts,
        agent_version: &candidate.request.agent_version,
        boot_id: &candidate.request.boot_id,
        address: candidate.address.to_string(),
        interval_secs: candidate.interval_secs,
        approved_by,
        now: candidate.now,
    }
}
