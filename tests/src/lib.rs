//! The fleet simulator, and the harness of the end-to-end tests.
//!
//! Owns nothing that is shipped. `fleet` plays any number of agents against a running server; `programs` starts the real
//! server, agent and console in folders of their own and stops them again; `http` and `signed` are a small client of their
//! own, so that tests can send what no honest agent would.

pub mod clock;
pub mod fleet;
pub mod http;
pub mod programs;
pub mod signed;
