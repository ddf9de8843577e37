//! The part of the server in memory that makes backups.

use crate::server::{START, refused};
use scm_protocol::backups::{Backup, BackupCheck, BackupFailure, BackupList};
use scm_protocol::ids::UnixMillis;
use scmtui::message::{BackupCall, BackupReply};

/// What it has, newest first, and what fails.
pub(crate) struct BackupServer {
    pub(crate) items: Vec<Backup>,
    pub(crate) failure: Option<BackupFailure>,
    /// What a check finds.
    pub(crate) fault: Option<String>,
    /// Makes none for this reason.
    pub(crate) stubborn: Option<String>,
    /// What was called, but for lists.
    pub(crate) called: Vec<String>,
}

fn backup(hours: i64, fault: Option<&str>) -> Backup {
    let created = UnixMillis(START - hours * 3_600_000);
    Backup {
        name: format!(
            "openscm-2026112{}T{:02}0000000Z.backup",
            2 - hours / 24,
            14 - hours % 24
        ),
        created_ms: created,
        size_bytes: 12_345_678 - u64::try_from(hours).unwrap(),
        sha256: Some("00".repeat(32)),
        check: Some(BackupCheck {
            at_ms: created,
            fault: fault.map(str::to_owned),
        }),
    }
}

impl Default for BackupServer {
    fn default() -> Self {
        let unchecked = Backup {
            check: None,
            ..backup(26, None)
        };
        BackupServer {
            items: vec![
                backup(2, None),
                unchecked,
                backup(50, Some("SQLite finds it damaged: row 7")),
            ],
            failure: None,
            fault: None,
            stubborn: None,
            called: Vec::new(),
        }
    }
}

impl BackupServer {
    /// What it answers.
    pub(crate) fn answer(&mut self, call: BackupCall, now: UnixMillis) -> BackupReply {
        match call {
            BackupCall::List => BackupReply::List(Ok(BackupList {
                items: self.items.clone(),
                folder: "/var/lib/openscm/server/backups".to_owned(),
                every_hours: 24,
                keep: 3,
                next_ms: Some(UnixMillis(START + 79_200_000)),
                failure: self.failure.clone(),
                server_time_ms: now,
            })),
            BackupCall::Make => {
                self.called.push("make".to_owned());
                if let Some(reason) = &self.stubborn {
                    self.failure = Some(BackupFailure {
                        at_ms: now,
                        reason: reason.clone(),
                    });
                    return BackupReply::Made(Err(refused(409, "backup_failed", reason)));
                }
                self.items.insert(0, backup(0, None));
                self.items.truncate(3);
                BackupReply::Made(Ok(self.items[0].clone()))
            }
            BackupCall::Check(name) => {
                self.called.push(format!("check {name}"));
                let found = self.items.iter_mut().find(|backup| backup.name == name).unwrap();
                found.check = Some(BackupCheck {
                    at_ms: now,
                    fault: self.fault.clone(),
                });
                BackupReply::Checked {
                    result: Ok(found.clone()),
                    name,
                }
            }
            BackupCall::Download(name) => {
                self.called.push(format!("download {name}"));
                BackupReply::Downloaded {
                    result: Ok(format!("wrote 12,057 KiB to {name}")),
                    name,
                }
            }
        }
    }
}
