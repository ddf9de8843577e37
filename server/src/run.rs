//! From a configuration to a serving server and back to an orderly end.

use crate::app::{App, Parts, Settings};
use crate::auth::{LocalAdmin, offer_setup};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, ProxyAddress};
use crate::error::Error;
use crate::homes::Homes;
use crate::listen::{CertificateFiles, Forwarding, Listener, TlsReloader};
use crate::organization_settings::{self, SettingsCache};
use crate::pki::{Names, Pki};
use crate::signing::{MasterKey, Organizations};
use crate::storage::{DatabaseUrl, Storage};
use crate::systems::Intervals;
use crate::{
    audit, auth, backup, certificates, commands, enrollment, integrity, jobs, packages, private_file,
    replicas, rollouts, router, rules, systems, telemetry, upgrades, watchdog,
};
use anyhow::Context;
use http::{Extensions, HeaderMap, StatusCode, Version};
use rustls::crypto::CryptoProvider;
use scm_protocol::ids::UnixMillis;
use std::net::Ipv6Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};

/// How often registration nonces are swept and the certificate's age is looked at.
const HOUSEKEEPING: Duration = Duration::from_secs(3600);

/// Serves until SIGTERM or SIGINT, then drains; connections live in `homes`.
///
/// # Errors
/// When something that serving needs is missing or damaged; the message says what to do.
pub async fn run(config: Config, homes: Homes) -> anyhow::Result<()> {
    integrity::verify_program(&config.integrity)?;
    let oddities = integrity::oddities();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let state = &config.server.state_folder;
    create_state_folder(state)?;
    let _lock = lock(state)?;
    let (stop, stopping) = watch::channel(false);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (tls, pki) = tls(&config, &clock, provider)?;
    let storage = storage(&config).await?;
    audit::begin_chain(&storage, clock.now()).await?;
    let master = Arc::new(MasterKey::of_server(state)?);
    let organizations =
        Organizations::load(&storage, &master, &config.server.organization, clock.now()).await?;
    backup::record_restores(&storage, &organizations, clock.now()).await?;
    integrity::record(&storage, organizations.first_id(), oddities, clock.now()).await?;
    packages::take_carried(&storage, &config, clock.now()).await?;
    let organization_settings = Arc::new(SettingsCache::load(&storage).await?);
    let local_admin = LocalAdmin::write(&state.join("local-admin.token"), organizations.first_id())?;
    let settings = settings(&config, &pki);
    let parts = Parts {
        storage,
        homes: homes.clone(),
        clock,
        organizations,
        organization_settings,
        master,
        pki,
        settings,
        local_admin,
        stopping: stopping.clone(),
    };
    let app = App::start(parts);
    let listener = listener(&config, &tls)?;
    announce(&app, &config, &listener).await?;
    tokio::spawn(Arc::clone(&tls).watch(stopping.clone()));
    tokio::spawn(telemetry::keep_rolled_up(
        Arc::clone(&app),
        telemetry::Ages::of(&config.telemetry),
    ));
    tokio::spawn(systems::watch_silence(Arc::clone(&app)));
    tokio::spawn(systems::keep_mirror(Arc::clone(&app)));
    tokio::spawn(systems::expire_pending(Arc::clone(&app)));
    tokio::spawn(rules::tidy(Arc::clone(&app)));
    tokio::spawn(crate::signing::keep_keys(Arc::clone(&app)));
    tokio::spawn(organization_settings::follow_changes(Arc::clone(&app)));
    tokio::spawn(certificates::keep_file(Arc::clone(&app)));
    tokio::spawn(audit::keep_anchored(Arc::clone(&app)));
    tokio::spawn(audit::watch_chains(Arc::clone(&app)));
    tokio::spawn(audit::keep_pruned(Arc::clone(&app)));
    tokio::spawn(backup::keep_backed_up(Arc::clone(&app)));
    audit::start_forwarding(&app)?;
    tokio::spawn(jobs::work(Arc::clone(&app)));
    tokio::spawn(commands::keep_moving(Arc::clone(&app)));
    tokio::spawn(replicas::keep_in_touch(Arc::clone(&app)));
    tokio::spawn(rollouts::work(Arc::clone(&app)));
    tokio::spawn(housekeeping(Arc::clone(&app), config.server.hostnames.clone()));
    tokio::spawn(watchdog::give_signs_of_life(homes.clone()));
    tokio::spawn(stop_on_signal(stop)?);
    let service = tower::ServiceBuilder::new()
        .layer(
            CompressionLayer::new()
                .gzip(true)
                .compress_when(DefaultPredicate::new().and(unsigned)),
        )
        .service(warp::service(router::routes(&app)));
    listener.serve(service, stopping, homes).await;
    audit::anchor_now(&app).await;
    let _ = std::fs::remove_file(state.join("listening"));
    tracing::info!("stopped");
    Ok(())
}

/// A signed reply is sent as it was signed: its digest covers the bytes on the wire.
fn unsigned(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key("signature")
}

/// Makes the state folder, where there is none.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn create_state_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    // Others may pass through to the CA's certificate, which is public; they may list or read nothing else.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(folder)
        .with_context(|| format!("creating the state folder {}", folder.display()))
}

/// Two servers on one state folder would overwrite each other's files.
///
/// # Errors
/// When another one has it.
pub(crate) fn lock(state: &Path) -> anyhow::Result<std::fs::File> {
    let path = state.join("lock");
    let file = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    file.try_lock()
        .with_context(|| format!("another scmserver runs on {}; stop it first", state.display()))?;
    Ok(file)
}

