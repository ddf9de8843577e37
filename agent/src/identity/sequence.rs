//! The rising numbers of an agent's requests.
//!
//! Invariant: no number is used twice, across restarts and crashes. The file holds a mark that was made durable before any
//! number below it was used; a start goes on at the mark, so at most a block of numbers is skipped and none repeated.

use super::{Error, StateFolder};
use scm_protocol::ids::UnixMillis;
use std::sync::Arc;

/// How many numbers are reserved by one write.
pub const BLOCK: u64 = 1000;
/// How far beyond the server's highest number a sequence goes on whose file was lost: more than a run before can have under
/// way still, so that a late request of it is seen to be late.
pub(super) const LOST_MARGIN: u64 = 10 * BLOCK;
/// The highest number that a server may make an agent jump to: far below the wire's 18 digits, so that no jump can end
/// the sequence.
pub const MAX_SEQUENCE: u64 = 100_000_000_000_000_000;

/// The numbers still to be used.
#[derive(Debug)]
pub struct Sequence {
    folder: Arc<StateFolder>,
    name: String,
    next: u64,
    reserved: u64,
    /// There was no usable file.
    lost: bool,
}

impl Sequence {
    /// Goes on where the file says; at 1 where there is none or it is corrupt (the server then says where to go on).
    ///
    /// # Errors
    /// [`Error`] when the file cannot be read or set aside.
    pub fn open(folder: Arc<StateFolder>, name: String, now: UnixMillis) -> Result<Self, Error> {
        let bytes = folder.read(&name)?;
        let mark = bytes.as_deref().map(parse);
        if mark == Some(None) {
            tracing::error!(file.name = %name, "the sequence file is corrupt, it is set aside");
            folder.set_aside(&name, "corrupt", now)?;
        }
        let mark = mark.flatten();
        let next = mark.unwrap_or(1);
        Ok(Sequence {
            lost: mark.is_none(),
            folder,
            name,
            next,
            reserved: next,
        })
    }

    /// A number that was never used before.
    ///
    /// # Errors
    /// [`Error`] when no more could be reserved; none is used then.
    pub fn take(&mut self) -> Result<u64, Error> {
        if self.next >= self.reserved {
            self.reserve(self.next + BLOCK)?;
        }
        let number = self.next;
        self.next += 1;
        Ok(number)
    }

    /// Goes on at `number`, if that is ahead, and well beyond it when the file was lost. False when it is out of bounds.
    pub fn jump(&mut self, number: u64) -> bool {
        if number > MAX_SEQUENCE {
            return false;
        }
        let margin = if std::mem::take(&mut self.lost) {
            LOST_MARGIN
        } else {
            0
        };
        self.next = self.next.max((number + margin).min(MAX_SEQUENCE));
        true
    }

    fn reserve(&mut self, mark: u64) -> Result<(), Error> {
        self.folder.write(&self.name, format!("{mark}\n").as_bytes())?;
        self.reserved = mark;
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(bytes).ok()?.trim().parse().ok()?;
    (1..=MAX_SEQUENCE + BLOCK).contains(&number).then_some(number)
}
