//! What the host is: sent with the first check-in after a start and whenever it changed.

use super::fitting;
use crate::platform;
use crate::random::hex;
use scm_protocol::agent::HostFacts;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use sysinfo::{Networks, System};

/// Asks the operating system.
pub fn facts() -> HostFacts {
    let hostname = System::host_name().ok().map(|name| fitting(&name, 253));
    HostFacts {
        // Registration needs a name; a host without one says so.
        hostname: hostname
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unnamed".to_owned()),
        addresses: addresses(),
        os: fitting(&os_name(), 128),
        os_family: std::env::consts::OS.to_owned(),
        arch: std::env::consts::ARCH.to_owned(),
        kernel: System::kernel_version()
            .ok()
            .map(|release| fitting(&release, 128)),
        machine_id_hash: platform::machine_id().map(|id| machine_id_hash(&id)),
    }
}

fn os_name() -> String {
    platform::os_name()
        .or_else(|| System::long_os_version().ok())
        .unwrap_or_default()
}

/// Sorted, so that they only count as changed when they did.
fn addresses() -> Vec<String> {
    let networks = Networks::new_with_refreshed_list();
    let mut addresses: Vec<IpAddr> = networks
        .iter()
        .flat_map(|networks| networks.values())
        .flat_map(|network| network.ip_networks().iter().map(|network| network.addr))
        .filter(|address| is_reachable(*address))
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.iter().take(64).map(ToString::to_string).collect()
}

/// Neither loopback nor link-local nor unspecified.
fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local() && !v6.is_unspecified(),
    }
}

/// The machine id is meant to stay on its host (`machine-id(5)`): its hash tells machines apart as well.
fn machine_id_hash(machine_id: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"openscm");
    hasher.update(machine_id.trim().as_bytes());
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_fit_the_wire() {
        let facts = facts();
        assert_eq!(facts.problem(), None, "{facts:?}");
        assert_eq!(facts.os_family, "linux");
        let hostname = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(facts.hostname, hostname.trim());
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(facts.kernel.as_deref(), Some(kernel.trim()));
    }

    #[test]
    fn loopback_and_link_local_addresses_are_left_out() {
        for left_out in [
            "127.0.0.1",
            "127.1.2.3",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "0.0.0.0",
        ] {
            assert!(!is_reachable(left_out.parse().unwrap()), "{left_out}");
        }
        for kept in ["10.0.0.1", "192.0.2.1", "2001:db8::1", "fd00::1"] {
            assert!(is_reachable(kept.parse().unwrap()), "{kept}");
        }
    }

    #[test]
    fn the_machine_id_is_hashed_with_a_prefix() {
        // printf 'openscm0123456789abcdef0123456789abcdef' | sha256sum
        assert_eq!(
            machine_id_hash("0123456789abcdef0123456789abcdef\n"),
            "8ebdc284ea58fc22e36c12476a231cc647105549840d436eeb29f2a86a7d2789"
        );
    }
}
