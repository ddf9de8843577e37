//! The names and addresses that the server's certificate vouches for.
//!
//! A name once in the certificate stays in it through renewals. The one exception: addresses that were found on the
//! machine once and are gone now are dropped when there are more names than [`MOST`], or a machine whose addresses
//! change daily would serve an ever longer certificate; it is logged.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::machine;

/// More names than this, and addresses that are gone are dropped.
pub(super) const MOST: usize = 100;

/// A host name or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A host name in lower case, or a wildcard such as `*.example.com`.
    Dns(String),
    /// An address.
    Address(IpAddr),
}

/// Text that is neither a host name nor an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a host name nor an address")]
pub struct InvalidName(String);

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let labels = name.strip_prefix("*.").unwrap_or(&name);
        // A last label of digits only would be taken for a malformed IPv4 address.
        let numeric = labels
            .rsplit('.')
            .next()
            .is_none_or(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if name.len() <= 253 && !numeric && labels.split('.').all(is_label) {
            Ok(Self::Dns(name))
        } else {
            Err(InvalidName(text.chars().take(80).collect()))
        }
    }
}

fn is_label(label: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What a certificate has to cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Configured, or the machine's own: never dropped.
    pub lasting: BTreeSet<Name>,
    /// Addresses found on the machine's interfaces now.
    pub found: BTreeSet<Name>,
}

impl Names {
    /// The machine's host name (with its domain, where `/etc/hosts` knows it), `localhost` and the loopback addresses,
    /// the addresses of all interfaces, and what is `configured`.
    ///
    /// # Errors
    /// [`InvalidName`] for a configured text that is no name. Oddities of the machine itself are left out.
    pub fn of_machine(configured: &[String]) -> Result<Self, InvalidName> {
        let mut lasting = BTreeSet::from([
            Name::Dns("localhost".to_owned()),
            Name::Address(Ipv4Addr::LOCALHOST.into()),
            Name::Address(Ipv6Addr::LOCALHOST.into()),
        ]);
        lasting.extend(machine::host_names().iter().filter_map(|name| name.parse().ok()));
        for name in configured {
            lasting.insert(name.parse()?);
        }
        let found = machine::addresses().into_iter().map(Name::Address).collect();
        Ok(Self { lasting, found })
    }

    /// All of them.
    pub fn all(&self) -> BTreeSet<Name> {
        self.lasting.union(&self.found).cloned().collect()
    }
}
