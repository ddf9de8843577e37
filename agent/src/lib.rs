//! The OpenSCM agent: registers a machine with its server, checks in, reports telemetry. Outbound only.
//!
//! `commands` are what a person calls; `enroll` writes the configuration that a bootstrap string gives; `actions` is what a server may have run here and `execute` runs it; `upgrade` is how it becomes another version of itself; `worker` serves one server with what `identity`, `collect`, `wire`, `decide` and
//! `schedule` give it. Decisions are pure functions over values; reading and writing stand around them.

pub mod actions;
pub mod clock;
pub mod collect;
pub mod commands;
pub mod config;
pub mod decide;
pub mod enroll;
pub mod execute;
pub mod identity;
pub mod log;
pub mod platform;
pub mod pulse;
pub mod random;
pub mod report;
pub mod schedule;
pub mod stop;
pub mod upgrade;
pub mod version;
pub mod wire;
pub mod worker;
