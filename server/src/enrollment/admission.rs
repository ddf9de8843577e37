//! What a token that comes with a registration does: it approves the system and one use is counted, or the system waits and
//! the audit says why. Both happen in the registration's own transaction.

use super::token_store::{self, TokenRow};
use crate::auth::SecretHash;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::enrollment::TokenStatus;
use scm_protocol::ids::UnixMillis;
use serde_json::{Value, json};
use std::collections::HashMap;

/// A token that is known, as the audit names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    id: i64,
    name: String,
}

impl Token {
    pub(super) fn id(&self) -> i64 {
        self.id
    }
}

/// What a token was worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It approves, and the use is counted.
    Accepted(Token),
    /// There is no such token.
    Unknown,
    /// It approves nobody: it has this status.
    Refused(Token, TokenStatus),
}

impl Admission {
    pub(super) fn approves(&self) -> bool {
        matches!(self, Admission::Accepted(_))
    }

    /// Who approved the system, as the audit and the system's row name it; nobody, where it waits.
    pub(super) fn approver(&self) -> Option<String> {
        match self {
            Admission::Accepted(token) => Some(format!("token:{}", token.name)),
            _ => None,
        }
    }

    /// `accepted`, or why not.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Admission::Accepted(_) => "accepted",
            Admission::Unknown => "unknown",
            Admission::Refused(_, status) => status.as_str(),
        }
    }

    /// Adds what became of the token to an audit entry's detail.
    pub(super) fn describe(&self, detail: &mut Value) {
        detail["token"] = json!(self.reason());
        if let Admission::Accepted(token) | Admission::Refused(token, _) = self {
            detail["token_id"] = json!(token.id);
            detail["token_name"] = json!(token.name);
        }
    }
}

/// The tokens of one transaction: each is read once, locked, and its uses are counted once.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    known: HashMap<Vec<u8>, Option<Held>>,
}

/// A token that nobody else can change until the commit.
#[derive(Debug)]
struct Held {
    row: TokenRow,
    /// How often it approved in this transaction, and when last.
    taken: i64,
    at: UnixMillis,
}

impl Tokens {
    /// Takes a token: what it approves is counted by [`Tokens::count_uses`].
    pub(super) fn take(
        &mut self,
        conn: &mut Conn,
        organization_id: i64,
        hash: &SecretHash,
        now: UnixMillis,
    ) -> Result<Admission, Error> {
        if !self.known.contains_key(hash.as_bytes()) {
            let row = token_store::held_by_hash(conn, organization_id, hash)?;
            let held = row.map(|row| Held {
                row,
                taken: 0,
                at: now,
            });
            self.known.insert(hash.as_bytes().to_vec(), held);
        }
        let Some(held) = self.known.get_mut(hash.as_bytes()).and_then(Option::as_mut) else {
            return Ok(Admission::Unknown);
        };
        let token = Token {
            id: held.row.id,
            name: held.row.name.clone(),
        };
        let mut limits = held.row.limits();
        limits.uses += held.taken;
        match limits.status(now) {
            TokenStatus::Active => {
                held.taken += 1;
                held.at = now;
                Ok(Admission::Accepted(token))
            }
            status => Ok(Admission::Refused(token, status)),
        }
    }

    /// Counts what was taken.
    pub(super) fn count_uses(&self, conn: &mut Conn) -> Result<(), Error> {
        for held in self.known.values().flatten().filter(|held| held.taken > 0) {
            // The statement that counts has the last word.
            if !token_store::count_uses(conn, held.row.id, held.taken, held.at)? {
                return Err(Error::internal(format!(
                    "enrollment token {} was changed while it was held",
                    held.row.id
                )));
            }
        }
        Ok(())
    }
}
