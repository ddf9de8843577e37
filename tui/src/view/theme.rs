//! Colours: sixteen at most, none under `NO_COLOR`. What a colour says, a word says too.

use crate::model::{Settings, StateWord, ToastKind};
use ratatui::style::{Color, Modifier, Style};

/// The look of everything.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    /// What the terminal can do.
    pub settings: Settings,
}

impl Theme {
    /// The theme for these settings.
    pub fn new(settings: Settings) -> Self {
        Theme { settings }
    }

    fn fg(self, colour: Color) -> Style {
        if self.settings.mono {
            Style::new()
        } else {
            Style::new().fg(colour)
        }
    }

    /// Names of columns and members.
    pub fn dim(self) -> Style {
        self.fg(Color::DarkGray)
    }

    /// Headings.
    pub fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// The row or choice under the cursor.
    pub fn cursor(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What needs a look.
    pub fn warn(self) -> Style {
        self.fg(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// What is wrong.
    pub fn error(self) -> Style {
        self.fg(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// What is well.
    pub fn good(self) -> Style {
        self.fg(Color::Green)
    }

    /// What can be acted on.
    pub fn accent(self) -> Style {
        self.fg(Color::Cyan)
    }

    /// A production server's name.
    pub fn production(self) -> Style {
        if self.settings.mono {
            Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
        } else {
            Style::new()
                .fg(Color::White)
                .bg(Color::Red)
                .add_modifier(Modifier::BOLD)
        }
    }

    /// A state's word.
    pub fn state(self, word: StateWord) -> Style {
        match word {
            StateWord::Pending => self.warn(),
            StateWord::Cloned | StateWord::Offline | StateWord::Denied => self.error(),
            StateWord::Late | StateWord::Never | StateWord::Skewed => self.fg(Color::Yellow),
            StateWord::Booted => self.fg(Color::Cyan),
            StateWord::Ok => self.good(),
            StateWord::Revoked => self.fg(Color::Magenta),
        }
    }

    /// A message.
    pub fn toast(self, kind: ToastKind) -> Style {
        match kind {
            ToastKind::Done => self.good(),
            ToastKind::Note => self.accent(),
            ToastKind::Error => self.error(),
        }
    }

    /// A mark in the list.
    pub fn mark(self) -> char {
        if self.settings.ascii { '*' } else { '●' }
    }

    /// Horizontal line, vertical line, and the four corners from the top left clockwise.
    pub fn lines(self) -> [&'static str; 6] {
        if self.settings.ascii {
            ["-", "|", "+", "+", "+", "+"]
        } else {
            ["─", "│", "┌", "┐", "┘", "└"]
        }
    }

    /// Behind what a list is sorted by.
    pub fn arrow(self, descending: bool) -> &'static str {
        match (self.settings.ascii, descending) {
            (true, true) => "v",
            (true, false) => "^",
            (false, true) => "▼",
            (false, false) => "▲",
        }
    }

    /// Levels of a chart's column, lowest first.
    pub fn levels(self) -> &'static [&'static str] {
        if self.settings.ascii {
            &["_", ".", "o", "O", "#"]
        } else {
            &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        }
    }

    /// What is offered to a system: told in words, with an arrow where the terminal has one.
    pub fn upgrade(self, version: &str) -> String {
        let arrow = if self.settings.ascii { "->" } else { "→" };
        format!("Upgrade {arrow} v{version}")
    }

    /// What is cut off.
    pub fn ellipsis(self) -> &'static str {
        if self.settings.ascii { ".." } else { "…" }
    }
}
