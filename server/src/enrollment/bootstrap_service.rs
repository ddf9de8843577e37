//! Makes the string by which a new machine's first contact is pinned already. Reads and changes nothing but settings.

use crate::app::App;
use crate::error::Error;
use scm_protocol::bootstrap::{Bootstrap, BootstrapReply, BootstrapRequest};
use scm_protocol::identity::Fingerprint;
use std::net::IpAddr;

/// The string, the configuration and the command for a new machine of that organization. `host` is the `Host` of the
/// request.
///
/// # Errors
/// [`Error::Invalid`] naming the member. A token is only looked at for its form: whether it lets anybody in, its
/// registration will tell.
pub(super) fn make(
    app: &App,
    organization_id: i64,
    request: BootstrapRequest,
    host: Option<&str>,
) -> Result<BootstrapReply, Error> {
    let organization = app.organizations.name_of(organization_id);
    let key = app.organizations.key_of(organization_id);
    let (Some(organization), Some(key)) = (organization, key) else {
        return Err(Error::internal("an organization without a key"));
    };
    let bootstrap = Bootstrap {
        url: url(request.url, host, app.settings.url.as_deref())?,
        organization,
        ca_pin: app.settings.ca_pin.map(Fingerprint),
        server_key_pin: key.fingerprint(),
        enrollment_token: request.enrollment_token,
    };
    if let Some((field, reason)) = bootstrap.problem() {
        return Err(Error::invalid(field, reason));
    }
    let text = bootstrap.to_string();
    Ok(BootstrapReply {
        config: bootstrap.configuration(),
        install_line: install_line(&text, bootstrap.enrollment_token.is_some()),
        bootstrap: text,
    })
}

/// Where agents reach this server: as asked for; else as this request did, unless that was this very machine and a name
/// is configured; else as configured.
fn url(asked: Option<String>, host: Option<&str>, configured: Option<&str>) -> Result<String, Error> {
    if let Some(url) = asked {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    match (host, configured) {
        (Some(host), None) => Ok(format!("https://{host}")),
        (Some(host), Some(_)) if !is_loopback(host) => Ok(format!("https://{host}")),
        (_, Some(configured)) => Ok(configured.to_owned()),
        (None, None) => Err(Error::invalid(
            "url",
            "is needed: neither the request nor the configuration says where agents reach this server",
        )),
    }
}

/// Whether a host, with or without port, is nobody but the machine that says it.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
        None => host,
    };
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// One line for a POSIX shell. A secret goes through standard input: a command's arguments can be read by every user of
/// the machine while it runs.
fn install_line(text: &str, secret: bool) -> String {
    if secret {
        format!("printf %s {text} | scmclient enroll -")
    } else {
        format!("scmclient enroll {text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_what_agents_can_reach() {
        let known =
            |asked: Option<&str>, host, configured| url(asked.map(str::to_owned), host, configured).ok();
        let scm = "https://scm.example.com:8443";
        let cases = [
            (Some("https://a/"), Some("b"), Some(scm), Some("https://a")),
            (None, Some("b:1"), Some(scm), Some("https://b:1")),
            (None, Some("b:1"), None, Some("https://b:1")),
            (None, Some("localhost:8443"), Some(scm), Some(scm)),
            (None, Some("127.0.0.1:8443"), Some(scm), Some(scm)),
            (None, Some("[::1]:8443"), Some(scm), Some(scm)),
            (None, Some("localhost:8443"), None, Some("https://localhost:8443")),
            (None, None, Some(scm), Some(scm)),
            (None, None, None, None),
        ];
        for (asked, host, configured, expected) in cases {
            assert_eq!(
                known(asked, host, configured).as_deref(),
                expected,
                "{asked:?} {host:?}"
            );
        }
    }

    #[test]
    fn a_secret_is_no_argument() {
        assert_eq!(install_line("x", false), "scmclient enroll x");
        assert_eq!(install_line("x", true), "printf %s x | scmclient enroll -");
    }
}
