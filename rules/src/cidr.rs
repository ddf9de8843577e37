//! Networks such as `10.0.0.0/8` or `2001:db8::/32`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network. IPv4 in its mapped form (`::ffff:10.0.0.1`) counts as IPv4 on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cidr {
    V4 { bits: u32, mask: u32 },
    V6 { bits: u128, mask: u128 },
}

impl Cidr {
    /// Parses `address/prefix`; an address alone is a network of one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| {
            format!("`{address}` is not an IP address; expected a network such as 10.0.0.0/8")
        })?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(max), |prefix| parse_prefix(prefix, max))?;
        let cidr = Self::new(address, prefix);
        if cidr.within() == cidr {
            Ok(cidr)
        } else {
            Err(format!(
                "has bits outside its prefix, did you mean `{}/{prefix}`?",
                cidr.within().first()
            ))
        }
    }

    fn new(address: IpAddr, prefix: u32) -> Self {
        match address {
            IpAddr::V4(v4) => Cidr::V4 {
                bits: v4.to_bits(),
                mask: u32::MAX.checked_shl(32 - prefix).unwrap_or(0),
            },
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) if prefix >= 96 => Self::new(IpAddr::V4(v4), prefix - 96),
                _ => Cidr::V6 {
                    bits: v6.to_bits(),
                    mask: u128::MAX.checked_shl(128 - prefix).unwrap_or(0),
                },
            },
        }
    }

    /// Without bits outside the prefix.
    fn within(self) -> Self {
        match self {
            Cidr::V4 { bits, mask } => Cidr::V4 {
                bits: bits & mask,
                mask,
            },
            Cidr::V6 { bits, mask } => Cidr::V6 {
                bits: bits & mask,
                mask,
            },
        }
    }

    fn first(self) -> IpAddr {
        match self {
            Cidr::V4 { bits, .. } => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            Cidr::V6 { bits, .. } => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        }
    }

    /// Whether the address lies in it.
    pub(crate) fn has(self, address: IpAddr) -> bool {
        match (self, address.to_canonical()) {
            (Cidr::V4 { bits, mask }, IpAddr::V4(v4)) => v4.to_bits() & mask == bits,
            (Cidr::V6 { bits, mask }, IpAddr::V6(v6)) => v6.to_bits() & mask == bits,
            _ => false,
        }
    }
}

fn parse_prefix(text: &str, max: u32) -> Result<u32, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = text.parse().ok().filter(|prefix| digits && *prefix <= max);
    prefix.ok_or_else(|| format!("the prefix must be a number from 0 to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(network: &str, address: &str) -> bool {
        Cidr::parse(network).unwrap().has(address.parse().unwrap())
    }

    #[test]
    fn edges_of_networks() {
        assert!(has("10.0.0.0/8", "10.0.0.0") && has("10.0.0.0/8", "10.255.255.255"));
        assert!(!has("10.0.0.0/8", "9.255.255.255") && !has("10.0.0.0/8", "11.0.0.0"));
        assert!(has("0.0.0.0/0", "255.255.255.255") && !has("0.0.0.0/0", "2001:db8::1"));
        assert!(
            has("10.1.2.3", "10.1.2.3") && has("10.1.2.3/32", "10.1.2.3") && !has("10.1.2.3/32", "10.1.2.2")
        );
        assert!(has("2001:db8::/32", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"));
        assert!(!has("2001:db8::/32", "2001:db9::"));
        assert!(has("::/0", "2001:db8::1") && !has("::/0", "10.0.0.1"));
        assert!(has("::1/128", "::1") && !has("::1/128", "::2"));
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert!(has("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(has("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(has("::ffff:0.0.0.0/96", "192.0.2.1"));
        assert!(!has("::ffff:10.0.0.0/104", "11.1.2.3"));
    }

    #[test]
    fn what_is_no_network_is_said() {
        let error = |text: &str| Cidr::parse(text).unwrap_err();
        assert_eq!(
            error("10.0.0.1/8"),
            "has bits outside its prefix, did you mean `10.0.0.0/8`?"
        );
        for prefix in ["", "33", "-1", "+8", "8 ", "x"] {
            assert_eq!(
                error(&format!("10.0.0.0/{prefix}")),
                "the prefix must be a number from 0 to 32"
            );
        }
        assert_eq!(error("::/129"), "the prefix must be a number from 0 to 128");
        for address in ["", "10.0.0", "256.0.0.0/8", "host/8"] {
            assert!(error(address).contains("is not an IP address"), "{address}");
        }
    }
}
