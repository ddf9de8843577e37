//! The agent against a server in this process that answers with whatever bytes a test wants.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod attacks;
mod bounds;
mod fake_server;
mod life;
mod running;
mod upgrades;
