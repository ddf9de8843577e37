//! From a message to the server's answer: signed requests over verified TLS, bounded replies, and what a reply is worth.
//!
//! Invariants: `https` only, redirects never followed, header and body of a reply bounded, the time of a whole exchange
//! bounded; a reply is parsed only after its signature held, or, while no server key is pinned, after TLS was verified.

mod answer;
mod client;
mod credential;
mod follow;
mod proxy;
mod reply;
mod tls;

pub use answer::{
    Answer, Evidence, NoPart, Trusted, read_certificate, read_checkin, read_part, read_registration,
    read_results, read_rotation,
};
pub use client::{Client, Failure};
pub use credential::ClientIdentity;
pub use follow::{Successor, leads_to, signer, successor};
pub use proxy::check_proxy;
pub use reply::{RawReply, SentRequest};
