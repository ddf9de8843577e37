//! A system of the list, kept small: a hundred thousand of them fit into memory.

use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{Presence, SystemStatus, SystemSummary};
use std::collections::HashSet;
use std::sync::Arc;

const MIB: i64 = 1 << 20;

/// What one line of the list needs.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its id.
    pub id: SystemId,
    /// Host name, fit for the terminal.
    pub hostname: Box<str>,
    /// The address that the server saw.
    pub address: Box<str>,
    /// Version of the agent.
    pub version: Arc<str>,
    /// System name.
    pub os: Arc<str>,
    /// `linux`, `windows`, …
    pub os_family: Arc<str>,
    /// Architecture.
    pub arch: Arc<str>,
    /// What an administrator decided.
    pub status: SystemStatus,
    /// Whether it is heard of.
    pub presence: Presence,
    /// Started anew a short while ago.
    pub rebooted: bool,
    /// Its clock is off.
    pub skewed: bool,
    /// Another machine uses its identity.
    pub cloned: bool,
    /// CPU in percent.
    pub cpu: Option<f32>,
    /// Memory in use, in MiB.
    pub mem_used_mib: Option<u32>,
    /// Memory, in MiB.
    pub mem_total_mib: Option<u32>,
    /// Root volume in use, in MiB.
    pub disk_used_mib: Option<u32>,
    /// Root volume, in MiB.
    pub disk_total_mib: Option<u32>,
    /// Seconds since it booted.
    pub uptime_secs: Option<u32>,
    /// Running containers; none without a runtime.
    pub containers: Option<u32>,
    /// Its tags.
    pub tags: Arc<[String]>,
    /// First contact.
    pub first_seen: UnixMillis,
    /// Last check-in.
    pub last_seen: Option<UnixMillis>,
    /// The server has newer values.
    pub stale: bool,
}

/// The state of a system as one word; colour only repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words are explained in docs/console.md")]
pub enum StateWord {
    Cloned,
    Pending,
    Offline,
    Late,
    Never,
    Skewed,
    Booted,
    Ok,
    Revoked,
    Denied,
}

/// What else is known of a system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Another machine uses its identity.
    pub cloned: bool,
    /// Its clock is off.
    pub skewed: bool,
    /// It started anew a short while ago.
    pub rebooted: bool,
}

impl Flags {
    /// Those of a summary.
    pub fn of(summary: &SystemSummary) -> Self {
        Flags {
            cloned: summary.cloned,
            skewed: summary.clock_skew_ms.is_some(),
            rebooted: summary.rebooted,
        }
    }
}

impl StateWord {
    /// At most five letters.
    pub fn word(self) -> &'static str {
        match self {
            StateWord::Cloned => "CLONE",
            StateWord::Pending => "PEND",
            StateWord::Offline => "OFF",
            StateWord::Late => "LATE",
            StateWord::Never => "NEVER",
            StateWord::Skewed => "SKEW",
            StateWord::Booted => "BOOT",
            StateWord::Ok => "OK",
            StateWord::Revoked => "REVOK",
            StateWord::Denied => "DENY",
        }
    }

    /// From a status and what is known of the contact; what needs attention wins.
    pub fn of(status: SystemStatus, presence: Presence, flags: Flags) -> Self {
        let Flags {
            cloned,
            skewed,
            rebooted,
        } = flags;
        match (status, presence) {
            (SystemStatus::Active | SystemStatus::Pending, _) if cloned => StateWord::Cloned,
            (SystemStatus::Pending, _) => StateWord::Pending,
            (SystemStatus::Revoked, _) => StateWord::Revoked,
            (SystemStatus::Denied, _) => StateWord::Denied,
            (SystemStatus::Active, Presence::Offline) => StateWord::Offline,
            (SystemStatus::Active, Presence::Late) => StateWord::Late,
            (SystemStatus::Active, Presence::NeverSeen) => StateWord::Never,
            (SystemStatus::Active, Presence::Online) if skewed => StateWord::Skewed,
            (SystemStatus::Active, Presence::Online) if rebooted => StateWord::Booted,
            (SystemStatus::Active, Presence::Online) => StateWord::Ok,
        }
    }
}

