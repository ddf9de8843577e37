//! Names of backups: `openscm-20261122T104500123Z.backup`, so that their order is that of their times. Nothing else in the
//! folder is listed, sent or deleted.

use scm_protocol::ids::UnixMillis;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const PREFIX: &str = "openscm-";
const SUFFIX: &str = ".backup";
const TIME: &[BorrowedFormatItem<'static>] =
    format_description!("[year][month][day]T[hour][minute][second][subsecond digits:3]Z");

/// The time as it stands in names; the milliseconds themselves outside the years that have four digits.
pub(super) fn time(at: UnixMillis) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    time.ok()
        .and_then(|time| time.format(TIME).ok())
        .unwrap_or_else(|| at.0.to_string())
}

/// The name of a backup that is begun now.
pub(super) fn of(at: UnixMillis) -> String {
    format!("{PREFIX}{}{SUFFIX}", time(at))
}

/// When the backup of that name was begun; none when this is not the name of one.
pub(super) fn created(name: &str) -> Option<UnixMillis> {
    let text = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let parsed = PrimitiveDateTime::parse(text, TIME).ok()?.assume_utc();
    let at = UnixMillis(i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).ok()?);
    // Exactly as we write it, whatever else the parser lets pass.
    (of(at) == name).then_some(at)
}

/// Those that are too many, the newest `keep` being kept.
pub(super) fn surplus(names: &[String], keep: usize) -> Vec<String> {
    let mut ours: Vec<&String> = names.iter().filter(|name| created(name).is_some()).collect();
    ours.sort_unstable_by(|one, other| other.cmp(one));
    ours.into_iter().skip(keep).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_names() {
        let at = UnixMillis(1_790_000_000_123);
        assert_eq!(of(at), "openscm-20260921T141320123Z.backup");
        assert_eq!(created(&of(at)), Some(at));
        let bad = [
            "",
            "openscm-.backup",
            "../openscm-20260921T141320123Z.backup",
            "openscm-20260921T141320123Z.backup/..",
            "openscm-20260921T141320123Z.backup.sha256",
            "openscm-20261321T141320123Z.backup",
            "openscm-20260921T141320Z.backup",
            "openscm-20260921t141320123z.backup",
            "openscm-+0260921T141320123Z.backup",
            "master.key",
        ];
        for name in bad {
            assert_eq!(created(name), None, "{name}");
        }
    }

    #[test]
    fn the_newest_are_kept_and_nothing_foreign_is_touched() {
        let name = |hour: i64| of(UnixMillis(1_790_000_000_000 + hour * 3_600_000));
        let all = [
            name(2),
            "openscm-mine.backup".to_owned(),
            name(0),
            name(3),
            name(1),
        ];
        assert_eq!(surplus(&all, 2), [name(1), name(0)]);
        assert!(surplus(&all, 4).is_empty());
    }
}
