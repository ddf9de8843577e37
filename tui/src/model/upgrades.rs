//! Packages, rollouts and upgrades: one list with a cursor by id, the question before something is stopped or goes on, and
//! the form of a new rollout.

use super::dialog::Focus;
use super::rollout_form::RolloutForm;
use super::row::Row;
use crate::clock::Moment;
use crate::message::Steer;
use scm_protocol::ids::{RolloutId, UpgradeId};
use scm_protocol::systems::SystemStatus;
use scm_protocol::upgrades::offer::{NotOffered, offer};
use scm_protocol::upgrades::package::Package;
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::rollout::Rollout;
use scm_protocol::upgrades::upgrade::Upgrade;

/// Most platforms that are shown above the list.
pub const PACKAGE_LINES: usize = 3;
/// Lines above the list: the packages, and the heading.
pub const UPGRADES_HEAD: usize = PACKAGE_LINES + 2;

/// What the cursor is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeItem {
    /// A rollout.
    Rollout(RolloutId),
    /// An upgrade.
    Upgrade(UpgradeId),
}

/// What is asked.
#[derive(Clone, Debug)]
pub enum UpgradeAsked {
    /// To do that with a rollout.
    Steer(Box<Rollout>, Steer),
    /// To stop an upgrade.
    Cancel(Box<Upgrade>),
}

/// The question, about what was there when the key was pressed.
#[derive(Debug)]
pub struct UpgradeQuestion {
    /// What.
    pub asked: UpgradeAsked,
    /// The button.
    pub focus: Focus,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

/// The page.
#[derive(Debug, Default)]
pub struct UpgradesView {
    /// What there is to upgrade to.
    pub packages: Vec<Package>,
    rollouts: Vec<Rollout>,
    upgrades: Vec<Upgrade>,
    /// Only the upgrades of this rollout are shown.
    pub only: Option<RolloutId>,
    /// The lists were read at least once.
    pub complete: bool,
    /// Answers that are waited for.
    pub reading: u8,
    /// Something changed while they were read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<UpgradeItem>,
    /// What was under the cursor of the last frame.
    pub drawn: Option<UpgradeItem>,
    top: usize,
    height: usize,
    /// What is asked.
    pub question: Option<UpgradeQuestion>,
    /// The rollout that is being made.
    pub form: Option<RolloutForm>,
}

impl UpgradesView {
    /// Everything on the list: rollouts first, then upgrades, each newest first.
    pub fn items(&self) -> impl Iterator<Item = UpgradeItem> + '_ {
        let rollouts = self
            .rollouts
            .iter()
            .map(|rollout| UpgradeItem::Rollout(rollout.id));
        let upgrades = self
            .upgrades
            .iter()
            .map(|upgrade| UpgradeItem::Upgrade(upgrade.id));
        rollouts.chain(upgrades)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rollouts.len() + self.upgrades.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is on the screen.
    pub fn visible(&self) -> impl Iterator<Item = UpgradeItem> + '_ {
        self.items().skip(self.top).take(self.height.max(1))
    }

    /// The rollout of that id.
    pub fn rollout(&self, id: RolloutId) -> Option<&Rollout> {
        self.rollouts.iter().find(|rollout| rollout.id == id)
    }

    /// The upgrade of that id.
    pub fn upgrade(&self, id: UpgradeId) -> Option<&Upgrade> {
        self.upgrades.iter().find(|upgrade| upgrade.id == id)
    }

    /// What is under the cursor.
    pub fn cursor(&self) -> Option<UpgradeItem> {
        self.cursor
    }

    /// The cursor's place in the list.
    pub fn position(&self) -> usize {
        self.items()
            .position(|item| Some(item) == self.cursor)
            .unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.len().saturating_sub(1));
        let item = self.items().nth(place);
        self.cursor = item;
        self.follow();
    }

    /// Rows that fit on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.saturating_sub(UPGRADES_HEAD).max(1);
        self.follow();
    }

    /// Rollouts that were read. The cursor stays where it was.
    pub fn put_rollouts(&mut self, rollouts: Vec<Rollout>) {
        let place = self.position();
        self.rollouts = rollouts;
        self.keep(place);
    }

    /// A rollout as a reply shows it.
    pub fn put_rollout(&mut self, rollout: Rollout) {
        let place = self.position();
        match self.rollouts.iter_mut().find(|other| other.id == rollout.id) {
            Some(other) => *other = rollout,
            None => self.rollouts.insert(0, rollout),
        }
        self.keep(place);
    }

    /// Upgrades that were read.
    pub fn put_upgrades(&mut self, upgrades: Vec<Upgrade>) {
        let place = self.position();
        self.upgrades = upgrades;
        self.keep(place);
    }

    fn keep(&mut self, place: usize) {
        if !self.items().any(|item| Some(item) == self.cursor) {
            self.go(place);
        }
        self.follow();
    }

    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at);
    }

    /// A frame was drawn at `now`, of this page or of another one.
    pub fn was_drawn(&mut self, here: bool, now: Moment) {
        self.drawn = self.cursor.filter(|_| here);
        if !here {
            return;
        }
        if let Some(question) = &mut self.question {
            question.shown_at.get_or_insert(now);
        }
        if let Some(form) = &mut self.form {
            form.was_drawn(now);
        }
    }

    /// The version that is offered to the system of a row.
    pub fn offered(&self, row: &Row) -> Option<&str> {
        self.offer(row)?.ok()
    }

    /// The version that is offered to the system of a row, or why none is; nothing where there is nothing to offer at all.
    pub fn offer(&self, row: &Row) -> Option<Result<&str, NotOffered>> {
        if row.status != SystemStatus::Active || self.packages.is_empty() {
            return None;
        }
        let platform = Platform::of(&row.arch, &row.os_family);
        let found = offer(&self.packages, platform.as_ref(), &row.version, None);
        Some(found.map(|package| package.version.as_str()))
    }

    /// Answers of a session that ended will not come any more; what was typed stays.
    pub fn interrupted(&mut self) {
        self.reading = 0;
        self.again = false;
        self.question = None;
        if let Some(form) = &mut self.form {
            form.interrupted();
        }
    }
}
