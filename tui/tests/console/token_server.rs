//! The part of the server in memory that keeps enrollment tokens.

use crate::server::{START, refused};
use scm_protocol::enrollment::{CreateToken, CreatedToken, EnrollmentToken, TokenPage, TokenStatus};
use scm_protocol::ids::{GroupId, TokenId, UnixMillis};
use scmtui::message::{Call, Failure, Reply};
use scmtui::model::{ShownSecret, TokenChange};

/// What every new token's secret is.
pub(crate) const SECRET: &str = "oscm_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// Tokens, newest first.
#[derive(Default)]
pub(crate) struct TokenServer {
    pub(crate) items: Vec<EnrollmentToken>,
    /// `Idempotency-Key`s of all requests to create, in order.
    pub(crate) keys: Vec<String>,
    /// How often the list was asked for.
    pub(crate) lists: usize,
    /// Accepted changes, in order.
    pub(crate) changed: Vec<(TokenChange, TokenId)>,
    /// Secrets that were to be written to a file.
    pub(crate) written: Vec<String>,
    /// The groups of the last one that was created.
    pub(crate) groups: Vec<GroupId>,
}

fn token(id: i64, name: &str, status: TokenStatus) -> EnrollmentToken {
    EnrollmentToken {
        id: TokenId(id),
        name: name.to_owned(),
        status,
        created_ms: UnixMillis(START - 864_000_000),
        created_by: "user:jdoe".to_owned(),
        expires_ms: None,
        max_uses: None,
        uses: 0,
        last_used_ms: None,
        groups: Vec::new(),
    }
}

/// One of each status.
pub(crate) fn four() -> Vec<EnrollmentToken> {
    let day = 86_400_000;
    vec![
        EnrollmentToken {
            expires_ms: Some(UnixMillis(START + 6 * day + 60_000)),
            max_uses: Some(50),
            uses: 12,
            last_used_ms: Some(UnixMillis(START - 180_000)),
            groups: vec!["by hand".to_owned(), "spare parts".to_owned()],
            ..token(9, "site 7", TokenStatus::Active)
        },
        EnrollmentToken {
            uses: 3,
            last_used_ms: Some(UnixMillis(START - 3 * day)),
            created_by: "user:administrator".to_owned(),
            ..token(7, "Büro 2. Stock", TokenStatus::Disabled)
        },
        EnrollmentToken {
            expires_ms: Some(UnixMillis(START - 7_200_000)),
            ..token(
                4,
                "a name that is much longer than its column is wide, by far",
                TokenStatus::Expired,
            )
        },
        EnrollmentToken {
            max_uses: Some(1_000_000),
            uses: 1_000_000,
            last_used_ms: Some(UnixMillis(START - 40 * day)),
            ..token(2, "golden image", TokenStatus::UsedUp)
        },
    ]
}

impl TokenServer {
    /// What it answers.
    pub(crate) fn answer(&mut self, call: Call, now: UnixMillis) -> Vec<Reply> {
        match call {
            Call::Tokens(cursor) => {
                self.lists += 1;
                // Two to a page, so that reading on is always tried.
                let from: usize = cursor.map_or(0, |cursor| cursor.parse().unwrap());
                let next = (from + 2 < self.items.len()).then(|| (from + 2).to_string());
                vec![Reply::Tokens(Ok(TokenPage {
                    items: self.items.iter().skip(from).take(2).cloned().collect(),
                    next_cursor: next,
                    server_time_ms: now,
                }))]
            }
            Call::CreateToken { ticket, key, body } => {
                self.keys.push(key);
                let created = self.create(&body, now);
                vec![Reply::TokenCreated { ticket, created }]
            }
            Call::ChangeToken { id, name, change } => {
                let result = self.change(id, change);
                vec![Reply::TokenChanged {
                    id,
                    name,
                    change,
                    result,
                }]
            }
            Call::WriteSecret { stem, secret } => {
                self.written.push(secret.to_string());
                let path = Ok(format!("/root/{stem}.secret"));
                vec![Reply::SecretWritten { stem, path }]
            }
            _ => Vec::new(),
        }
    }

    fn create(&mut self, body: &CreateToken, now: UnixMillis) -> Result<Box<ShownSecret>, Failure> {
        if self.items.iter().any(|token| token.name == body.name) {
            let detail = format!("there is an enrollment token named `{}` already", body.name);
            return Err(refused(409, "name_taken", &detail));
        }
        let token = EnrollmentToken {
            created_ms: now,
            expires_ms: body.expires_ms,
            max_uses: body.max_uses,
            groups: body.groups.iter().map(|id| format!("group {id}")).collect(),
            ..token(10, &body.name, TokenStatus::Active)
        };
        self.groups.clone_from(&body.groups);
        self.items.insert(0, token.clone());
        Ok(Box::new(ShownSecret::of_token(CreatedToken {
            secret: SECRET.to_owned(),
            token,
        })))
    }

    fn change(&mut self, id: TokenId, change: TokenChange) -> Result<(), Failure> {
        let missing = || refused(404, "not_found", &format!("there is no enrollment token {id}"));
        let at = self
            .items
            .iter()
            .position(|token| token.id == id)
            .ok_or_else(missing)?;
        self.changed.push((change, id));
        match change {
            TokenChange::Disable => self.items[at].status = TokenStatus::Disabled,
            TokenChange::Enable => self.items[at].status = TokenStatus::Active,
            TokenChange::Delete => drop(self.items.remove(at)),
        }
        Ok(())
    }
}
