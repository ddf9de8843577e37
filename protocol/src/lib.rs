//! What crosses a wire between OpenSCM's programs.
//!
//! Owns the agent messages, the console API's types, the HTTP message signatures of both directions and the table of
//! routes and roles. Server, agent and console depend on it and never on each other. Nothing here reads a clock, a file
//! or a socket.
//!
//! Rooms carry the same name in the URL, the database, the server and the console: see `ARCHITECTURE.md`.

pub mod access;
pub mod agent;
pub mod annotations;
pub mod api_tokens;
pub mod audit;
pub mod auth;
pub mod backups;
pub mod bootstrap;
pub mod certificates;
pub mod commands;
pub mod enrollment;
pub mod events;
pub mod groups;
pub mod identity;
pub mod ids;
pub mod jobs;
pub mod network;
pub mod organizations;
pub mod problem;
pub mod refusal;
pub mod rotation;
pub mod rules;
pub mod saved_filters;
pub mod second_factors;
pub mod sessions;
pub mod settings;
pub mod signature;
pub mod ssh_keys;
pub mod systems;
pub mod telemetry;
pub mod upgrades;
pub mod users;
