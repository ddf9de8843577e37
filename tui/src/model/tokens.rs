//! Enrollment tokens: the list, the form, the question before a deletion, and the secret of a new one.

use super::row::clean;
use super::secret::ShownSecret;
use super::text_field::TextField;
use super::token_form::TokenForm;
use crate::clock::Moment;
use crate::keys::{Action, binding};
use scm_protocol::enrollment::{EnrollmentToken, TokenStatus};
use scm_protocol::ids::{TokenId, UnixMillis};

/// A change of an existing token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenChange {
    /// It approves nobody until it is enabled.
    Disable,
    /// It approves again.
    Enable,
    /// It is gone for good.
    Delete,
}

impl TokenChange {
    /// Every change.
    pub const ALL: [TokenChange; 3] = [TokenChange::Disable, TokenChange::Enable, TokenChange::Delete];

    /// Its line in the key table.
    pub fn action(self) -> Action {
        match self {
            TokenChange::Disable => Action::DisableToken,
            TokenChange::Enable => Action::EnableToken,
            TokenChange::Delete => Action::DeleteToken,
        }
    }

    /// The change that an action asks for.
    pub fn of(action: Action) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.action() == action)
    }

    /// The name of its route.
    pub fn route(self) -> &'static str {
        binding(self.action())
            .and_then(|line| line.route)
            .unwrap_or_default()
    }

    /// `disable`.
    pub fn verb(self) -> &'static str {
        match self {
            TokenChange::Disable => "disable",
            TokenChange::Enable => "enable",
            TokenChange::Delete => "delete",
        }
    }

    /// `disabled`.
    pub fn past(self) -> &'static str {
        match self {
            TokenChange::Disable => "disabled",
            TokenChange::Enable => "enabled",
            TokenChange::Delete => "deleted",
        }
    }

    /// The change that takes this one back.
    pub fn reverse(self) -> Option<Self> {
        match self {
            TokenChange::Disable => Some(TokenChange::Enable),
            TokenChange::Enable => Some(TokenChange::Disable),
            TokenChange::Delete => None,
        }
    }

    /// Why it cannot be done to a token of this status; none when it can.
    pub fn obstacle(self, status: TokenStatus) -> Option<&'static str> {
        match (self, status == TokenStatus::Disabled) {
            (TokenChange::Disable, true) => Some("is disabled already"),
            (TokenChange::Enable, false) => Some("is not disabled"),
            _ => None,
        }
    }
}

/// The question before a deletion.
#[derive(Debug)]
pub struct TokenQuestion {
    /// Which token: frozen when the key was pressed.
    pub id: TokenId,
    /// Its name, fit for the terminal, which must be typed.
    pub name: String,
    /// How many systems it let in.
    pub uses: i64,
    /// What is typed.
    pub typed: TextField,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

/// What lies over the page and takes the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFront {
    /// The secret of a new token.
    Secret,
    /// The question before a deletion.
    Question,
    /// The form of a new token.
    Form,
}

/// The page.
#[derive(Debug, Default)]
pub struct TokensView {
    items: Vec<EnrollmentToken>,
    /// The list was read at least once.
    pub complete: bool,
    /// What was read so far of a list that is being read.
    pub reading: Option<Vec<EnrollmentToken>>,
    /// Something changed while the list was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<TokenId>,
    /// The token under the cursor of the last frame.
    pub drawn: Option<TokenId>,
    /// The token under the cursor went: the next action only says so.
    pub disarmed: bool,
    top: usize,
    height: usize,
    /// The form.
    pub form: TokenForm,
    /// The question before a deletion.
    pub question: Option<TokenQuestion>,
    /// A secret to be stored.
    pub created: Option<ShownSecret>,
}

impl TokensView {
    /// The tokens, newest first.
    pub fn items(&self) -> &[EnrollmentToken] {
        &self.items
    }

