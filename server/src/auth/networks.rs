//! Networks that callers must come from, where an organization lists some.
//!
//! Invariants: an address grants nothing, it only takes away; the local administrator token, used on the server itself, is
//! never kept out, so that nobody locks themselves out for good; a change that would keep its own caller out is refused.

use super::{Credential, Principal};
use crate::app::App;
use crate::error::Error;
use crate::organization_settings::Proposal;
use scm_protocol::network::Network;
use scm_protocol::settings::{ADMIN_NETWORKS, SettingValue};
use std::net::IpAddr;

/// Whether a list lets an address in; an empty one lets everybody in.
pub fn lets_in(networks: &[Network], address: IpAddr) -> bool {
    networks.is_empty() || networks.iter().any(|network| network.contains(address))
}

/// The local administrator on the server itself.
pub fn is_exempt(principal: &Principal, peer: IpAddr) -> bool {
    principal.credential == Credential::LocalAdmin && peer.is_loopback()
}

/// Refuses a caller of the console's API who comes from elsewhere.
pub(super) fn check_caller(app: &App, principal: &Principal, peer: IpAddr) -> Result<(), Error> {
    if is_exempt(principal, peer) {
        return Ok(());
    }
    check_address(app, principal.organization_id, peer)
}

/// Refuses an address that an organization's administrators do not come from.
pub(super) fn check_address(app: &App, organization_id: i64, peer: IpAddr) -> Result<(), Error> {
    let settings = app.organization_settings.of(organization_id);
    if lets_in(settings.admin_networks(), peer) {
        return Ok(());
    }
    tracing::warn!(target: "security", { peer.address = %peer }, "a caller from outside the allowed networks was refused");
    Err(Error::AddressNotAllowed(peer))
}

/// A list of networks must let whoever writes it in.
pub fn keeps_its_caller(proposal: &Proposal<'_>) -> Option<String> {
    let SettingValue::Networks(networks) = proposal.value else {
        return None;
    };
    let out = proposal.name == ADMIN_NETWORKS.name && !proposal.local && !lets_in(networks, proposal.caller);
    out.then(|| {
        format!(
            "would lock you out: none of these networks has your address {}; add it, or do this as the local administrator on the server",
            proposal.caller
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_locks_themselves_out() {
        let networks =
            |texts: &[&str]| SettingValue::Networks(texts.iter().map(|text| text.parse().unwrap()).collect());
        let refused = |name: &str, list: &SettingValue, caller: &str, local: bool| {
            let caller = caller.parse().unwrap();
            let value = list;
            keeps_its_caller(&Proposal {
                name,
                value,
                caller,
                local,
            })
            .is_some()
        };
        let office = networks(&["192.0.2.0/24", "2001:db8::/32"]);
        let admin = "access.admin_networks";
        assert!(!refused(admin, &office, "192.0.2.9", false));
        assert!(!refused(admin, &office, "2001:db8::9", false));
        assert!(refused(admin, &office, "198.51.100.1", false));
        assert!(refused(admin, &office, "127.0.0.1", false));
        assert!(!refused(admin, &office, "127.0.0.1", true));
        assert!(!refused(admin, &networks(&[]), "198.51.100.1", false));
        assert!(!refused("access.agent_networks", &office, "198.51.100.1", false));
    }
}
