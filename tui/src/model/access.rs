//! Access: users, sessions, API tokens, SSH keys, organizations; each a list on a tab of its own.

use super::access_form::AccessForm;
use super::access_question::AccessQuestion;
use super::row::clean;
use scm_protocol::api_tokens::ApiToken;
use scm_protocol::organizations::OrganizationSummary;
use scm_protocol::sessions::SessionSummary;
use scm_protocol::ssh_keys::SshKey;
use scm_protocol::users::User;

/// A tab of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AccessTab {
    /// Everybody of the organization.
    #[default]
    Users,
    /// Who is logged in.
    Sessions,
    /// What scripts call with.
    ApiTokens,
    /// One's own keys.
    SshKeys,
    /// What this server serves.
    Organizations,
}

impl AccessTab {
    /// Every tab, from the left.
    pub const ALL: [AccessTab; 5] = [
        AccessTab::Users,
        AccessTab::Sessions,
        AccessTab::ApiTokens,
        AccessTab::SshKeys,
        AccessTab::Organizations,
    ];

    /// What stands on it.
    pub fn title(self) -> &'static str {
        match self {
            AccessTab::Users => "users",
            AccessTab::Sessions => "sessions",
            AccessTab::ApiTokens => "API tokens",
            AccessTab::SshKeys => "SSH keys",
            AccessTab::Organizations => "organizations",
        }
    }

    /// The route that fills it.
    pub fn route(self) -> &'static str {
        match self {
            AccessTab::Users => "users.list",
            AccessTab::Sessions => "sessions.list",
            AccessTab::ApiTokens => "api_tokens.list",
            AccessTab::SshKeys => "ssh_keys.list",
            AccessTab::Organizations => "organizations.list",
        }
    }

    /// Its place.
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }

    /// The tab that many places on, round the end.
    pub fn moved(self, by: usize) -> Self {
        Self::ALL[(self.index() + by) % Self::ALL.len()]
    }
}

/// A line of a tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessItem {
    /// A user.
    User(User),
    /// A session.
    Session(SessionSummary),
    /// An API token.
    ApiToken(ApiToken),
    /// An SSH key.
    SshKey(SshKey),
    /// An organization.
    Organization(OrganizationSummary),
}

impl AccessItem {
    /// What it is known by; ids are never used again, and organizations have unique names.
    pub fn key(&self) -> String {
        match self {
            AccessItem::User(user) => user.id.to_string(),
            AccessItem::Session(session) => session.id.to_string(),
            AccessItem::ApiToken(token) => token.id.to_string(),
            AccessItem::SshKey(key) => key.id.to_string(),
            AccessItem::Organization(organization) => organization.name.to_string(),
        }
    }

    /// What a person calls it, fit for the terminal.
    pub fn name(&self) -> String {
        match self {
            AccessItem::User(user) => clean(&user.username),
            AccessItem::Session(session) => format!("session {} of {}", session.id, clean(&session.username)),
            AccessItem::ApiToken(token) => clean(&token.name),
            AccessItem::SshKey(key) => clean(&key.name),
            AccessItem::Organization(organization) => organization.name.to_string(),
        }
    }
}

/// The list of a tab.
#[derive(Debug, Default)]
pub struct AccessList {
    items: Vec<AccessItem>,
    /// It was read at least once.
    pub complete: bool,
    /// What was read so far of a list that is being read.
    pub reading: Option<Vec<AccessItem>>,
    /// Something changed while it was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<String>,
    /// The line under the cursor of the last frame.
    pub drawn: Option<String>,
    top: usize,
    height: usize,
}

impl AccessList {
    /// Every line.
    pub fn items(&self) -> &[AccessItem] {
        &self.items
    }

    /// The lines on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &AccessItem> {
        self.items.iter().skip(self.top).take(self.height)
    }

    /// What the line under the cursor is known by.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The line under the cursor.
    pub fn current(&self) -> Option<&AccessItem> {
        self.items
            .iter()
            .find(|item| Some(item.key().as_str()) == self.cursor())
    }

    /// The cursor's place.
    pub fn position(&self) -> usize {
        let at = self
            .items
            .iter()
            .position(|item| Some(item.key().as_str()) == self.cursor());
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items.len().saturating_sub(1));
        self.cursor = self.items.get(place).map(AccessItem::key);
        self.follow();
    }

    /// A list that was read to its end. The cursor stays on its line, or goes to the nearest place.
    pub fn put(&mut self, items: Vec<AccessItem>) {
        let at = self.position();
        self.items = items;
        self.complete = true;
        if self.current().is_none() {
            self.go(at);
        }
        self.follow();
    }

    /// Rows that are on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height;
        self.follow();
    }

    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at);
    }
}

/// What takes the keys, over whatever page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessFront {
    /// A question.
    Question,
    /// A form.
    Form,
}

/// The page, and what lies over any page because it is about oneself.
#[derive(Debug, Default)]
pub struct AccessView {
    /// The tab that is shown.
    pub tab: AccessTab,
    lists: [AccessList; 5],
    /// The form that is open.
    pub form: Option<AccessForm>,
    /// The question that is asked.
    pub question: Option<AccessQuestion>,
    /// Keys of the SSH agent of this terminal, once asked for.
    pub agent_keys: Option<Result<Vec<AgentKey>, String>>,
}

/// A key that the SSH agent holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentKey {
    /// Its comment.
    pub name: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// As a line of `authorized_keys`.
    pub line: String,
}

impl AccessView {
    /// The list of a tab.
    pub fn list(&self, tab: AccessTab) -> &AccessList {
        &self.lists[tab.index()]
    }

    /// The list of a tab.
    pub fn list_mut(&mut self, tab: AccessTab) -> &mut AccessList {
        &mut self.lists[tab.index()]
    }

    /// Rows that are on the screen: one less than a plain page has, for the tabs.
    pub fn set_height(&mut self, height: usize) {
        for list in &mut self.lists {
            list.set_height(height.saturating_sub(1));
        }
    }

    /// The line under the cursor of the last frame.
    pub fn drawn(&mut self, shown: bool) {
        let list = self.list_mut(self.tab);
        list.drawn = list.cursor.clone().filter(|_| shown);
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        for list in &mut self.lists {
            list.reading = None;
            list.again = false;
        }
        self.question = None;
        if let Some(form) = &mut self.form
            && form.waits_for.take().is_some()
        {
            form.error = Some("the session ended before the answer: look before trying again".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::ids::UnixMillis;

    fn organization(name: &str) -> AccessItem {
        AccessItem::Organization(OrganizationSummary {
            name: name.parse().unwrap(),
            created_ms: UnixMillis(0),
            users: 0,
            systems: 0,
            setup_needed: true,
        })
    }

    #[test]
    fn the_cursor_stays_on_its_line() {
        let mut list = AccessList::default();
        list.set_height(2);
        list.put(["a", "b", "c"].map(organization).to_vec());
        list.go(2);
        list.put(["0", "a", "b", "c"].map(organization).to_vec());
        assert_eq!((list.cursor(), list.position()), (Some("c"), 3));
        assert!(list.visible().any(|item| item.key() == "c"));
        list.put(["0", "a"].map(organization).to_vec());
        assert_eq!(list.cursor(), Some("a"));
        list.put(Vec::new());
        assert_eq!((list.cursor(), list.current()), (None, None));
    }

    #[test]
    fn tabs_go_round() {
        assert_eq!(AccessTab::Organizations.moved(1), AccessTab::Users);
        assert_eq!(AccessTab::Users.moved(4), AccessTab::Organizations);
    }
}
