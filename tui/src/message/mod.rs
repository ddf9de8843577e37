//! What goes into `update` and what comes out of it.

mod backups;
mod call;
mod commands;
mod failure;
mod groups;
mod reply;
mod signing;
mod upgrades;
mod views;

use crate::terminal::TerminalEvent;
use zeroize::Zeroizing;

pub use backups::{BackupCall, BackupReply};
pub use call::Call;
pub use commands::{CommandCall, CommandReply};
pub use failure::Failure;
pub use groups::{GroupCall, GroupReply};
pub use reply::{AccessPage, Reply};
pub use signing::{SigningCall, SigningReply};
pub use upgrades::{Steer, UpgradeCall, UpgradeReply};
pub use views::{ViewCall, ViewReply};

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    /// In the terminal.
    Terminal(TerminalEvent),
    /// At the server.
    Reply {
        /// The generation that asked.
        generation: u64,
        /// The answer.
        reply: Reply,
    },
    /// The moment of a timer came.
    Tick,
}

/// Something to be done outside.
pub enum Effect {
    /// End the program.
    Quit,
    /// Give the terminal to the shell for a while.
    Suspend,
    /// Paint everything anew.
    Repaint,
    /// Put a text into the terminal's clipboard.
    Copy(Zeroizing<String>),
    /// Ask the server.
    Call {
        /// Who asks.
        generation: u64,
        /// What.
        call: Call,
    },
}
