//! What the machine calls itself, asked without the network.

use std::fs;
use std::net::IpAddr;

/// The host name as set, without its domain, and with it where `/etc/hosts` says so.
pub(super) fn host_names() -> Vec<String> {
    let uname = rustix::system::uname();
    let Ok(host) = uname.nodename().to_str() else {
        return Vec::new();
    };
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    names_of(host, &hosts)
}

fn names_of(host: &str, hosts: &str) -> Vec<String> {
    let short = host.split('.').next().unwrap_or(host);
    let mut names = vec![host.to_owned(), short.to_owned()];
    for line in hosts.lines() {
        let entry = line.split('#').next().unwrap_or_default();
        let aliases: Vec<&str> = entry.split_whitespace().skip(1).collect();
        if aliases.contains(&host) {
            let full = aliases
                .iter()
                .filter(|alias| alias.split_once('.').is_some_and(|(first, _)| first == short));
            names.extend(full.map(|alias| (*alias).to_owned()));
        }
    }
    names
}

/// The addresses of all interfaces that another machine could use.
pub(super) fn addresses() -> Vec<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(interfaces) => interfaces
            .iter()
            .map(if_addrs::Interface::ip)
            .filter(reachable)
            .collect(),
        Err(error) => {
            tracing::warn!(%error, "cannot list the machine's addresses; the certificate will not cover them");
            Vec::new()
        }
    }
}

/// Link-local IPv6 addresses need a zone, which no certificate can name.
fn reachable(address: &IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !link_local && !address.is_loopback() && !address.is_unspecified() && !address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_comes_from_the_hosts_file() {
        let hosts =
            "127.0.0.1 localhost\n10.0.0.5 scm.example.com scm # main\n10.0.0.6 other.example.com other\n";
        assert_eq!(names_of("scm", hosts), ["scm", "scm", "scm.example.com"]);
        assert_eq!(names_of("scm.example.org", hosts), ["scm.example.org", "scm"]);
        assert_eq!(names_of("box", ""), ["box", "box"]);
    }

    #[test]
    fn addresses_that_nobody_else_can_use_are_left_out() {
        for useless in ["127.0.0.1", "::1", "fe80::1", "169.254.1.1", "0.0.0.0", "ff02::1"] {
            assert!(!reachable(&useless.parse().unwrap()), "{useless}");
        }
        assert!(reachable(&"10.0.0.5".parse().unwrap()));
        assert!(addresses().iter().all(reachable));
    }
}
