//! Commands: the list, one with what it wrote, and the question before one is stopped.

use super::dialog::Focus;
use super::listed::{Identified, Listed};
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

impl Identified for Command {
    type Id = CommandId;

    fn id(&self) -> CommandId {
        self.id
    }
}

/// The page.
#[derive(Debug, Default)]
pub struct CommandsView {
    /// The commands, newest first.
    pub list: Listed<Command>,
    /// The command whose page is open.
    pub detail: Option<CommandDetail>,
    /// What is asked.
    pub question: Option<CommandQuestion>,
    /// What is to be run on the system of the page.
    pub form: Option<RunForm>,
}

impl CommandsView {
    /// The command of that id, where it was read.
    pub fn get(&self, id: CommandId) -> Option<&Command> {
        let unlisted = || {
            self.detail
                .as_ref()?
                .unlisted
                .as_ref()
                .filter(|command| command.id == id)
        };
        self.list.get(id).or_else(unlisted)
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.list.interrupted();
        self.question = None;
        self.form = None;
        if let Some(detail) = &mut self.detail {
            detail.reading = false;
            detail.again = false;
        }
    }
}
