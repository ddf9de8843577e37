//! The TLS configuration in use, replaced while running when its files change.
//!
//! A new pair of files takes effect with the next handshake; connections that exist keep theirs. A pair that cannot be
//! used (half copied, or not a pair) is logged once and the one in use is kept. A new configuration has new ticket keys,
//! so that nobody resumes a session of the old certificate.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::serve::stopped;
use crate::pki::{ClientAuthority, Error, Served};

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(30);

/// Where the certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM: the server's certificate, then the chain above it.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// What tells a changed file from the one that was read: modification time, size, inode; none for an absent file.
type Stamp = Option<(i64, i64, u64, u64)>;

/// The TLS configuration in use and the files that it came from.
#[derive(Debug)]
pub struct TlsReloader {
    files: CertificateFiles,
    provider: Arc<CryptoProvider>,
    clients: ClientAuthority,
    current: ArcSwap<ServerConfig>,
    read: Mutex<[Stamp; 2]>,
}

impl TlsReloader {
    /// Reads the files for the first time. Clients are asked for a certificate of `clients`.
    ///
    /// # Errors
    /// [`Error`], which names the file at fault.
    pub fn open(
        files: CertificateFiles,
        provider: Arc<CryptoProvider>,
        clients: ClientAuthority,
    ) -> Result<Arc<Self>, Error> {
        let stamps = stamps(&files);
        let served = Served::read(&files.certificate, &files.key)?;
        let config = served.rustls_config(provider.clone(), &clients)?;
        Ok(Arc::new(Self {
            files,
            provider,
            clients,
            current: ArcSwap::new(config),
            read: Mutex::new(stamps),
        }))
    }

    /// The configuration for the next handshake.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// What examines the certificates of clients.
    pub fn clients(&self) -> &ClientAuthority {
        &self.clients
    }

    /// Reads the files again if they changed since they were last read; whether a new configuration took effect.
    pub fn reload_if_changed(&self) -> bool {
        let found = stamps(&self.files);
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *read == found {
            return false;
        }
        *read = found;
        drop(read);
        self.reload()
    }

    /// Reads the files again; whether a new configuration took effect.
    pub fn reload(&self) -> bool {
        let served = Served::read(&self.files.certificate, &self.files.key);
        match served.and_then(|served| served.rustls_config(self.provider.clone(), &self.clients)) {
            Ok(config) => {
                self.current.store(config);
                tracing::info!(certificate = %self.files.certificate.display(), "read the certificate again");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the changed certificate cannot be used; the one in use is kept");
                false
            }
        }
    }

    /// Looks at the files every 30 seconds, and reads them at once on SIGHUP, until `shutdown`.
    pub async fn watch(self: Arc<Self>, mut shutdown: watch::Receiver<bool>) {
        let mut hangups = signal(SignalKind::hangup()).inspect_err(|error| {
            tracing::warn!(%error, "cannot receive SIGHUP; changed certificates are still found");
        });
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let forced = tokio::select! {
                () = stopped(&mut shutdown) => return,
                Some(()) = async { hangups.as_mut().ok()?.recv().await } => true,
                _ = ticks.tick() => false,
            };
            let reloader = self.clone();
            let work = move || {
                if forced {
                    reloader.reload()
                } else {
                    reloader.reload_if_changed()
                }
            };
            // Only fails if it panics, which the panic hook reports, or while the runtime is ending.
            drop(tokio::task::spawn_blocking(work).await);
        }
    }
}

fn stamps(files: &CertificateFiles) -> [Stamp; 2] {
    [&files.certificate, &files.key].map(|path| stamp(path))
}

fn stamp(path: &Path) -> Stamp {
    let metadata = fs::metadata(path).ok()?;
    Some((
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.size(),
        metadata.ino(),
    ))
}
