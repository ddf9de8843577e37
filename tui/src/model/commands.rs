//! Commands: the list, one with what it wrote, and the question before one is stopped.

use super::dialog::Focus;
use super::run_form::RunForm;
use crate::clock::Moment;
use scm_protocol::commands::Command;
use scm_protocol::ids::CommandId;

/// What is shown of a command's output, in characters: more is read from the server, and its beginning let go.
const SHOWN_CHARS: usize = 256 * 1024;

/// What one command wrote.
#[derive(Debug)]
pub struct CommandDetail {
    /// Which.
    pub id: CommandId,
    /// The command, where it is older than those of the list.
    pub unlisted: Option<Command>,
    /// Its lines so far, fit for the terminal.
    pub lines: Vec<String>,
    /// Where to read on.
    pub next: i64,
    /// Everything was read.
    pub complete: bool,
    /// Being read.
    pub reading: bool,
    /// There is more since.
    pub again: bool,
    /// Lines between the end and the last one shown: 0 follows what comes.
    pub back: usize,
}

impl CommandDetail {
    /// Nothing is read yet.
    pub fn new(id: CommandId) -> Self {
        CommandDetail {
            id,
            unlisted: None,
            lines: vec![String::new()],
            next: 0,
            complete: false,
            reading: false,
            again: false,
            back: 0,
        }
    }

    /// Adds what was read. Control characters that would move the cursor or colour the screen are left out.
    pub fn add(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' => self.lines.push(String::new()),
                '\t' => self.put("    "),
                c if c.is_control() => {}
                c => self.put(c.encode_utf8(&mut [0; 4])),
            }
        }
        let mut chars: usize = self.lines.iter().map(String::len).sum();
        let surplus = self.lines.iter().take_while(|line| {
            let over = chars > SHOWN_CHARS;
            chars = chars.saturating_sub(line.len());
            over
        });
        let surplus = surplus.count().min(self.lines.len().saturating_sub(1));
        self.lines.drain(..surplus);
    }

    fn put(&mut self, text: &str) {
        match self.lines.last_mut() {
            Some(line) => line.push_str(text),
            None => self.lines.push(text.to_owned()),
        }
    }
}

/// The question before a command is stopped.
#[derive(Debug)]
pub struct CommandQuestion {
    /// As it was when the key was pressed.
    pub command: Command,
    /// The button.
    pub focus: Focus,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

/// The page.
#[derive(Debug, Default)]
pub struct CommandsView {
    items: Vec<Command>,
    /// The list was read at least once.
    pub complete: bool,
    /// It is being read.
    pub reading: bool,
    /// Something changed while it was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<CommandId>,
    /// The command under the cursor of the last frame.
    pub drawn: Option<CommandId>,
    top: usize,
    height: usize,
    /// The command whose page is open.
    pub detail: Option<CommandDetail>,
    /// What is asked.
    pub question: Option<CommandQuestion>,
    /// What is to be run on the system of the page.
    pub form: Option<RunForm>,
}

impl CommandsView {
    /// The commands, newest first.
    pub fn items(&self) -> &[Command] {
        &self.items
    }

    /// The commands on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &Command> {
        self.items.iter().skip(self.top).take(self.height.max(1))
    }

    /// The command of that id, where it was read.
    pub fn get(&self, id: CommandId) -> Option<&Command> {
        let listed = self.items.iter().find(|command| command.id == id);
        let unlisted = || {
            self.detail
                .as_ref()?
                .unlisted
                .as_ref()
                .filter(|command| command.id == id)
        };
        listed.or_else(unlisted)
    }

    /// The id under the cursor.
    pub fn cursor(&self) -> Option<CommandId> {
        self.cursor
    }

    /// The cursor's place in the list.
    pub fn position(&self) -> usize {
        let at = self
            .items
            .iter()
            .position(|command| Some(command.id) == self.cursor);
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items.len().saturating_sub(1));
        self.cursor = self.items.get(place).map(|command| command.id);
        self.follow();
    }

    /// Rows that fit on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.follow();
    }

    /// A list that was read. The cursor stays on its command.
    pub fn put(&mut self, items: Vec<Command>) {
        let place = self.position();
        self.items = items;
        self.complete = true;
        if self.cursor.is_none_or(|id| self.get(id).is_none()) {
            self.go(place);
        }
        self.follow();
    }

    /// A command as a reply shows it.
    pub fn put_one(&mut self, command: Command) {
        match self.items.iter_mut().find(|other| other.id == command.id) {
            Some(other) => *other = command,
            None => self.items.insert(0, command),
        }
        if self.cursor.is_none() {
            self.go(0);
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
        self.form = None;
        if let Some(detail) = &mut self.detail {
            detail.reading = false;
            detail.again = false;
        }
    }
}
