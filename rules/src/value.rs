//! From the text of a value to what its field's type compares with.

use scm_protocol::rules::{FieldInfo, nearest};
use semver::Version;
use std::net::IpAddr;

/// Most characters of a value.
pub(crate) const MAX_VALUE_CHARS: usize = 256;
/// Most values of a list.
pub(crate) const MAX_LIST: usize = 64;

/// A number; a field of seconds also takes `90s`, `5m`, `2h`, `7d`.
pub(crate) fn number(text: &str, field: &FieldInfo) -> Result<f64, String> {
    let (digits, unit) = split_unit(text, field.seconds);
    // `inf`, `nan` and `1e9` are numbers to Rust, and to nobody who types a size.
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
    let number = digits
        .parse::<f64>()
        .ok()
        .filter(|number| plain && number.is_finite());
    let expected = if field.seconds {
        "a number of seconds, or one with s, m, h or d behind it"
    } else {
        "a number"
    };
    let number =
        number.ok_or_else(|| format!("`{text}` is not {expected}; for example {}", field.example))?;
    Ok(number * unit)
}

fn split_unit(text: &str, seconds: bool) -> (&str, f64) {
    const UNITS: [(char, f64); 4] = [('s', 1.0), ('m', 60.0), ('h', 3_600.0), ('d', 86_400.0)];
    if seconds {
        for (unit, secs) in UNITS {
            if let Some(digits) = text.strip_suffix(unit) {
                return (digits, secs);
            }
        }
    }
    (text, 1.0)
}

/// `true` or `false`.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

/// An address; IPv4 in its mapped form becomes IPv4.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// A version as people write it: `v1.4`, `1.4.0-rc.1`. Build metadata does not order.
pub(crate) fn version(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(end);
    let missing = match numbers.matches('.').count() {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    };
    Version::parse(&format!("{numbers}{missing}{rest}")).ok()
}

/// One of an enum's names.
pub(crate) fn name(text: &str, field: &FieldInfo) -> Result<String, String> {
    if field.values.contains(&text) {
        return Ok(text.to_owned());
    }
    let known = field.values.join(", ");
    Err(match nearest(text, field.values.iter().copied()) {
        Some(meant) => format!(
            "`{text}` is not a value of {}, did you mean `{meant}`?",
            field.name
        ),
        None => format!("`{text}` is not a value of {}; it has {known}", field.name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::rules::Field;

    #[test]
    fn numbers_and_durations() {
        let memory = Field::MemTotalMb.info();
        let uptime = Field::UptimeSecs.info();
        assert_eq!(number("4096", memory), Ok(4096.0));
        assert_eq!(number("-1.5", memory), Ok(-1.5));
        assert_eq!(number("7d", uptime), Ok(604_800.0));
        assert_eq!(number("1.5h", uptime), Ok(5_400.0));
        for bad in ["", "4 GB", "1e3", "inf", "NaN", "4d", "--1", "0x10", "1_000"] {
            assert!(number(bad, memory).is_err(), "{bad}");
        }
        assert_eq!(
            number("soon", uptime).unwrap_err(),
            "`soon` is not a number of seconds, or one with s, m, h or d behind it; for example 7d"
        );
    }

    #[test]
    fn versions_as_people_write_them() {
        for text in ["1.4.0", "v1.4.0", "1.4", "1.4.0+build.7"] {
            assert!(
                version(text)
                    .unwrap()
                    .cmp_precedence(&Version::new(1, 4, 0))
                    .is_eq(),
                "{text}"
            );
        }
        assert!(version("1.4-rc.1").unwrap() < Version::new(1, 4, 0));
        for bad in ["", "v", "one", "1.2.3.4", "1..2", "01.2.3"] {
            assert!(version(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_name_comes_with_what_was_meant() {
        let family = Field::OsFamily.info();
        assert_eq!(
            name("linx", family).unwrap_err(),
            "`linx` is not a value of os_family, did you mean `linux`?"
        );
        assert_eq!(
            name("beos?", Field::HasRuntime.info()).unwrap_err(),
            "`beos?` is not a value of has_runtime; it has docker, podman"
        );
    }
}
