//! Socket addresses to listen on, written as one text or as a list of them.

use std::fmt;
use std::net::SocketAddr;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// One or more socket addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(pub Vec<SocketAddr>);

impl Addresses {
    /// The addresses in the order written.
    pub fn as_slice(&self) -> &[SocketAddr] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = Addresses;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a socket address such as \"[::]:8443\", or a list of them")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Addresses(vec![address(text)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut addresses = Vec::new();
        while let Some(Address(address)) = list.next_element()? {
            addresses.push(address);
        }
        Ok(Addresses(addresses))
    }
}

/// One element of the list, so that an error names the element.
struct Address(SocketAddr);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl Visitor<'_> for One {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a socket address such as \"[::]:8443\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                address(text).map(Address)
            }
        }
        deserializer.deserialize_str(One)
    }
}

fn address<E: Error>(text: &str) -> Result<SocketAddr, E> {
    text.parse().map_err(|_| {
        E::custom(format_args!(
            "must be an address and a port such as \"[::]:8443\" or \"10.0.0.5:8443\", not {text:?}"
        ))
    })
}
