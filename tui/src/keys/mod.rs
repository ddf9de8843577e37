//! Keys: what a person presses, and the one table of what each key does.
//!
//! The table ([`table::BINDINGS`]) feeds dispatch, the help page, the palette, the hints on the last line and
//! `docs/console.md`.

mod press;
mod table;

pub use press::{Key, Press};
pub use table::{Action, BINDINGS, Binding, Danger, Scope, binding, lookup};
