//! U3, U4: real agents that become other programs, and go back from whatever does not prove itself.

mod builds;
mod kills;
mod refusals;

const OWN: &str = env!("CARGO_PKG_VERSION");
