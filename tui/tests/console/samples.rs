//! Values that the server in memory answers with.

use crate::server::START;
use scm_protocol::bootstrap::BootstrapReply;
use scm_protocol::certificates::{CertificateStatus, SystemCertificate};
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{Duplicate, Presence, SystemDetail, SystemStatus, SystemSummary};
use scm_protocol::telemetry::Container;
use scmtui::model::Recipe;

pub(crate) const GIB: i64 = 1 << 30;

/// A system with plausible values that follow from its id.
pub(crate) fn system(id: i64, status: SystemStatus) -> SystemDetail {
    let key: PublicKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
    let pending = status == SystemStatus::Pending;
    let mut fingerprint = [7u8; 32];
    fingerprint[..8].copy_from_slice(&id.to_be_bytes());
    let fingerprint = Fingerprint(fingerprint);
    SystemDetail {
        summary: SystemSummary {
            id: SystemId(id),
            hostname: format!("host-{id:03}"),
            status,
            presence: if id % 7 == 0 {
                Presence::Offline
            } else {
                Presence::Online
            },
            rebooted: id % 11 == 0,
            cloned: false,
            clock_skew_ms: (id % 13 == 0).then_some(42_000),
            first_seen_ms: UnixMillis(START - id * 3_600_000),
            last_seen_ms: Some(UnixMillis(START - if id % 7 == 0 { 7_200_000 } else { id * 900 })),
            agent_version: "0.1.0".to_owned(),
            os: "Debian GNU/Linux 12".to_owned(),
            os_family: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            address: format!("192.0.2.{}", id % 250),
            cpu_percent: (!pending).then_some((id * 37 % 101) as f32),
            mem_used_bytes: (!pending).then_some(id % 15 * GIB + GIB / 2),
            mem_total_bytes: (!pending).then_some(16 * GIB),
            disk_used_bytes: (!pending).then_some(id * 13 % 500 * GIB),
            disk_total_bytes: (!pending).then_some(512 * GIB),
            uptime_secs: (!pending).then_some(id * 90_000),
            container_count: (id % 2 == 0).then_some(1),
            tags: Vec::new(),
        },
        public_key: key,
        fingerprint,
        fingerprint_words: fingerprint.words(),
        key_since_ms: None,
        key_rotation_asked_ms: None,
        claimed_addresses: vec![format!("10.0.0.{id}"), "fd00::7".to_owned()],
        kernel: Some("6.1.0-40-amd64".to_owned()),
        machine_id_hash: None,
        boot_id: "b".to_owned(),
        containers: (id % 2 == 0)
            .then(|| Container {
                runtime: "docker".to_owned(),
                name: "web".to_owned(),
                image: "docker.io/library/nginx:1.27".to_owned(),
            })
            .into_iter()
            .collect(),
        checkin_interval_secs: 30,
        status_changed_ms: UnixMillis(START - 86_400_000),
        status_changed_by: "user:jdoe".to_owned(),
        certificate: (!pending).then(|| SystemCertificate {
            serial: format!("4f{id:030x}"),
            not_before_ms: UnixMillis(START - 86_400_000),
            not_after_ms: UnixMillis(START + 89 * 86_400_000),
            renew_after_ms: UnixMillis(START + 59 * 86_400_000),
            status: CertificateStatus::Valid,
            revoked_ms: None,
        }),
        note: None,
        duplicates: (id == 2)
            .then(|| Duplicate {
                id: SystemId(9),
                hostname: "host-009".to_owned(),
                status: SystemStatus::Active,
                shares: vec!["hostname".to_owned(), "machine_id".to_owned()],
            })
            .into_iter()
            .collect(),
        conflicts: Vec::new(),
    }
}

/// What a new machine needs.
pub(crate) fn recipe(url: &str, token: Option<&str>) -> Recipe {
    let reply = BootstrapReply {
        bootstrap: "oscm-bootstrap-1.eyJ1cmwiOiJodHRwczovL3NjbSJ9".to_owned(),
        config: format!("[server]\nurl = \"{url}\"\norganization = \"default\"\nca_pin = \"sha256:00\"\n"),
        install_line: format!(
            "scmclient enroll oscm-bootstrap-1.{}",
            "eyJ1cmwiOiJodHRwczovL3NjbSJ9".repeat(6)
        ),
    };
    Recipe::new(reply, token.is_some())
}
