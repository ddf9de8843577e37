//! The proxy between agent and server: from the configuration, else from the environment.
//!
//! The exchange goes through a `CONNECT` tunnel, so a proxy sees host names and nothing else.

use ureq::{Proxy, ProxyProtocol};

/// Why a proxy's address will not do; for a person, without the address, which may hold a password.
///
/// # Errors
/// The reason, to follow the key's name.
pub fn check_proxy(address: &str) -> Result<(), String> {
    parse(address).map(|_| ())
}

pub(super) fn parse(address: &str) -> Result<Proxy, String> {
    let example = "for example http://proxy.example.com:3128";
    let proxy = Proxy::new(address).map_err(|_| format!("is not a proxy's address, {example}"))?;
    if proxy.protocol() == ProxyProtocol::Http {
        Ok(proxy)
    } else {
        Err(format!("must begin with http://, {example}"))
    }
}

/// The proxy that the environment names: `HTTPS_PROXY`, else `ALL_PROXY`, with the exceptions of `NO_PROXY`.
pub(super) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, String> {
    let set = |name: &&str| variable(name).filter(|value| !value.trim().is_empty());
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let Some((name, address)) = names.iter().find_map(|name| Some((name, set(name)?))) else {
        return Ok(None);
    };
    let proxy = parse(address.trim()).map_err(|reason| format!("{name} {reason}"))?;
    let mut builder = Proxy::builder(ProxyProtocol::Http)
        .host(proxy.host())
        .port(proxy.port());
    if let Some(user) = proxy.username() {
        builder = builder.username(user);
    }
    if let Some(password) = proxy.password() {
        builder = builder.password(password);
    }
    let exceptions = ["NO_PROXY", "no_proxy"].iter().find_map(set).unwrap_or_default();
    for exception in exceptions
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        builder = builder.no_proxy(exception);
    }
    let proxy = builder
        .build()
        .map_err(|_| format!("{name} is not a proxy's address"))?;
    Ok(Some(proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn the_environment_names_a_proxy_and_its_exceptions() {
        let variables = environment(&[
            ("HTTPS_PROXY", "http://user:pass@proxy.example:3128"),
            ("NO_PROXY", "localhost, .internal"),
        ]);
        let proxy = from_environment(variables).unwrap().unwrap();
        assert_eq!((proxy.host(), proxy.port()), ("proxy.example", 3128));
        assert_eq!(proxy.username(), Some("user"));
        let skips = |url: &str| proxy.is_no_proxy(&url.parse().unwrap());
        assert!(skips("https://localhost:8443") && skips("https://scm.internal"));
        assert!(!skips("https://scm.example.com"));
    }

    #[test]
    fn no_proxy_is_the_default_and_a_wrong_one_an_error_without_its_password() {
        assert!(from_environment(environment(&[])).unwrap().is_none());
        assert!(
            from_environment(environment(&[("HTTPS_PROXY", "")]))
                .unwrap()
                .is_none()
        );
        let error = from_environment(environment(&[("https_proxy", "socks5://u:secret@x")])).unwrap_err();
        assert!(
            error.contains("https_proxy") && !error.contains("secret"),
            "{error}"
        );
    }
}
