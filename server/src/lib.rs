//! OpenSCM's server. `ARCHITECTURE.md` shows the rooms; `router` lists what is served.

pub mod agent_message;
pub mod app;
pub mod audit;
pub mod auth;
pub mod call;
pub mod clock;
pub mod config;
pub mod enrollment;
pub mod error;
pub mod events;
pub mod health;
pub mod idempotency;
pub mod listen;
pub mod logging;
pub mod openapi;
pub mod overview;
pub mod pki;
pub mod pki_routes;
pub mod private_file;
pub mod problem;
pub mod router;
pub mod run;
pub mod signing;
pub mod storage;
pub mod systems;
pub mod telemetry;
