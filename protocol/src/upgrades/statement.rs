//! What a release key says of a program: the trusted comment of its signature, which is signed too.
//!
//! Without it, an old program with a good signature could be passed off as a new one, or one for another platform.

use super::platform::Platform;
use super::version;
use std::fmt;
use std::str::FromStr;

/// The agent's name in statements.
pub const AGENT: &str = "scmclient";
/// The word that statements begin with.
const PREFIX: &str = "openscm";

/// `openscm <product> <version> <platform> sha256:<64 hexadecimal digits>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageStatement {
    /// Which program: [`AGENT`].
    pub product: String,
    /// Its version: semver without build metadata.
    pub version: String,
    /// What it runs on.
    pub platform: Platform,
    /// SHA-256 of the program, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Why a trusted comment is no statement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the trusted comment is not `openscm <product> <version> <platform> sha256:<hash>`: {0}")]
pub struct NoStatement(String);

impl fmt::Display for PackageStatement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PackageStatement {
            product,
            version,
            platform,
            sha256,
        } = self;
        write!(f, "{PREFIX} {product} {version} {platform} sha256:{sha256}")
    }
}

impl FromStr for PackageStatement {
    type Err = NoStatement;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| NoStatement(why.to_owned());
        let words: Vec<&str> = text.split(' ').collect();
        let [PREFIX, product, number, platform, hash] = words.as_slice() else {
            return Err(wrong("it has other words"));
        };
        let plain = |c: char| c.is_ascii_lowercase() || c == '-';
        if product.is_empty() || product.len() > 32 || !product.chars().all(plain) {
            return Err(wrong("the product is no name"));
        }
        version(number).map_err(|why| NoStatement(format!("the version {why}")))?;
        let sha256 = hash
            .strip_prefix("sha256:")
            .filter(|hash| is_sha256(hash))
            .ok_or_else(|| wrong("the hash is not sha256: and 64 lower-case hexadecimal digits"))?;
        Ok(PackageStatement {
            product: (*product).to_owned(),
            version: (*number).to_owned(),
            platform: platform
                .parse()
                .map_err(|error: super::platform::InvalidPlatform| NoStatement(error.to_string()))?,
            sha256: sha256.to_owned(),
        })
    }
}

impl PackageStatement {
    /// A statement of the agent's.
    pub fn of_agent(version: &str, platform: Platform, sha256: &str) -> Self {
        PackageStatement {
            product: AGENT.to_owned(),
            version: version.to_owned(),
            platform,
            sha256: sha256.to_owned(),
        }
    }
}

/// Whether it is a SHA-256 as it is written here.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn statement() -> PackageStatement {
        PackageStatement::of_agent("1.4.0", "x86_64-linux".parse().unwrap(), &"0a".repeat(32))
    }

    #[test]
    fn a_statement_says_exactly_what_it_says() {
        let text = format!("openscm scmclient 1.4.0 x86_64-linux sha256:{}", "0a".repeat(32));
        assert_eq!(statement().to_string(), text);
        assert_eq!(text.parse(), Ok(statement()));
        for bad in [
            text.replace("openscm", "Openscm"),
            text.replace("scmclient ", "scmclient  "),
            text.replace("1.4.0", "1.4"),
            text.replace("1.4.0", "1.4.0+7"),
            text.replace("x86_64-linux", "x86/64"),
            text.replace("sha256:", "sha512:"),
            text.replace("0a", "0A"),
            text.replace("scmclient", "scm/client"),
            format!("{text} "),
            format!(" {text}"),
            format!("{text}\n"),
            "openscm 0.1.0 scmclient_0.1.0-1_amd64.deb 00".to_owned(),
            String::new(),
        ] {
            assert!(bad.parse::<PackageStatement>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_else_is_read_as_the_same(text in "(?s).{0,120}") {
            if let Ok(statement) = text.parse::<PackageStatement>() {
                prop_assert_eq!(statement.to_string(), text);
            }
        }
    }
}
