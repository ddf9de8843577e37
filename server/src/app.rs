//! What a running server is made of; handed to every handler.

use crate::audit::{ChainWatch, EXPORTS_AT_ONCE};
use crate::auth::LocalAdmin;
use crate::backup::Place;
use crate::certificates::Revocations;
use crate::clock::Clock;
use crate::config::Forward;
use crate::enrollment::{RegistrationLimits, Registrations};
use crate::events::Events;
use crate::homes::Homes;
use crate::organization_settings::SettingsCache;
use crate::pki::{FINGERPRINT_BYTES, Pki};
use crate::rules::RulesCache;
use crate::signing::{MasterKey, Organizations};
use crate::storage::Storage;
use crate::systems::{BatchContext, CheckinQueue, Holds, Intervals, KeyCache, Mirror, Verifiers};
use scm_protocol::ids::{SystemId, UnixMillis};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};

/// A server's parts.
#[derive(Debug)]
pub struct App {
    /// Where state lives.
    pub storage: Storage,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The organizations and the keys that sign for them.
    pub organizations: Organizations,
    /// What the administrators of each organization changed while the server runs.
    pub organization_settings: Arc<SettingsCache>,
    /// Seals what the database keeps secret.
    pub master: Arc<MasterKey>,
    /// Signatures of check-ins go here.
    pub verifiers: Verifiers,
    /// Verified check-ins go here.
    pub checkins: CheckinQueue,
    /// Decoded keys of systems.
    pub keys: KeyCache,
    /// The fleet as lists see it.
    pub mirror: Mirror,
    /// Check-ins that wait for something to be told.
    pub holds: Holds,
    /// Issues client certificates.
    pub pki: Arc<Pki>,
    /// The list of revoked client certificates.
    pub revocations: Revocations,
    /// Wakes the work on bulk jobs.
    pub jobs: Notify,
    /// Tells the consoles what changed.
    pub events: Events,
    /// Compiled rules of automatic groups.
    pub rules: RulesCache,
    /// Settings that handlers need.
    pub settings: Settings,
    /// The local administrator token of this boot.
    pub local_admin: LocalAdmin,
    /// Password hashes at work at once: each takes 19 MiB and a core.
    pub password_work: Semaphore,
    /// How many may register.
    pub registration_limits: RegistrationLimits,
    /// Verified registrations go here.
    pub registrations: Registrations,
    /// How far the audit was verified.
    pub chains: ChainWatch,
    /// Exports of the audit at once.
    pub exports: Arc<Semaphore>,
    /// When this process started.
    pub started: UnixMillis,
    /// Turns true when the server stops; live streams end then.
    pub stopping: watch::Receiver<bool>,
}

/// Settings that handlers need, from the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shown in the console's header.
    pub server_name: String,
    /// Told to agents.
    pub intervals: Intervals,
    /// How long an unused session lasts, in milliseconds.
    pub session_idle_ms: i64,
    /// How long any session lasts, in milliseconds.
    pub session_absolute_ms: i64,
    /// SHA-256 of the private CA's certificate, which agents pin; none where the server shows a configured one.
    pub ca_pin: Option<[u8; FINGERPRINT_BYTES]>,
    /// Where agents reach this server by its configuration, when that names it for others than itself.
    pub url: Option<String>,
    /// How long a client certificate is valid.
    pub certificate_lifetime: Duration,
    /// Whether check-ins are held until there is something to tell.
    pub hold_checkins: bool,
    /// Check-ins that may wait.
    pub max_queue: usize,
    /// Where the audit is sent.
    pub audit_forward: Vec<Forward>,
    /// Where backups go.
    pub backup: Place,
    /// Where the setup code lies until it is used.
    pub setup_code_file: PathBuf,
}

/// What an [`App`] is built from.
#[derive(Debug)]
pub struct Parts {
    /// Where state lives.
    pub storage: Storage,
    /// Where connections live.
    pub homes: Homes,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// The organizations.
    pub organizations: Organizations,
    /// Their settings.
    pub organization_settings: Arc<SettingsCache>,
    /// The master key.
    pub master: Arc<MasterKey>,
    /// Issues client certificates.
    pub pki: Arc<Pki>,
    /// Settings.
    pub settings: Settings,
    /// The token of this boot.
    pub local_admin: LocalAdmin,
    /// See [`App::stopping`].
    pub stopping: watch::Receiver<bool>,
}

impl App {
    /// Puts the parts together and starts the check-in task; needs a running tokio runtime.
    pub fn start(parts: Parts) -> Arc<Self> {
        let events = Events::default();
        let rules = RulesCache::default();
        let mirror = Mirror::new(events.marks());
        let context = BatchContext {
            writer: parts.storage.writer.clone(),
            organizations: parts.organizations.clone(),
            organization_settings: Arc::clone(&parts.organization_settings),
            intervals: parts.settings.intervals,
            clock: Arc::clone(&parts.clock),
            events: events.clone(),
            rules: rules.clone(),
            mirror: mirror.clone(),
        };
        let writer = parts.storage.writer.clone();
        let (homes, home) = (&parts.homes, parts.homes.of_gathering());
        let registrations = Registrations::start(home, parts.settings.max_queue, writer, rules.clone());
        Arc::new(App {
            verifiers: Verifiers::start(homes, parts.settings.max_queue),
            checkins: CheckinQueue::start(home, parts.settings.max_queue, context),
            keys: KeyCache::default(),
            mirror,
            holds: Holds::default(),
            pki: parts.pki,
            revocations: Revocations::default(),
            jobs: Notify::new(),
            events,
            rules,
            password_work: Semaphore::new(2),
            registration_limits: RegistrationLimits::default(),
            registrations,
            chains: ChainWatch::default(),
            exports: Arc::new(Semaphore::new(EXPORTS_AT_ONCE)),
            started: parts.clock.now(),
            storage: parts.storage,
            clock: parts.clock,
            organizations: parts.organizations,
            organization_settings: parts.organization_settings,
            master: parts.master,
            settings: parts.settings,
            local_admin: parts.local_admin,
            stopping: parts.stopping,
        })
    }

    /// There is something to tell these systems: whichever replica holds their check-ins answers them.
    pub fn wake(&self, systems: &[SystemId]) {
        for id in systems {
            self.holds.wake(*id);
        }
        self.events.woken(systems);
    }

    /// There is something to tell every system of an organization: it has another signing key.
    pub fn wake_all_of(&self, organization_id: i64) {
        self.holds.wake_all_of(organization_id);
        self.events.all_woken(organization_id);
    }
}