    /// The tokens on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &EnrollmentToken> {
        self.items.iter().skip(self.top).take(self.height)
    }

    /// The id under the cursor.
    pub fn cursor(&self) -> Option<TokenId> {
        self.cursor
    }

    /// The token under the cursor.
    pub fn current(&self) -> Option<&EnrollmentToken> {
        self.items
            .get(self.position())
            .filter(|token| Some(token.id) == self.cursor)
    }

    /// The cursor's place in the list.
    pub fn position(&self) -> usize {
        let at = self.items.iter().position(|token| Some(token.id) == self.cursor);
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items.len().saturating_sub(1));
        self.cursor = self.items.get(place).map(|token| token.id);
        self.follow();
    }

    /// Rows that are on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height;
        self.follow();
    }

    /// A list that was read to its end. The cursor stays on its token, or goes to the nearest that is still there.
    pub fn put(&mut self, items: Vec<EnrollmentToken>) {
        let old = std::mem::replace(&mut self.items, items);
        self.complete = true;
        let listed = |id: TokenId| self.items.iter().any(|token| token.id == id);
        let at = old.iter().position(|token| Some(token.id) == self.cursor);
        self.cursor = match at {
            None => self.items.first().map(|token| token.id),
            Some(at) => {
                let (before, from) = old.split_at(at);
                let near = from.iter().chain(before.iter().rev());
                let kept = near.map(|token| token.id).find(|id| listed(*id));
                self.disarmed |= kept != self.cursor;
                kept.or_else(|| self.items.first().map(|token| token.id))
            }
        };
        self.follow();
    }

    /// Keeps the cursor within what is on the screen.
    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        let last = self.items.len().saturating_sub(height);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at).min(last);
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.reading = None;
        self.again = false;
        self.question = None;
        if let Some(created) = &mut self.created {
            created.writing = false;
        }
        if self.form.waits_for.take().is_some() {
            self.form.error =
                Some("the session ended before the answer: look at the list before trying again".to_owned());
        }
    }
}

/// The status by a clock that went on since the server said it.
pub fn status_at(token: &EnrollmentToken, now: Option<UnixMillis>) -> TokenStatus {
    let over = now.is_some_and(|now| token.expires_ms.is_some_and(|expires| expires <= now));
    match token.status {
        TokenStatus::Active | TokenStatus::UsedUp if over => TokenStatus::Expired,
        status => status,
    }
}

/// The name, fit for the terminal.
pub fn token_name(token: &EnrollmentToken) -> String {
    clean(&token.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: i64) -> EnrollmentToken {
        EnrollmentToken {
            id: TokenId(id),
            name: format!("t{id}"),
            status: TokenStatus::Active,
            created_ms: UnixMillis(0),
            created_by: String::new(),
            expires_ms: Some(UnixMillis(10)),
            max_uses: None,
            uses: 0,
            last_used_ms: None,
            groups: Vec::new(),
        }
    }

    fn list(ids: &[i64]) -> Vec<EnrollmentToken> {
        ids.iter().copied().map(token).collect()
    }

    #[test]
    fn the_cursor_stays_on_its_token() {
        let mut view = TokensView::default();
        view.set_height(2);
        view.put(list(&[5, 4, 3, 2, 1]));
        view.go(2);
        view.put(list(&[7, 6, 5, 4, 3, 2, 1]));
        assert_eq!((view.cursor(), view.disarmed), (Some(TokenId(3)), false));
        assert!(view.visible().any(|token| token.id == TokenId(3)));
        view.put(list(&[7, 6, 5, 4]));
        assert_eq!((view.cursor(), view.disarmed), (Some(TokenId(4)), true));
        view.put(Vec::new());
        assert_eq!((view.cursor(), view.current()), (None, None));
    }

    #[test]
    fn a_token_ends_without_being_asked_for() {
        let token = token(1);
        assert_eq!(status_at(&token, Some(UnixMillis(9))), TokenStatus::Active);
        assert_eq!(status_at(&token, Some(UnixMillis(10))), TokenStatus::Expired);
        assert_eq!(status_at(&token, None), TokenStatus::Active);
    }

    #[test]
    fn debug_output_does_not_show_a_secret() {
        let new = ShownSecret::of_token(scm_protocol::enrollment::CreatedToken {
            secret: "oscm_xyz".to_owned(),
            token: token(1),
        });
        assert!(!format!("{new:?}").contains("xyz"));
    }
}
