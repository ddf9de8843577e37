//! What many systems have alike, kept once: a fleet has few operating systems and versions.

use scm_protocol::telemetry::Container;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

/// How many there may be before those that nobody has any more are looked for.
const LEAST: usize = 1024;

/// What a machine says of its kind; none where it was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Host {
    pub os: Option<String>,
    pub os_family: Option<String>,
    pub arch: Option<String>,
    pub kernel: Option<String>,
    pub version: Option<String>,
}

/// What is shared.
#[derive(Debug, Default)]
pub(super) struct Shared {
    hosts: HashSet<Arc<Host>>,
    lists: HashSet<Arc<[String]>>,
    containers: HashSet<Arc<[Container]>>,
    /// How many were in use when they were last looked through.
    used: usize,
}

impl Shared {
    /// A kind of machine.
    pub(super) fn host(&mut self, host: Host) -> Arc<Host> {
        if let Some(known) = self.hosts.get(&host) {
            return Arc::clone(known);
        }
        let new = Arc::new(host);
        self.hosts.insert(Arc::clone(&new));
        new
    }

    /// A list of names.
    pub(super) fn list(&mut self, names: Vec<String>) -> Arc<[String]> {
        if names.is_empty() {
            return Arc::default();
        }
        if let Some(known) = self.lists.get(names.as_slice()) {
            return Arc::clone(known);
        }
        let new: Arc<[String]> = names.into();
        self.lists.insert(Arc::clone(&new));
        new
    }

    /// The containers of a machine.
    pub(super) fn containers(&mut self, containers: Vec<Container>) -> Arc<[Container]> {
        if containers.is_empty() {
            return Arc::default();
        }
        if let Some(known) = self.containers.get(containers.as_slice()) {
            return Arc::clone(known);
        }
        let new: Arc<[Container]> = containers.into();
        self.containers.insert(Arc::clone(&new));
        new
    }

    /// Forgets what nobody has any more, once that may be half of it.
    pub(super) fn forget_unused(&mut self) {
        if self.len() < LEAST.max(self.used * 2) {
            return;
        }
        forget(&mut self.hosts);
        forget(&mut self.lists);
        forget(&mut self.containers);
        self.used = self.len();
    }

    fn len(&self) -> usize {
        self.hosts.len() + self.lists.len() + self.containers.len()
    }
}

fn forget<T: ?Sized + Eq + Hash>(set: &mut HashSet<Arc<T>>) {
    set.retain(|one| Arc::strong_count(one) > 1);
    set.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_kept_once_and_what_nobody_has_is_forgotten() {
        let debian = |version: usize| Host {
            os: Some(format!("Debian {version}")),
            ..Host::default()
        };
        let mut shared = Shared::default();
        let kept = shared.host(debian(12));
        assert!(Arc::ptr_eq(&kept, &shared.host(debian(12))));
        let list = shared.list(vec!["eu".to_owned()]);
        assert!(Arc::ptr_eq(&list, &shared.list(vec!["eu".to_owned()])));
        for version in 0..2 * LEAST {
            shared.host(debian(version));
        }
        shared.forget_unused();
        assert_eq!(shared.len(), 2);
        assert!(Arc::ptr_eq(&kept, &shared.host(debian(12))));
    }
}
