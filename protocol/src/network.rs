//! Networks in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A network, written `192.0.2.0/24` or `2001:db8::/32`; a bare address is a network of one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    /// Not `address/bits`.
    #[error("`{0}` is not a network like 192.0.2.0/24 or 2001:db8::/32")]
    Form(String),
    /// Bits after the prefix are set: another network may have been meant.
    #[error("`{given}` has bits beyond its prefix: write {meant}")]
    HostBits {
        /// As written.
        given: String,
        /// The network that the address is in.
        meant: String,
    },
}

impl Network {
    /// Whether an address is in it. An IPv4 address in IPv6 form (`::ffff:192.0.2.1`) is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

/// An address with everything after its first `prefix` bits set to zero.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            Ipv4Addr::from(u32::from(v4) & mask).into()
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            Ipv6Addr::from(u128::from(v6) & mask).into()
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let given = || {
            text.chars()
                .filter(|c| !c.is_control())
                .take(60)
                .collect::<String>()
        };
        let form = || InvalidNetwork::Form(given());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| form())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let digits = |text: &&str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let prefix = match prefix {
            None => bits,
            Some(text) => Some(text)
                .filter(digits)
                .and_then(|text| text.parse().ok())
                .filter(|prefix| *prefix <= bits)
                .ok_or_else(form)?,
        };
        let network = Network {
            address: masked(address, prefix),
            prefix,
        };
        if network.address == address {
            Ok(network)
        } else {
            Err(InvalidNetwork::HostBits {
                given: given(),
                meant: network.to_string(),
            })
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialSchema for Network {
    fn schema() -> RefOr<Schema> {
        <String as PartialSchema>::schema()
    }
}

impl ToSchema for Network {}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/24", "::ffff:192.0.2.1", "2001:db8::1"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "fe80::1", "10.0.0.1"),
            ("::1", "::1", "::2"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_was_meant() {
        for bad in [
            "",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "192.0.2/24",
            "::/129",
            "a/8",
            "1.2.3.4/0/0",
        ] {
            assert!(
                matches!(bad.parse::<Network>(), Err(InvalidNetwork::Form(_))),
                "{bad}"
            );
        }
        let error = "192.0.2.7/24".parse::<Network>().unwrap_err();
        assert!(error.to_string().ends_with("write 192.0.2.0/24"), "{error}");
    }
}