fn tls(
    config: &Config,
    clock: &Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
) -> anyhow::Result<(Arc<TlsReloader>, Arc<Pki>)> {
    let names = Names::of_machine(&config.server.hostnames)?;
    // Also where a configured certificate is served with: the authority issues those of agents.
    let pki = Pki::open_or_create(&config.pki_folder(), &names, clock.now())?;
    let files = match config.own_certificate() {
        Some((certificate, key)) => CertificateFiles {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        },
        None => CertificateFiles {
            certificate: pki.certificate_path(),
            key: pki.key_path(),
        },
    };
    let clients = pki.client_authority(provider.clone())?;
    Ok((TlsReloader::open(files, provider, clients)?, Arc::new(pki)))
}

/// Binds every address of the configuration.
fn listener(config: &Config, tls: &Arc<TlsReloader>) -> anyhow::Result<Listener> {
    let proxy = &config.proxy;
    let forwarding = Forwarding::new(
        proxy.trusted.clone(),
        proxy.certificate_header.clone(),
        proxy.verify_header.clone(),
        tls.clients().clone(),
    );
    let listener = Listener::bind(&config.server.listen.0, tls, config.listen_limits(), forwarding)?;
    Ok(match &proxy.listen {
        Some(address) => listener.also_plain(address)?,
        None => listener,
    })
}

async fn storage(config: &Config) -> anyhow::Result<Storage> {
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    let storage = tokio::task::spawn_blocking(move || Storage::open(&url)).await??;
    Ok(storage)
}

fn settings(config: &Config, pki: &Pki) -> Settings {
    Settings {
        server_name: config.server.name.clone(),
        intervals: Intervals {
            active_secs: config.agents.checkin_interval_secs,
            pending_secs: config.agents.pending_interval_secs,
        },
        session_idle_ms: i64::from(config.sessions.idle_minutes) * 60_000,
        session_absolute_ms: i64::from(config.sessions.absolute_hours) * 3_600_000,
        ca_pin: config.own_certificate().is_none().then(|| pki.ca_fingerprint()),
        url: url(config),
        certificate_lifetime: Duration::from_hours(config.certificates.lifetime_hours.into()),
        hold_checkins: config.agents.hold_checkins,
        max_queue: config.limits.max_queue as usize,
        audit_forward: config.audit.forward.clone(),
        backup: config.backup_place(),
        setup_code_file: config.server.state_folder.join("setup-code"),
    }
}

/// The first configured name that means more than this machine to others, with the port of the first address.
fn url(config: &Config) -> Option<String> {
    let meaningful = |name: &&String| !name.starts_with('*') && !enrollment::is_loopback(name);
    let name = config.server.hostnames.iter().find(meaningful)?;
    let listen = config.server.listen.as_slice().first()?;
    let port = Some(listen.port()).filter(|port| *port > 0)?;
    let host = match name.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => name.clone(),
    };
    Some(format!("https://{host}:{port}"))
}

/// Says where the server listens and, at the first run, how to begin.
async fn announce(app: &App, config: &Config, listener: &Listener) -> anyhow::Result<()> {
    let state = &config.server.state_folder;
    if let Some(code) = offer_setup(app).await? {
        // Once, for the person in front of it; the log is not where codes belong.
        eprintln!(
            "\n  No owner exists yet. Setup code (also in {}): {code}\n",
            app.settings.setup_code_file.display()
        );
    }
    let mut addresses: Vec<String> = listener.local_addrs().iter().map(ToString::to_string).collect();
    addresses.extend(
        listener
            .plain_addrs()
            .iter()
            .map(|address| format!("http://{address}")),
    );
    if let Some(ProxyAddress::Unix(path)) = &config.proxy.listen {
        addresses.push(format!("unix:{}", path.display()));
    }
    private_file::replace(
        &state.join("listening"),
        format!("{}\n", addresses.join("\n")).as_bytes(),
    )?;
    tracing::info!(
        server.version = env!("CARGO_PKG_VERSION"),
        server.addresses = %addresses.join(" "),
        server.state_folder = %state.display(),
        "listening"
    );
    // Tells systemd, where there is one, that what depends on this server may start.
    sd_notify::notify(&[sd_notify::NotifyState::Ready])?;
    Ok(())
}

fn stop_on_signal(stop: watch::Sender<bool>) -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: requests in flight are finished first");
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        let _ = stop.send(true);
    })
}

async fn housekeeping(app: Arc<App>, hostnames: Vec<String>) {
    let mut stopping = app.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(HOUSEKEEPING) => {}
        }
        if let Err(error) = sweep(&app).await {
            tracing::warn!(error = %error, "what expired could not be deleted, it is tried again later");
        }
        if let Err(error) = renew(&app.pki, &hostnames, app.clock.now()) {
            tracing::error!(error = %error, "the server's certificate could not be renewed, it is tried again later");
        }
    }
}

async fn sweep(app: &App) -> Result<(), Error> {
    enrollment::sweep_nonces(app).await?;
    certificates::sweep(app).await?;
    jobs::sweep(app).await?;
    commands::sweep(app).await?;
    upgrades::sweep(app).await?;
    rollouts::sweep(app).await?;
    auth::sweep_failures(app).await?;
    app.storage.refresh_statistics().await
}

/// The listener watches the file and takes the renewed certificate by itself.
fn renew(pki: &Pki, hostnames: &[String], now: UnixMillis) -> anyhow::Result<()> {
    pki.renew_if_due(&Names::of_machine(hostnames)?, now)?;
    Ok(())
}
