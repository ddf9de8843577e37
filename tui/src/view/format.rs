//! Numbers, sizes, ages and times as people read them.

use scm_protocol::ids::UnixMillis;
use time::OffsetDateTime;
use time::macros::format_description;

/// `10,214`.
pub fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A system or systems.
pub fn systems(number: usize) -> String {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    if number == 1 {
        "1 system".to_owned()
    } else {
        format!("{} systems", count(number))
    }
}

/// Gigabytes of 2^30 bytes, as `free` and `df -h` count them: one decimal below 10, none above.
pub fn gb(mib: u32) -> String {
    let gb = f64::from(mib) / 1024.0;
    if gb < 9.95 {
        format!("{gb:.1}")
    } else {
        format!("{gb:.0}")
    }
}

/// `3.2/15.6`; a dash for what is not known.
pub fn gb_pair(used: Option<u32>, total: Option<u32>) -> String {
    match (used, total) {
        (None, None) => "-".to_owned(),
        (used, total) => {
            let text = |mib: Option<u32>| mib.map_or_else(|| "?".to_owned(), gb);
            format!("{}/{}", text(used), text(total))
        }
    }
}

/// `12d 4h`.
pub fn uptime(secs: u32) -> String {
    format!("{}d {}h", secs / 86_400, secs % 86_400 / 3_600)
}

/// `12s`, `3m`, `5h`, `9d`.
pub fn age(millis: i64) -> String {
    let secs = millis.max(0) / 1000;
    match secs {
        0..60 => format!("{secs}s"),
        60..3_600 => format!("{}m", secs / 60),
        3_600..86_400 => format!("{}h", secs / 3_600),
        _ => format!("{}d", secs / 86_400),
    }
}

/// How long before `now` something was; a dash where either is not known.
pub fn seen(at: Option<UnixMillis>, now: Option<UnixMillis>) -> String {
    match (at, now) {
        (Some(at), Some(now)) => age(now.since(at)),
        _ => "-".to_owned(),
    }
}

/// `14:02:11Z`.
pub fn clock(at: UnixMillis) -> String {
    let secs = at.as_secs().rem_euclid(86_400);
    format!("{:02}:{:02}:{:02}Z", secs / 3_600, secs / 60 % 60, secs % 60)
}

/// `2026-11-22 14:02:11Z`.
pub fn date_time(at: UnixMillis) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    OffsetDateTime::from_unix_timestamp(at.as_secs())
        .ok()
        .and_then(|at| at.format(format).ok())
        .unwrap_or_else(|| "-".to_owned())
}

/// Percent without decimals.
pub fn percent(value: f64) -> String {
    format!("{value:.0}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [count(0), count(999), count(10_214), count(-1_000_000)],
            ["0", "999", "10,214", "-1,000,000"]
        );
        assert_eq!([gb(512), gb(15_974), gb(1024 * 930)], ["0.5", "16", "930"]);
        assert_eq!(
            [
                gb_pair(Some(2048), Some(4096)),
                gb_pair(None, Some(1024)),
                gb_pair(None, None)
            ],
            ["2.0/4.0", "?/1.0", "-"]
        );
        assert_eq!(
            [uptime(0), uptime(86_400 * 12 + 3_600 * 4 + 59)],
            ["0d 0h", "12d 4h"]
        );
        assert_eq!(
            [
                age(-5),
                age(59_999),
                age(61_000),
                age(7_200_000),
                age(9 * 86_400_000)
            ],
            ["0s", "59s", "1m", "2h", "9d"]
        );
        assert_eq!(date_time(UnixMillis(1_795_356_131_000)), "2026-11-22 14:02:11Z");
        assert_eq!(clock(UnixMillis(1_795_356_131_999)), "14:02:11Z");
        assert_eq!(date_time(UnixMillis(i64::MAX)), "-");
    }
}
