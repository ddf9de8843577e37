//! The order to become another program: the body of a signed order of kind [`UPGRADE`].

use super::platform::Platform;
use super::statement::is_sha256;
use super::{MAX_PACKAGE_BYTES, MAX_SIGNATURE_BYTES, version};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kind of such an order.
pub const UPGRADE: &str = "upgrade";
/// Within which time the new program must complete a signed check-in unless the order says, in seconds.
pub const DEFAULT_DEADLINE_SECS: u32 = 180;
/// What it may say.
pub const DEADLINE_SECS: std::ops::RangeInclusive<u32> = 30..=3600;

/// Which program to become, and within which time that program has to prove itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeOrder {
    /// What the program runs on.
    pub platform: Platform,
    /// Its version.
    pub version: String,
    /// Its size, in bytes.
    pub size: i64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The text of its minisign signature.
    pub signature: String,
    /// Within which time the new program must complete a signed check-in, in seconds.
    #[serde(default = "default_deadline")]
    pub deadline_secs: u32,
}

fn default_deadline() -> u32 {
    DEFAULT_DEADLINE_SECS
}

impl UpgradeOrder {
    /// Reads the body of an order.
    ///
    /// # Errors
    /// Why it is none, for a person.
    pub fn parse(body: &str) -> Result<Self, String> {
        let order: UpgradeOrder =
            serde_json::from_str(body).map_err(|error| format!("the body is no upgrade: {error}"))?;
        match order.problem() {
            None => Ok(order),
            Some((field, reason)) => Err(format!("`{field}` {reason}")),
        }
    }

    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if let Err(reason) = version(&self.version) {
            return Some(("version", reason));
        }
        if !(1..=MAX_PACKAGE_BYTES).contains(&self.size) {
            return Some(("size", format!("must be 1 to {MAX_PACKAGE_BYTES}")));
        }
        if !is_sha256(&self.sha256) {
            return Some(("sha256", "must be 64 lower-case hexadecimal digits".to_owned()));
        }
        if self.signature.is_empty() || self.signature.len() > MAX_SIGNATURE_BYTES {
            return Some(("signature", format!("must have 1 to {MAX_SIGNATURE_BYTES} bytes")));
        }
        let (least, most) = (DEADLINE_SECS.start(), DEADLINE_SECS.end());
        (!DEADLINE_SECS.contains(&self.deadline_secs))
            .then(|| ("deadline_secs", format!("must be {least} to {most}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::order::MAX_ORDER_BYTES;

    fn order() -> UpgradeOrder {
        UpgradeOrder {
            platform: "x86_64-linux".parse().unwrap(),
            version: "1.4.0".to_owned(),
            size: 9,
            sha256: "0a".repeat(32),
            signature: "untrusted comment: x".to_owned(),
            deadline_secs: 180,
        }
    }

    #[test]
    fn an_order_is_read_as_it_was_written_and_fits() {
        let text = serde_json::to_string(&order()).unwrap();
        assert_eq!(UpgradeOrder::parse(&text), Ok(order()));
        let without = text.replace(",\"deadline_secs\":180", "");
        assert_eq!(UpgradeOrder::parse(&without), Ok(order()));
        let longest = UpgradeOrder {
            signature: "\n".repeat(MAX_SIGNATURE_BYTES),
            ..order()
        };
        assert!(serde_json::to_string(&longest).unwrap().len() <= MAX_ORDER_BYTES);
    }

    #[test]
    fn every_member_is_bounded() {
        let field = |order: UpgradeOrder| {
            let parsed = UpgradeOrder::parse(&serde_json::to_string(&order).unwrap());
            (order.problem().unwrap().0, parsed.is_err())
        };
        let changed = [
            UpgradeOrder {
                version: "1".to_owned(),
                ..order()
            },
            UpgradeOrder { size: 0, ..order() },
            UpgradeOrder {
                size: MAX_PACKAGE_BYTES + 1,
                ..order()
            },
            UpgradeOrder {
                sha256: "0A".repeat(32),
                ..order()
            },
            UpgradeOrder {
                signature: String::new(),
                ..order()
            },
            UpgradeOrder {
                signature: "x".repeat(2049),
                ..order()
            },
            UpgradeOrder {
                deadline_secs: 29,
                ..order()
            },
            UpgradeOrder {
                deadline_secs: 3601,
                ..order()
            },
        ];
        let fields: Vec<_> = changed.into_iter().map(field).collect();
        let names = [
            "version",
            "size",
            "size",
            "sha256",
            "signature",
            "signature",
            "deadline_secs",
            "deadline_secs",
        ];
        assert_eq!(fields, names.map(|name| (name, true)));
        let extra = serde_json::to_string(&order())
            .unwrap()
            .replacen('{', "{\"shell\":\"x\",", 1);
        assert!(UpgradeOrder::parse(&extra).is_err());
        let platform = serde_json::to_string(&order())
            .unwrap()
            .replace("x86_64-linux", "../linux");
        assert!(UpgradeOrder::parse(&platform).is_err());
    }
}
