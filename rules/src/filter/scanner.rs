//! Words, symbols and quoted texts of a filter, each with its column.

use super::error::FilterError;

/// A place in the text. Columns count characters from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scanner<'a> {
    rest: &'a str,
    column: usize,
}

/// A text and where it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    pub column: usize,
    pub quoted: bool,
}

/// Ends a word wherever it stands.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"')
}

/// Ends a word where an operator may follow.
fn ends_name(c: char) -> bool {
    ends_word(c) || matches!(c, '=' | '!' | '~' | '<' | '>')
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner {
            rest: text,
            column: 1,
        }
    }

    /// Where the next thing begins.
    pub(super) fn column(&mut self) -> usize {
        self.skip_spaces();
        self.column
    }

    pub(super) fn peek(&mut self) -> Option<char> {
        self.skip_spaces();
        self.rest.chars().next()
    }

    /// Takes `symbol` when it is next.
    pub(super) fn take(&mut self, symbol: &str) -> bool {
        self.skip_spaces();
        let found = self.rest.starts_with(symbol);
        if found {
            self.advance(symbol.len());
        }
        found
    }

    /// Takes the keyword, in any case, when it is the next word.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let mut ahead = *self;
        let found = ahead
            .bare(ends_name)
            .is_some_and(|word| word.text.eq_ignore_ascii_case(keyword));
        if found {
            *self = ahead;
        }
        found
    }

    /// The next name or quoted text.
    pub(super) fn name(&mut self) -> Result<Option<Word>, FilterError> {
        self.quoted_or(ends_name)
    }

    /// The next value: a quoted text, or everything to the next space, comma or parenthesis.
    pub(super) fn value(&mut self) -> Result<Option<Word>, FilterError> {
        self.quoted_or(ends_word)
    }

    fn quoted_or(&mut self, ends: fn(char) -> bool) -> Result<Option<Word>, FilterError> {
        if self.peek() == Some('"') {
            self.quoted().map(Some)
        } else {
            Ok(self.bare(ends))
        }
    }

    fn bare(&mut self, ends: fn(char) -> bool) -> Option<Word> {
        let column = self.column();
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let text = self.rest[..length].to_owned();
        self.advance(length);
        (length > 0).then_some(Word {
            text,
            column,
            quoted: false,
        })
    }

    /// `\"` and `\\` stand for a quote and a backslash; any other backslash is itself, so that `"\d"` can be written.
    fn quoted(&mut self) -> Result<Word, FilterError> {
        let column = self.column;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, c)| *c);
            match (c, next) {
                ('"', _) => {
                    self.advance(at + 1);
                    return Ok(Word {
                        text,
                        column,
                        quoted: true,
                    });
                }
                ('\\', Some(escaped @ ('"' | '\\'))) => {
                    text.push(escaped);
                    chars.next();
                }
                _ => text.push(c),
            }
        }
        Err(FilterError::new(column, "the quote is not closed").suggesting("end the text with `\"`"))
    }

    /// Passes over one character; answers whether there was one.
    pub(super) fn skip_one(&mut self) -> bool {
        let length = self.peek().map_or(0, char::len_utf8);
        self.advance(length);
        length > 0
    }

    fn skip_spaces(&mut self) {
        let spaces = self.rest.len() - self.rest.trim_start().len();
        self.advance(spaces);
    }

    fn advance(&mut self, bytes: usize) {
        let (taken, rest) = self.rest.split_at(bytes);
        self.column += taken.chars().count();
        self.rest = rest;
    }
}
