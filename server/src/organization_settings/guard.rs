//! Values that fit their definition and still must not be: what only the rooms that they concern can say.
//!
//! A room that has such a rule gives a function and puts it into [`GUARDS`].

use crate::auth;
use crate::error::Error;
use scm_protocol::settings::SettingValue;
use std::net::IpAddr;

/// A change that is about to be made.
#[derive(Clone, Copy, Debug)]
pub struct Proposal<'a> {
    /// The setting.
    pub name: &'a str,
    /// What it is to be.
    pub value: &'a SettingValue,
    /// Where whoever changes it is.
    pub caller: IpAddr,
    /// Whoever changes it is the local administrator on the server itself, whom no network keeps out.
    pub local: bool,
}

/// Why a proposal must not be carried out; none when it may.
pub type Guard = fn(&Proposal<'_>) -> Option<String>;

/// Every rule of a room.
const GUARDS: &[Guard] = &[auth::keeps_its_caller];

/// Refuses what a room refuses.
pub(super) fn check(proposal: &Proposal<'_>) -> Result<(), Error> {
    refuse(GUARDS, proposal)
}

fn refuse(guards: &[Guard], proposal: &Proposal<'_>) -> Result<(), Error> {
    match guards.iter().find_map(|guard| guard(proposal)) {
        Some(reason) => Err(Error::invalid("value", reason)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_refuses_names_the_reason() {
        let proposal = Proposal {
            name: "pending.max",
            value: &SettingValue::Integer(7),
            caller: "192.0.2.1".parse().unwrap(),
            local: false,
        };
        assert_eq!(check(&proposal), Ok(()));
        let never: Guard = |proposal| Some(format!("must not be changed from {}", proposal.caller));
        let error = refuse(&[|_| None, never], &proposal).unwrap_err();
        assert_eq!(error.to_string(), "`value` must not be changed from 192.0.2.1");
    }
}
