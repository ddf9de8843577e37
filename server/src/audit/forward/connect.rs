//! TLS to a target: its certificate must be by the configured authorities, or by the system's.

use super::Failure;
use crate::config::Forward;
use http::uri::Authority;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use scm_tls::Trust;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How a target is trusted.
///
/// # Errors
/// When the authorities cannot be read.
pub(super) fn client_config(target: &Forward) -> Result<Arc<ClientConfig>, Failure> {
    let trust = target.ca_file.clone().map_or(Trust::System, Trust::CaFile);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = scm_tls::client_config(&trust, provider);
    config
        .map(Arc::new)
        .map_err(|error| Failure::new("certificate authorities", error))
}

/// A new connection.
///
/// # Errors
/// When the target cannot be reached, or is not who it should be.
pub(super) async fn connect(
    authority: &Authority,
    default_port: u16,
    config: &Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Failure> {
    // An IPv6 address stands in brackets in an authority, and without them everywhere else.
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let port = authority.port_u16().unwrap_or(default_port);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::new("its name", error))?;
    let tcp = TcpStream::connect((host, port))
        .await
        .map_err(|error| Failure::new("connecting", error))?;
    TlsConnector::from(Arc::clone(config))
        .connect(name, tcp)
        .await
        .map_err(|error| Failure::new("TLS", error))
}
