//! OpenSCM's console, for an administrator in an SSH session.
//!
//! Elm-like: [`model::State`] is all it knows, [`update::update`] takes messages in and is pure, [`view::view`] draws and
//! is pure, [`client`] and [`terminal`] do the rest. See `docs/console.md`.
//!
//! Two properties come first, and tests hold them: the system acted on is the one under the cursor when it was last
//! drawn, and an idle console writes nothing.

pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod console;
pub mod keys;
pub mod log;
pub mod message;
pub mod model;
pub mod pages;
pub mod run;
pub mod terminal;
pub mod update;
pub mod view;
