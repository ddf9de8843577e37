//! How long a database may take, and what is asked of its connections so that none is waited for without end.
//!
//! A database that is away says so at once. One whose network, disk or pooler stalls says nothing at all: whoever waits for
//! it is answered after [`PATIENCE`], and what it stalled is left to itself. The operating system's own limits below end
//! connections to a machine that is gone; a transaction that nobody goes on with is ended by the database, so that a server
//! that was paused or cut off in the middle of one holds no lock against the others.

use std::time::Duration;

/// Longest that a caller waits for PostgreSQL. Longer than a lock is waited for, and than connecting takes.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// After connecting failed nobody tries for so long: everybody who waits would wait for that again.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// For every connection.
pub(super) const SESSION: &str = "SET application_name = 'scmserver'; SET lock_timeout = '10s'";
/// For those that write: whoever holds locks goes on, or loses them.
pub(super) const WRITING: &str = "SET idle_in_transaction_session_timeout = '10s'";

/// What is said to libpq where the URL does not say something else.
const PARAMETERS: &[(&str, &str)] = &[
    ("connect_timeout", "5"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "3"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
];

/// A URL with these parameters, unless it has its own.
pub(super) fn bounded(url: &str) -> String {
    let mut url = url.to_owned();
    for (name, value) in PARAMETERS {
        let (place, given) = url.split_once('?').unwrap_or((&url, ""));
        let is_given = given.split('&').any(|one| one.split('=').next() == Some(name));
        if !is_given {
            let separator = match (given, url.len() > place.len()) {
                ("", false) => "?",
                ("", true) => "",
                _ => "&",
            };
            url = format!("{url}{separator}{name}={value}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_url_says_itself_stays() {
        let bounds = "keepalives_idle=10&keepalives_interval=3&keepalives_count=3&tcp_user_timeout=15000";
        for (url, full) in [
            (
                "postgres://h/d",
                format!("postgres://h/d?connect_timeout=5&{bounds}"),
            ),
            (
                "postgres://h/d?",
                format!("postgres://h/d?connect_timeout=5&{bounds}"),
            ),
            (
                "postgres://a,b/d?connect_timeout=2&target_session_attrs=read-write",
                format!("postgres://a,b/d?connect_timeout=2&target_session_attrs=read-write&{bounds}"),
            ),
        ] {
            assert_eq!(bounded(url), full);
        }
    }
}
