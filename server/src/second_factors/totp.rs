//! RFC 6238 over RFC 4226: HMAC-SHA-1, six digits, 30 seconds, one step of tolerance to either side.

use aws_lc_rs::hmac;
use scm_protocol::ids::UnixMillis;
use subtle::ConstantTimeEq;

/// Bytes of a seed: as long as the hash, as RFC 4226 advises.
pub(super) const SEED_BYTES: usize = 20;
/// Seconds of a step.
const STEP_SECS: i64 = 30;
/// RFC 4648's base 32.
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step, later than `last`, whose code this is.
pub(super) fn step_of(seed: &[u8], code: &str, now: UnixMillis, last: i64) -> Option<i64> {
    let current = now.as_secs().div_euclid(STEP_SECS);
    let mut found = None;
    // Every step is computed, so that the time says nothing about which one it is.
    for step in [current - 1, current, current + 1] {
        let same = bool::from(digits(seed, step).as_bytes().ct_eq(code.as_bytes()));
        if same && step > last {
            found = Some(step);
        }
    }
    found
}

/// The six digits of a step.
fn digits(seed: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or_default() & 0x0f);
    let word = bytes.get(offset..offset + 4).unwrap_or_default();
    let number = word
        .iter()
        .fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// A seed for typing.
pub(super) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut group = [0; 5];
        group[..chunk.len()].copy_from_slice(chunk);
        let number = group
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let letters = (chunk.len() * 8).div_ceil(5);
        text.extend((0..letters).map(|at| {
            let index = number >> (35 - 5 * at) & 31;
            char::from(LETTERS[usize::try_from(index).unwrap_or_default()])
        }));
    }
    text
}

/// What a QR code holds for an authenticator.
pub(super) fn url(server: &str, username: &str, secret: &str) -> String {
    let encode = |text: &str| {
        let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
        encoded.replace('+', "%20")
    };
    let issuer = encode(server);
    format!(
        "otpauth://totp/{issuer}:{}?secret={secret}&issuer={issuer}",
        encode(username)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1: the last six of eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        let seed = b"12345678901234567890";
        for (secs, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(digits(seed, secs / 30), code);
        }
    }

    #[test]
    fn a_code_counts_once_and_one_step_to_either_side() {
        let seed = b"12345678901234567890";
        let at = |secs: i64| UnixMillis(secs * 1000);
        assert_eq!(step_of(seed, "287082", at(59), 0), Some(1));
        assert_eq!(step_of(seed, "287082", at(60), 0), Some(1));
        assert_eq!(step_of(seed, "287082", at(29), 0), Some(1));
        assert_eq!(step_of(seed, "287082", at(90), 0), None);
        assert_eq!(step_of(seed, "287082", at(59), 1), None);
        assert_eq!(step_of(seed, "28708", at(59), 0), None);
    }

    /// RFC 4648, section 10, without padding.
    #[test]
    fn base32_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn an_authenticators_url_holds_names_of_any_kind() {
        assert_eq!(
            url("my site", "j@x", "ABC"),
            "otpauth://totp/my%20site:j%40x?secret=ABC&issuer=my%20site"
        );
    }
}
