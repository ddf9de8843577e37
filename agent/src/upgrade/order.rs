//! Whether an order to upgrade is taken up: a pure function from the order and what this machine allows.

use crate::version::VERSION;
use scm_protocol::upgrades::is_newer;
use scm_protocol::upgrades::order::UpgradeOrder;
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::release::ReleaseKey;
use scm_protocol::upgrades::statement::{AGENT, PackageStatement};

/// What this machine allows, and what it is.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether servers may order upgrades at all.
    pub enabled: bool,
    /// By which keys a program must be signed; none: no program is.
    pub keys: Vec<ReleaseKey>,
    /// What this program was built for.
    pub platform: Option<Platform>,
    /// The version that runs.
    pub version: String,
}

impl Policy {
    /// Of this very program, with these keys.
    pub fn of_this_program(enabled: bool, keys: Vec<ReleaseKey>) -> Self {
        Policy {
            enabled,
            keys,
            platform: Platform::of_this_program(),
            version: VERSION.to_owned(),
        }
    }
}

/// Why the order is not taken up; none when it is.
pub fn refusal(order: &UpgradeOrder, policy: &Policy) -> Option<String> {
    if !policy.enabled {
        return Some("upgrades are switched off on this machine ([upgrade] enabled = false)".to_owned());
    }
    if policy.keys.is_empty() {
        return Some(
            "no release key is known on this machine: set [upgrade] release_key in its configuration"
                .to_owned(),
        );
    }
    match &policy.platform {
        Some(own) if *own == order.platform => {}
        own => {
            let own = own.as_ref().map_or("none that has a name", Platform::as_str);
            return Some(format!(
                "the package is for {}, this machine is {own}",
                order.platform
            ));
        }
    }
    if !is_newer(&order.version, &policy.version) {
        return Some(format!(
            "{} is not newer than {}, which runs: downgrades are refused",
            order.version, policy.version
        ));
    }
    // Not trusted yet, but what is not even claimed need not be fetched.
    let claimed = order
        .signature
        .lines()
        .find_map(|line| line.strip_prefix("trusted comment: "));
    match claimed.map(str::parse::<PackageStatement>) {
        Some(Ok(statement)) => mismatch(order, &statement),
        Some(Err(error)) => Some(error.to_string()),
        None => Some("the signature is none of minisign: it has no trusted comment".to_owned()),
    }
}

/// What of a statement is not what was ordered; none when it is the same in all.
pub(super) fn mismatch(order: &UpgradeOrder, statement: &PackageStatement) -> Option<String> {
    let pairs = [
        ("product", AGENT, statement.product.as_str()),
        ("version", &order.version, &statement.version),
        ("platform", order.platform.as_str(), statement.platform.as_str()),
        ("SHA-256", &order.sha256, &statement.sha256),
    ];
    pairs.into_iter().find_map(|(what, ordered, signed)| {
        (ordered != signed)
            .then(|| format!("the signature is for the {what} {signed}, the order is for {ordered}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn policy() -> Policy {
        Policy {
            enabled: true,
            keys: vec![ReleaseKey::parse(KEY).unwrap()],
            platform: Some("x86_64-linux".parse().unwrap()),
            version: "1.4.0".to_owned(),
        }
    }

    fn signature(product: &str, version: &str, platform: &str, digits: &str) -> String {
        format!(
            "untrusted comment: x\nAAAA\ntrusted comment: openscm {product} {version} {platform} sha256:{}\nAAAA\n",
            digits.repeat(32)
        )
    }

    fn order(version: &str, platform: &str) -> UpgradeOrder {
        UpgradeOrder {
            platform: platform.parse().unwrap(),
            version: version.to_owned(),
            size: 9,
            sha256: "0a".repeat(32),
            signature: signature(AGENT, version, platform, "0a"),
            deadline_secs: 180,
        }
    }

    fn refused(order: &UpgradeOrder, policy: &Policy) -> String {
        refusal(order, policy).unwrap_or_default()
    }

    #[test]
    fn a_newer_version_for_this_platform_is_taken_up() {
        assert_eq!(refusal(&order("1.5.0", "x86_64-linux"), &policy()), None);
        assert_eq!(refusal(&order("1.10.0-rc.1", "x86_64-linux"), &policy()), None);
    }

    #[test]
    fn what_this_machine_does_not_allow_is_refused_with_its_reason() {
        let good = order("1.5.0", "x86_64-linux");
        let off = Policy {
            enabled: false,
            ..policy()
        };
        assert!(refused(&good, &off).contains("switched off"));
        let keyless = Policy {
            keys: Vec::new(),
            ..policy()
        };
        assert!(refused(&good, &keyless).contains("no release key"));
        let nameless = Policy {
            platform: None,
            ..policy()
        };
        assert!(refused(&good, &nameless).contains("is for x86_64-linux"));
        for platform in ["aarch64-linux", "x86_64-windows"] {
            let said = refused(&order("1.5.0", platform), &policy());
            assert!(
                said.contains(&format!("is for {platform}, this machine is x86_64-linux")),
                "{said}"
            );
        }
        for version in ["1.4.0", "1.3.9", "0.1.0", "1.4.0-rc.1"] {
            let said = refused(&order(version, "x86_64-linux"), &policy());
            assert!(said.contains("not newer than 1.4.0"), "{version}: {said}");
        }
    }

    #[test]
    fn what_is_not_even_claimed_is_not_fetched() {
        let with = |signature: String| {
            let order = UpgradeOrder {
                signature,
                ..order("1.5.0", "x86_64-linux")
            };
            refused(&order, &policy())
        };
        let cases = [
            (signature("scmserver", "1.5.0", "x86_64-linux", "0a"), "product"),
            (signature(AGENT, "1.6.0", "x86_64-linux", "0a"), "version"),
            (signature(AGENT, "1.5.0", "aarch64-linux", "0a"), "platform"),
            (signature(AGENT, "1.5.0", "x86_64-linux", "0b"), "SHA-256"),
            ("untrusted comment: x\n".to_owned(), "no trusted comment"),
            (
                "trusted comment: timestamp:1633700835\tfile:scmclient".to_owned(),
                "the trusted comment is not",
            ),
        ];
        for (signature, expected) in cases {
            let said = with(signature);
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
}
