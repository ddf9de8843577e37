//! Backups of the server: the list with the schedule, and the question before one is made.

use super::dialog::Focus;
use crate::clock::Moment;
use scm_protocol::backups::{Backup, BackupList};

/// Lines below the list: the schedule, the folder, what is wrong, and how to restore.
pub const BACKUP_FOOT: usize = 7;

/// The question before a backup is made.
#[derive(Debug, Default)]
pub struct BackupQuestion {
    /// The button.
    pub focus: Focus,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

/// The page.
#[derive(Debug, Default)]
pub struct BackupsView {
    /// What was read.
    pub list: Option<BackupList>,
    /// It is being read.
    pub reading: bool,
    /// Something changed while it was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    /// What the server is doing for this console now.
    pub busy: Option<String>,
    cursor: Option<String>,
    /// The backup under the cursor of the last frame.
    pub drawn: Option<String>,
    top: usize,
    height: usize,
    /// What is asked.
    pub question: Option<BackupQuestion>,
}

impl BackupsView {
    /// The backups, newest first.
    pub fn items(&self) -> &[Backup] {
        self.list.as_ref().map_or(&[], |list| &list.items)
    }

    /// The backups on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &Backup> {
        self.items().iter().skip(self.top).take(self.height.max(1))
    }

    /// The name under the cursor.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The backup under the cursor.
    pub fn here(&self) -> Option<&Backup> {
        self.items()
            .iter()
            .find(|backup| Some(backup.name.as_str()) == self.cursor())
    }

    /// The cursor's place in the list.
    pub fn position(&self) -> usize {
        let at = self
            .items()
            .iter()
            .position(|backup| Some(backup.name.as_str()) == self.cursor());
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items().len().saturating_sub(1));
        self.cursor = self.items().get(place).map(|backup| backup.name.clone());
        self.follow();
    }

    /// Rows that fit on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.saturating_sub(BACKUP_FOOT).max(1);
        self.follow();
    }

    /// A list that was read. The cursor stays on its backup.
    pub fn put(&mut self, list: BackupList) {
        let place = self.position();
        self.list = Some(list);
        if self.here().is_none() {
            self.go(place);
        }
        self.follow();
    }

    /// A frame was drawn at `now`, of this page or of another one.
    pub fn was_drawn(&mut self, here: bool, now: Moment) {
        self.drawn = self.cursor.clone().filter(|_| here);
        if let Some(question) = self.question.as_mut().filter(|_| here) {
            question.shown_at.get_or_insert(now);
        }
    }

    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at);
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.reading = false;
        self.again = false;
        self.question = None;
        self.busy = None;
    }
}
