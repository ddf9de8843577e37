//! The checks of `[server]`, and of each `[[server]]` where there are several.

use super::file::{ServerSettings, Servers};
use super::{Secret, Server, Source};
use crate::identity::ServerTag;
use scm_protocol::ids::Organization;
use scm_settings::Error;
use scm_tls::Trust;
use std::path::PathBuf;

/// The servers to report to; each is checked by itself, and no two may share their files.
pub(super) fn servers(source: &dyn Source, settings: Servers) -> Result<Vec<Server>, Error> {
    let several = match settings {
        Servers::One(server) => return Ok(vec![server_of(source, "server", *server)?]),
        Servers::Several(several) => several,
    };
    let mut servers: Vec<Server> = Vec::with_capacity(several.len());
    for (index, settings) in several.into_iter().enumerate() {
        let section = format!("server.{index}");
        let server = server_of(source, &section, settings)?;
        if servers.iter().any(|other| other.tag == server.tag) {
            let reason = "names a server that is configured above already";
            return Err(source.refuse(&format!("{section}.url"), reason.to_owned()));
        }
        servers.push(server);
    }
    if servers.is_empty() {
        return Err(source.refuse("server", "must name at least one server".to_owned()));
    }
    Ok(servers)
}

fn server_of(source: &dyn Source, section: &str, settings: ServerSettings) -> Result<Server, Error> {
    let refuse = |key: &str, reason: String| source.refuse(&format!("{section}.{key}"), reason);
    let url = server_url(&settings.url).map_err(|reason| refuse("url", reason))?;
    let organization = match settings.organization {
        Some(name) => name
            .parse()
            .map_err(|error| refuse("organization", format!("is not usable: {error}")))?,
        None => Organization::default(),
    };
    let enrollment_token =
        token(settings.enrollment_token).map_err(|reason| refuse("enrollment_token", reason))?;
    let trust = trust(settings.ca_file, settings.ca_pin).map_err(|(key, reason)| refuse(key, reason))?;
    let server_key_pin = match settings.server_key_pin {
        Some(pin) => Some(
            pin.parse()
                .map_err(|error| refuse("server_key_pin", format!("is not usable: {error}")))?,
        ),
        None => None,
    };
    Ok(Server {
        tag: ServerTag::of(&url),
        url,
        organization,
        enrollment_token,
        trust,
        server_key_pin,
    })
}

fn token(token: Option<Secret>) -> Result<Option<Secret>, String> {
    match token {
        Some(token) if !token.reveal().starts_with("oscm_") || token.reveal().len() > 128 => {
            Err("must be a token as the console shows it, beginning with `oscm_`".to_owned())
        }
        other => Ok(other),
    }
}

fn trust(ca_file: Option<PathBuf>, ca_pin: Option<String>) -> Result<Trust, (&'static str, String)> {
    match (ca_file, ca_pin) {
        (Some(_), Some(_)) => Err((
            "ca_file",
            "cannot be used together with `server.ca_pin`: choose one".to_owned(),
        )),
        (Some(file), None) if !file.is_absolute() => Err(("ca_file", "must be an absolute path".to_owned())),
        (Some(file), None) => Ok(Trust::CaFile(file)),
        (None, Some(pin)) => scm_tls::parse_pin(&pin)
            .map(Trust::CaPin)
            .map_err(|error| ("ca_pin", format!("is {error}"))),
        (None, None) => Ok(Trust::System),
    }
}

/// `https://host[:port]`, without user, path, query or fragment.
fn server_url(text: &str) -> Result<String, String> {
    let example = "for example https://scm.example.com:8443";
    let url = text.trim_end_matches('/');
    if url.starts_with("http://") {
        return Err("must begin with https://, plain HTTP is never used".to_owned());
    }
    if !url.starts_with("https://") {
        return Err(format!("must begin with https://, {example}"));
    }
    let uri: ureq::http::Uri = url
        .parse()
        .map_err(|error| format!("is not a URL ({error}), {example}"))?;
    let authority = uri.authority().ok_or_else(|| format!("has no host, {example}"))?;
    if authority.as_str().contains('@') {
        return Err("must not hold a user or password".to_owned());
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() || url.contains('#') {
        return Err(format!("must be host and port only, {example}"));
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    rustls_pki_types::ServerName::try_from(host.to_owned())
        .map_err(|_| format!("has no valid host name or address, {example}"))?;
    Ok(url.to_owned())
}
