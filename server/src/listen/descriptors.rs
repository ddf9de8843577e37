//! File descriptors: each connection takes one, and the usual soft limit of 1024 is far below a fleet.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// For everything that is not a connection: database, log, runtime.
const OTHERS: u64 = 256;

/// Raises the soft limit to what so many connections need, or as far as the hard limit allows, which is then logged.
pub(super) fn allow(connections: usize) {
    let needed = connections as u64 + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    // None is "unlimited".
    if limit.current.is_none_or(|current| current >= needed) {
        return;
    }
    let reachable = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(reachable),
            maximum: limit.maximum,
        },
    ) {
        tracing::warn!(%error, needed, "cannot raise the limit of open files");
    } else if reachable < needed {
        tracing::warn!(
            limit = reachable,
            needed,
            "the limit of open files is below limits.max_connections; raise it (LimitNOFILE= in the unit)"
        );
    }
}
