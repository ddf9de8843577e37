//! Enrollment tokens: what lets a machine become Active at its registration, without an administrator's approval.
//!
//! The secret is shown once, in [`CreatedToken`]; no other message carries it but the registration itself
//! ([`crate::agent::RegisterRequest::enrollment_token`]). A token concerns future registrations only: whatever happens to
//! it, the systems that it let in stay.

use crate::ids::{GroupId, TokenId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Begins every token's secret.
pub const TOKEN_PREFIX: &str = "oscm_";
/// Most characters of a token's name.
pub const MAX_NAME_CHARS: usize = 64;
/// Most uses that a token can be limited to.
pub const MAX_USES: i64 = 1_000_000;

/// Whether a token would approve a registration now; computed when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// It would.
    Active,
    /// An administrator disabled it.
    Disabled,
    /// Its time is over.
    Expired,
    /// It was used as often as it may be.
    UsedUp,
}

impl TokenStatus {
    /// Every status.
    pub const ALL: [TokenStatus; 4] = [
        TokenStatus::Active,
        TokenStatus::Disabled,
        TokenStatus::Expired,
        TokenStatus::UsedUp,
    ];

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            TokenStatus::Active => "active",
            TokenStatus::Disabled => "disabled",
            TokenStatus::Expired => "expired",
            TokenStatus::UsedUp => "used_up",
        }
    }
}

/// What a token's status follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLimits {
    /// Whether an administrator disabled it.
    pub disabled: bool,
    /// From this instant on it approves nobody.
    pub expires: Option<UnixMillis>,
    /// How often it may be used.
    pub max_uses: Option<i64>,
    /// How often it was used.
    pub uses: i64,
}

impl TokenLimits {
    /// The status at an instant: what an administrator did comes first, then the time, then the uses.
    pub fn status(&self, now: UnixMillis) -> TokenStatus {
        if self.disabled {
            TokenStatus::Disabled
        } else if self.expires.is_some_and(|expires| expires <= now) {
            TokenStatus::Expired
        } else if self.max_uses.is_some_and(|max| self.uses >= max) {
            TokenStatus::UsedUp
        } else {
            TokenStatus::Active
        }
    }
}

/// A token as the list shows it; the secret is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrollmentToken {
    /// Its id, never used again.
    pub id: TokenId,
    /// Its name, unique within the organization.
    pub name: String,
    /// Whether it would approve a registration now.
    pub status: TokenStatus,
    /// When it was created.
    pub created_ms: UnixMillis,
    /// Who created it, as the audit names them: `user:jdoe`.
    pub created_by: String,
    /// From this instant on it approves nobody; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<UnixMillis>,
    /// How often it may be used; absent: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<i64>,
    /// How many systems it approved.
    pub uses: i64,
    /// When it last approved one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<UnixMillis>,
    /// Names of the manual groups that its systems join.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// `GET /api/v1/enrollment/tokens?cursor=&limit=`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenPage {
    /// The tokens.
    pub items: Vec<EnrollmentToken>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `POST /api/v1/enrollment/tokens`. Answered with [`CreatedToken`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// 1 to 64 printable characters, no space at either end; unique within the organization.
    pub name: String,
    /// When it ends, in the future; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<UnixMillis>,
    /// How many systems it may approve, 1 to 1,000,000; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_uses: Option<i64>,
    /// The manual groups that a system joins which it approves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupId>,
}

impl CreateToken {
    /// The first member that cannot be, and why.
    pub fn problem(&self, now: UnixMillis) -> Option<(&'static str, String)> {
        let name = name_problem(&self.name).map(|reason| ("name", reason));
        let expires = self.expires_ms.filter(|expires| *expires <= now);
        let expires = expires.map(|_| ("expires_ms", "must lie in the future".to_owned()));
        let uses = self.max_uses.filter(|uses| !(1..=MAX_USES).contains(uses));
        let uses = uses.map(|_| ("max_uses", format!("must be between 1 and {MAX_USES}")));
        name.or(expires).or(uses)
    }
}

pub(crate) fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Some(format!("must have 1 to {MAX_NAME_CHARS} characters"));
    }
    if name.trim() != name {
        return Some("must not begin or end with a space".to_owned());
    }
    let odd = name.chars().find(|c| c.is_control() || is_invisible(*c));
    odd.map(|c| format!("must have printable characters only, not U+{:04X}", u32::from(c)))
}

/// Characters that show nothing or turn the direction of what follows: two names that look alike would not be.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// A new token with its secret, which nothing shows again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// Goes into the agent's `enrollment_token`: `oscm_` and 43 characters.
    pub secret: String,
    /// The token.
    pub token: EnrollmentToken,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000);
    const FREE: TokenLimits = TokenLimits {
        disabled: false,
        expires: None,
        max_uses: None,
        uses: 7,
    };

    #[test]
    fn a_status_follows_from_the_limits() {
        assert_eq!(FREE.status(NOW), TokenStatus::Active);
        let expires = |at| TokenLimits {
            expires: Some(UnixMillis(at)),
            ..FREE
        };
        assert_eq!(expires(1_001).status(NOW), TokenStatus::Active);
        assert_eq!(expires(1_000).status(NOW), TokenStatus::Expired);
        let max = |max| TokenLimits {
            max_uses: Some(max),
            ..FREE
        };
        assert_eq!(max(8).status(NOW), TokenStatus::Active);
        assert_eq!(max(7).status(NOW), TokenStatus::UsedUp);
        let everything = TokenLimits {
            max_uses: Some(1),
            ..expires(1)
        };
        assert_eq!(everything.status(NOW), TokenStatus::Expired);
        let disabled = TokenLimits {
            disabled: true,
            ..everything
        };
        assert_eq!(disabled.status(NOW), TokenStatus::Disabled);
    }

    #[test]
    fn names_of_statuses_are_those_of_the_wire() {
        for status in TokenStatus::ALL {
            let wire = serde_json::to_value(status).unwrap();
            assert_eq!(wire, status.as_str());
        }
    }

    #[test]
    fn the_member_at_fault_is_named() {
        let named = |name: &str| CreateToken {
            name: name.to_owned(),
            ..CreateToken::default()
        };
        let field = |create: &CreateToken| create.problem(NOW).map(|(field, _)| field);
        for good in ["a", "Büro 2. Stock", &"é".repeat(64)] {
            assert_eq!(named(good).problem(NOW), None, "{good}");
        }
        for bad in ["", " a", "a\n", "a\u{1b}[2Jb", "a\u{202e}b", &"é".repeat(65)] {
            assert_eq!(field(&named(bad)), Some("name"), "{bad:?}");
        }
        for (expires, fault) in [(999, true), (1_000, true), (1_001, false)] {
            let create = CreateToken {
                expires_ms: Some(UnixMillis(expires)),
                ..named("a")
            };
            assert_eq!(field(&create), fault.then_some("expires_ms"));
        }
        for (uses, fault) in [
            (-1, true),
            (0, true),
            (1, false),
            (MAX_USES, false),
            (MAX_USES + 1, true),
        ] {
            let create = CreateToken {
                max_uses: Some(uses),
                ..named("a")
            };
            assert_eq!(field(&create), fault.then_some("max_uses"), "{uses}");
        }
    }
}
