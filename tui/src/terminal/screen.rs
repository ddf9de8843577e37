//! The last step of drawing: changed cells become one write.
//!
//! A backend of its own for three reasons: short sequences (16-colour SGR, relative moves; ECMA-48), one write per frame
//! between the marks of a synchronized update (DEC private mode 2026), and not a single byte for a frame that changes
//! nothing. Nothing here asks the terminal a question.

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};
use std::io::{self, Write};

/// A frame larger than this is sent in parts.
const MAX_FRAME_BYTES: usize = 64 * 1024;
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

#[derive(Clone, Copy, PartialEq, Eq)]
struct Pen {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

const PLAIN: Pen = Pen {
    fg: Color::Reset,
    bg: Color::Reset,
    modifier: Modifier::empty(),
};

/// Cells in, bytes out.
pub struct Screen<W: Write> {
    out: W,
    frame: Vec<u8>,
    size: Size,
    /// Where the terminal's cursor stands, as far as it is known.
    at: Option<Position>,
    /// Where a visible cursor was last asked for.
    wanted: Option<Position>,
    visible: bool,
}

impl<W: Write> Screen<W> {
    /// A screen of `size` whose cursor is hidden, as [`super::Session`] leaves it.
    pub fn new(out: W, size: Size) -> Self {
        Screen {
            out,
            frame: Vec::with_capacity(4096),
            size,
            at: None,
            wanted: None,
            visible: false,
        }
    }

    /// The terminal has another size from now on.
    pub fn set_size(&mut self, size: Size) {
        self.size = size;
    }

    /// Forgets what the terminal shows: after the shell had it.
    pub fn forget(&mut self) {
        self.at = None;
        self.wanted = None;
        self.visible = false;
    }

    /// Sends `bytes` by themselves: sequences that are not part of a frame.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    fn go(&mut self, to: Position) {
        let written = match self.at {
            Some(at) if at == to => Ok(()),
            Some(at) if at.y == to.y && to.x > at.x => write!(self.frame, "\x1b[{}C", to.x - at.x),
            Some(at) if to.x == 0 && to.y == at.y.saturating_add(1) => self.frame.write_all(b"\r\n"),
            _ => write!(
                self.frame,
                "\x1b[{};{}H",
                to.y.saturating_add(1),
                to.x.saturating_add(1)
            ),
        };
        // Writing into memory does not fail.
        debug_assert!(written.is_ok());
    }

    fn pen(&mut self, from: Pen, to: Pen) {
        if from == to {
            return;
        }
        let mut codes: Vec<String> = Vec::with_capacity(4);
        let dropped = from.modifier.difference(to.modifier);
        let restart = !dropped.is_empty();
        if restart {
            codes.push(String::new());
        }
        let before = if restart { PLAIN } else { from };
        let added = to.modifier.difference(before.modifier);
        for (modifier, code) in MODIFIERS {
            if added.contains(modifier) {
                codes.push(code.to_owned());
            }
        }
        if to.fg != before.fg {
            codes.push(colour(to.fg, 30, 90, 38));
        }
        if to.bg != before.bg {
            codes.push(colour(to.bg, 40, 100, 48));
        }
        self.frame
            .extend_from_slice(format!("\x1b[{}m", codes.join(";")).as_bytes());
    }
}

const MODIFIERS: [(Modifier, &str); 5] = [
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::REVERSED, "7"),
];

