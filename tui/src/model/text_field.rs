//! A line of text being typed.

use crate::keys::Key;
use std::fmt;
use tui_input::{Input, InputRequest};
use zeroize::Zeroizing;

/// Longest text that a field takes: an SSH public key of 4096 bits fits.
const MAX_CHARS: usize = 1024;

/// Text and a cursor in it. Debug output does not show the text, which may be a password.
#[derive(Default)]
pub struct TextField {
    input: Input,
}

impl TextField {
    /// A field with a text and the cursor at its end.
    pub fn new(text: &str) -> Self {
        TextField {
            input: Input::new(text.to_owned()),
        }
    }

    /// What was typed.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Characters of the text.
    pub fn chars(&self) -> usize {
        self.text().chars().count()
    }

    /// The cursor's place in characters.
    pub fn cursor(&self) -> usize {
        self.input.cursor()
    }

    /// Columns that the view must scroll by so that the cursor is within `width`.
    pub fn scroll(&self, width: usize) -> usize {
        self.input.visual_scroll(width)
    }

    /// The cursor's column in the text.
    pub fn column(&self) -> usize {
        self.input.visual_cursor()
    }

    /// Whether the cursor is behind the last character.
    pub fn at_end(&self) -> bool {
        self.input.cursor() >= self.chars()
    }

    /// Takes the text away, wiping this copy.
    pub fn take(&mut self) -> Zeroizing<String> {
        Zeroizing::new(self.input.value_and_reset())
    }

    /// Empties it.
    pub fn clear(&mut self) {
        drop(self.take());
    }

    /// Adds pasted text, without control characters.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().filter(|c| !c.is_control()).take(MAX_CHARS) {
            self.insert(c);
        }
    }

    /// Puts text in place of what stands from `from` to the cursor, and the cursor behind it. A space at its end is the one
    /// that stands there already.
    pub fn put_in(&mut self, from: usize, text: &str) {
        let chars: Vec<char> = self.text().chars().collect();
        let cursor = self.cursor().min(chars.len());
        let text = match chars.get(cursor) {
            Some(' ') => text.trim_end(),
            _ => text,
        };
        let before: String = chars.iter().take(from).collect();
        let after: String = chars.iter().skip(cursor).collect();
        if before.chars().count() + text.chars().count() + after.chars().count() <= MAX_CHARS {
            let place = before.chars().count() + text.chars().count();
            self.input = Input::new(format!("{before}{text}{after}")).with_cursor(place);
        }
    }

    fn insert(&mut self, c: char) {
        if self.chars() < MAX_CHARS {
            self.input.handle(InputRequest::InsertChar(c));
        }
    }

    /// Edits by a key; answers whether the key was one for a text field.
    pub fn key(&mut self, key: Key) -> bool {
        let request = match key {
            Key::Char(c) => {
                self.insert(c);
                return true;
            }
            Key::Backspace => InputRequest::DeletePrevChar,
            Key::Delete => InputRequest::DeleteNextChar,
            Key::Left => InputRequest::GoToPrevChar,
            Key::Right => InputRequest::GoToNextChar,
            Key::Home => InputRequest::GoToStart,
            Key::End | Key::Ctrl('e') => InputRequest::GoToEnd,
            Key::Ctrl('w') => InputRequest::DeletePrevWord,
            Key::Ctrl('u') => InputRequest::DeleteLine,
            Key::Ctrl('k') => InputRequest::DeleteTillEnd,
            _ => return false,
        };
        self.input.handle(request);
        true
    }
}

impl fmt::Debug for TextField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextField({} characters)", self.chars())
    }
}

impl Drop for TextField {
    fn drop(&mut self) {
        self.clear();
    }
}
