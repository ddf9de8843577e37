//! The version of this program.

/// As it is said to servers, in the log and on the command line. `OPENSCM_VERSION` in the environment of the build overrides
/// that of the sources: so that the tests can build a really different agent.
pub const VERSION: &str = match option_env!("OPENSCM_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_that_can_be_compared() {
        assert!(semver::Version::parse(VERSION).is_ok(), "{VERSION}");
    }
}
