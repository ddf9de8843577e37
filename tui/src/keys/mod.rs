//! Keys: what a person presses, and the one table of what each key does.
//!
//! The table ([`table::BINDINGS`]) feeds dispatch, the help page, the palette, the hints on the last line and
//! `docs/console.md`.

mod access;
mod binding;
mod changes;
mod lists;
mod press;
mod rooms;
mod table;
#[cfg(test)]
mod tests;

pub use binding::{Action, Binding, Danger, Scope};
pub use press::{Key, Press};
pub use table::{BINDINGS, binding, lookup};