impl Row {
    /// The row of a summary; texts that many systems share are stored once in `names`.
    pub fn new(summary: &SystemSummary, names: &mut Names) -> Self {
        let mib = |bytes: Option<i64>| bytes.map(|bytes| u32::try_from(bytes / MIB).unwrap_or(u32::MAX));
        Row {
            id: summary.id,
            hostname: clean(&summary.hostname).into(),
            address: clean(&summary.address).into(),
            version: names.shared(&summary.agent_version),
            os: names.shared(&summary.os),
            os_family: names.shared(&summary.os_family),
            arch: names.shared(&summary.arch),
            status: summary.status,
            presence: summary.presence,
            rebooted: summary.rebooted,
            skewed: summary.clock_skew_ms.is_some(),
            cloned: summary.cloned,
            cpu: summary.cpu_percent.filter(|cpu| cpu.is_finite()),
            mem_used_mib: mib(summary.mem_used_bytes),
            mem_total_mib: mib(summary.mem_total_bytes),
            disk_used_mib: mib(summary.disk_used_bytes),
            disk_total_mib: mib(summary.disk_total_bytes),
            uptime_secs: summary
                .uptime_secs
                .map(|secs| u32::try_from(secs).unwrap_or(u32::MAX)),
            containers: summary
                .container_count
                .and_then(|count| u32::try_from(count).ok()),
            tags: names.shared_tags(&summary.tags),
            first_seen: summary.first_seen_ms,
            last_seen: summary.last_seen_ms,
            stale: false,
        }
    }

    /// Its state as a word.
    pub fn word(&self) -> StateWord {
        let flags = Flags {
            cloned: self.cloned,
            skewed: self.skewed,
            rebooted: self.rebooted,
        };
        StateWord::of(self.status, self.presence, flags)
    }

    /// Whether it has a word, which is lower case, where the server looks for one: name, address, system.
    pub fn mentions(&self, word: &str) -> bool {
        let fields = [&*self.hostname, &*self.address, &*self.os];
        fields.iter().any(|field| contains_ignoring_case(field, word))
    }

    /// Whether it has every one of `words`, which are lower case, in its name, address, system, version or state.
    pub fn matches(&self, words: &[String]) -> bool {
        let has = |text: &str, word: &str| contains_ignoring_case(text, word);
        words.iter().all(|word| {
            has(&self.hostname, word)
                || has(&self.address, word)
                || has(self.word().word(), word)
                || has(&self.os, word)
                || has(&self.version, word)
                || has(&self.arch, word)
        })
    }
}

/// Whether `text` contains `word` (lower case), without allocating for ASCII, which host names are.
fn contains_ignoring_case(text: &str, word: &str) -> bool {
    if !text.is_ascii() || !word.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let (text, word) = (text.as_bytes(), word.as_bytes());
    word.is_empty()
        || text
            .windows(word.len())
            .any(|part| part.eq_ignore_ascii_case(word))
}

/// Texts that many rows share.
#[derive(Debug, Default)]
pub struct Names {
    texts: HashSet<Arc<str>>,
    tags: HashSet<Arc<[String]>>,
}

impl Names {
    fn shared(&mut self, text: &str) -> Arc<str> {
        let text = clean(text);
        if let Some(known) = self.texts.get(text.as_str()) {
            return known.clone();
        }
        let name: Arc<str> = text.into();
        self.texts.insert(name.clone());
        name
    }

    fn shared_tags(&mut self, tags: &[String]) -> Arc<[String]> {
        let tags: Vec<String> = tags.iter().map(|tag| clean(tag)).collect();
        if let Some(known) = self.tags.get(tags.as_slice()) {
            return known.clone();
        }
        let shared: Arc<[String]> = tags.into();
        self.tags.insert(shared.clone());
        shared
    }
}

/// Text fit for a terminal: control and direction characters, which could forge what is shown, become `?`, and no more
/// than 256 characters are kept.
pub fn clean(text: &str) -> String {
    let forging = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars()
        .take(256)
        .map(|c| if forging(c) { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_machine_can_forge_the_screen() {
        assert_eq!(clean("a\x1b[31mb\u{202e}c\nd"), "a?[31mb?c?d");
        assert_eq!(clean(&"x".repeat(5000)).len(), 256);
    }

    #[test]
    fn text_is_found_whatever_its_case() {
        assert!(contains_ignoring_case("Web-PROD-1", "prod"));
        assert!(contains_ignoring_case("BÜRO-1", "büro"));
        assert!(!contains_ignoring_case("web", "webx"));
    }
}
