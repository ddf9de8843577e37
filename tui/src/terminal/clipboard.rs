//! Copying through the terminal: OSC 52, wrapped where a multiplexer stands between.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What stands between the console and the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Multiplexer {
    /// Nothing.
    None,
    /// tmux: passthrough, escapes doubled.
    Tmux,
    /// GNU screen: device control strings of at most 768 bytes, of which it takes 76 at a time safely.
    Screen,
}

impl Multiplexer {
    /// From the values of `TMUX`, `STY` and `TERM`.
    pub fn detect(tmux: Option<&str>, sty: Option<&str>, term: Option<&str>) -> Self {
        if tmux.is_some_and(|value| !value.is_empty()) {
            Multiplexer::Tmux
        } else if sty.is_some_and(|value| !value.is_empty())
            || term.is_some_and(|term| term.starts_with("screen"))
        {
            Multiplexer::Screen
        } else {
            Multiplexer::None
        }
    }
}

/// The sequence that puts `text` into the terminal's clipboard.
pub fn copy_sequence(text: &str, through: Multiplexer) -> Vec<u8> {
    let plain = format!("\x1b]52;c;{}\x07", STANDARD.encode(text));
    match through {
        Multiplexer::None => plain.into_bytes(),
        // tmux takes the plain sequence itself where `set-clipboard` is on, and passes the wrapped one on where
        // `allow-passthrough` is: one of the two arrives.
        Multiplexer::Tmux => {
            format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")).into_bytes()
        }
        Multiplexer::Screen => {
            let mut wrapped = Vec::with_capacity(plain.len() * 2);
            for part in plain.as_bytes().chunks(76) {
                wrapped.extend_from_slice(b"\x1bP");
                wrapped.extend_from_slice(part);
                wrapped.extend_from_slice(b"\x1b\\");
            }
            wrapped
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplexers_get_their_wrapping() {
        assert_eq!(copy_sequence("hi", Multiplexer::None), b"\x1b]52;c;aGk=\x07");
        let tmux = copy_sequence("hi", Multiplexer::Tmux);
        assert!(tmux.ends_with(b"\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\"));
        let screen = copy_sequence(&"x".repeat(300), Multiplexer::Screen);
        assert!(screen.split(|b| *b == b'\\').all(|part| part.len() <= 80));
    }

    #[test]
    fn the_environment_tells() {
        assert_eq!(
            Multiplexer::detect(Some("/tmp/tmux"), None, Some("screen")),
            Multiplexer::Tmux
        );
        assert_eq!(
            Multiplexer::detect(None, None, Some("screen.xterm")),
            Multiplexer::Screen
        );
        assert_eq!(
            Multiplexer::detect(Some(""), None, Some("xterm")),
            Multiplexer::None
        );
    }
}
