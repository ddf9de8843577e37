//! SHA-256 fingerprints of certificates: how they are made, written and read.

use sha2::{Digest, Sha256};

/// Length of a pin: SHA-256.
pub const PIN_BYTES: usize = 32;

/// Text that is not a certificate's SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a CA pin: expected `sha256:` and 64 hexadecimal digits, with or without colons between")]
pub struct InvalidPin;

/// SHA-256 of a certificate's DER.
pub fn fingerprint(certificate_der: &[u8]) -> [u8; PIN_BYTES] {
    Sha256::digest(certificate_der).into()
}

/// Writes a pin as `sha256:` and 64 lower-case hexadecimal digits.
pub fn format_pin(pin: &[u8; PIN_BYTES]) -> String {
    let digits = pin.iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("sha256:".to_owned()).chain(digits).collect()
}

/// Reads 64 hexadecimal digits in either case, optionally after `sha256:`, optionally with colons between the bytes as
/// `openssl x509 -fingerprint -sha256` prints them. Space around is ignored.
///
/// # Errors
/// [`InvalidPin`] for everything else.
pub fn parse_pin(text: &str) -> Result<[u8; PIN_BYTES], InvalidPin> {
    let text = text.trim();
    let digits = match text.get(..7) {
        Some(prefix) if prefix.eq_ignore_ascii_case("sha256:") => &text[7..],
        _ => text,
    };
    let compact = if digits.contains(':') {
        without_colons(digits)?
    } else {
        digits.to_owned()
    };
    if compact.len() != 2 * PIN_BYTES {
        return Err(InvalidPin);
    }
    let mut pin = [0; PIN_BYTES];
    for (byte, pair) in pin.iter_mut().zip(compact.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(pin)
}

/// Colons stand between bytes and nowhere else.
fn without_colons(digits: &str) -> Result<String, InvalidPin> {
    let bytes: Vec<&str> = digits.split(':').collect();
    if bytes.iter().all(|byte| byte.len() == 2) {
        Ok(bytes.concat())
    } else {
        Err(InvalidPin)
    }
}

fn digit(character: u8) -> Result<u8, InvalidPin> {
    let value = char::from(character).to_digit(16).ok_or(InvalidPin)?;
    u8::try_from(value).map_err(|_| InvalidPin)
}