/// SGR parameters of a colour: 8 dark ones from `dark`, 8 bright ones from `bright`, others by `long`.
fn colour(colour: Color, dark: u8, bright: u8, long: u8) -> String {
    let index = match colour {
        Color::Reset => return (dark + 9).to_string(),
        Color::Rgb(r, g, b) => return format!("{long};2;{r};{g};{b}"),
        Color::Indexed(index) => return format!("{long};5;{index}"),
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
    };
    if index < 8 {
        (dark + index).to_string()
    } else {
        (bright + index - 8).to_string()
    }
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut pen = PLAIN;
        for (x, y, cell) in content {
            self.go(Position { x, y });
            let next = Pen {
                fg: cell.fg,
                bg: cell.bg,
                modifier: cell.modifier,
            };
            self.pen(pen, next);
            pen = next;
            self.frame.extend_from_slice(cell.symbol().as_bytes());
            // After a wide or ambiguous symbol, or at the right edge, terminals disagree on where the cursor is.
            let certain = cell.symbol().is_ascii() || is_drawing(cell.symbol());
            self.at = (certain && x.saturating_add(1) < self.size.width).then(|| Position { x: x + 1, y });
        }
        if pen != PLAIN {
            self.frame.extend_from_slice(b"\x1b[m");
        }
        Ok(())
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.visible {
            self.visible = false;
            self.wanted = None;
            self.frame.extend_from_slice(b"\x1b[?25l");
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !self.visible {
            self.visible = true;
            self.frame.extend_from_slice(b"\x1b[?25h");
        }
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.visible && (self.wanted != Some(position) || !self.frame.is_empty()) {
            self.go(position);
            self.at = Some(position);
            self.wanted = Some(position);
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.at = None;
        self.frame.extend_from_slice(b"\x1b[m\x1b[2J");
        Ok(())
    }

    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        // A full-screen terminal is only ever cleared as a whole.
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.size,
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(self.frame.len() + BEGIN.len() + END.len());
        bytes.extend_from_slice(BEGIN);
        bytes.append(&mut self.frame);
        bytes.extend_from_slice(END);
        for part in bytes.chunks(MAX_FRAME_BYTES) {
            self.out.write_all(part)?;
        }
        self.out.flush()
    }
}

/// Box-drawing and block elements, one column wide everywhere but in East Asian ambiguous-width terminals, where
/// `--ascii` is the answer.
fn is_drawing(symbol: &str) -> bool {
    let mut chars = symbol.chars();
    matches!(
        (chars.next(), chars.next()),
        (Some('\u{2500}'..='\u{259f}'), None)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::style::{Style, Stylize};
    use ratatui::text::{Line, Span};

    fn terminal() -> Terminal<Screen<Vec<u8>>> {
        Terminal::new(Screen::new(Vec::new(), Size::new(40, 5))).unwrap()
    }

    fn bytes(terminal: &mut Terminal<Screen<Vec<u8>>>) -> Vec<u8> {
        std::mem::take(&mut terminal.backend_mut().out)
    }

    #[test]
    fn what_a_terminal_shows_is_what_was_drawn() {
        let mut terminal = terminal();
        let mut parser = vt100::Parser::new(5.try_into().unwrap(), 40.try_into().unwrap(), 0);
        let frames = ["plain", "plein and longer", "", "漢字 wide", "─┼─ drawing ▁▂▃ x"];
        for (row, text) in frames.iter().enumerate() {
            let line = Line::from(vec![
                Span::raw("a "),
                (*text).red().bold(),
                Span::styled("z", Style::new().blue()),
            ]);
            let row = u16::try_from(row).unwrap();
            terminal
                .draw(|frame| {
                    frame.buffer_mut().set_line(3, row, &line, 37);
                })
                .unwrap();
            parser.process(&bytes(&mut terminal));
            let shown = parser.screen().contents();
            assert_eq!(shown.trim(), format!("a {text}z"), "row {row}");
            let cell = parser.screen().cell(row, 5).unwrap();
            assert!(text.is_empty() || (cell.bold() && cell.fgcolor() == vt100::Color::Idx(1)));
        }
    }

    #[test]
    fn an_unchanged_frame_is_not_a_byte() {
        let mut terminal = terminal();
        for expected in [true, false, false] {
            terminal
                .draw(|frame| {
                    frame.render_widget("same", frame.area());
                    frame.set_cursor_position((2, 2));
                })
                .unwrap();
            assert_eq!(!bytes(&mut terminal).is_empty(), expected);
        }
    }
}
