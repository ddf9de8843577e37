//! The small part of structured fields (RFC 8941) that a signature needs, read strictly: one dictionary member, an inner
//! list of component names, parameters that are integers or strings without escapes.

use super::{MAX_FIELD_BYTES, SignatureError, SignatureFields};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A parsed `Signature-Input` with its `Signature`.
#[derive(Debug)]
pub(super) struct SignatureInput<'a> {
    /// Covered components as received, for example `"@method";req`.
    pub components: Vec<&'a str>,
    /// Everything after `label=`: the value of `@signature-params`.
    pub params_text: &'a str,
    /// The signature's bytes.
    pub signature: [u8; 64],
    params: Vec<(&'a str, Value<'a>)>,
}

#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Integer(i64),
    Text(&'a str),
}

const INPUT: &str = "Signature-Input";

fn malformed(reason: &str) -> SignatureError {
    SignatureError::malformed(INPUT, reason)
}

impl<'a> SignatureInput<'a> {
    /// Reads both fields.
    pub(super) fn parse(fields: &SignatureFields<'a>) -> Result<Self, SignatureError> {
        if fields.signature_input.len() > MAX_FIELD_BYTES || fields.signature.len() > MAX_FIELD_BYTES {
            return Err(malformed("is too long"));
        }
        let (label, params_text) = split_label(fields.signature_input.trim())
            .ok_or_else(|| malformed("must begin with a label and `=`"))?;
        let list = params_text
            .strip_prefix('(')
            .ok_or_else(|| malformed("must hold an inner list"))?;
        let (list, rest) = list
            .split_once(')')
            .ok_or_else(|| malformed("has an unclosed inner list"))?;
        let components = list.split(' ').collect();
        let params = parse_params(rest)?;
        let signature = parse_signature(fields.signature.trim(), label)?;
        Ok(SignatureInput {
            components,
            params_text,
            signature,
            params,
        })
    }

    /// An integer parameter.
    pub(super) fn integer(&self, name: &'static str) -> Result<i64, SignatureError> {
        match self.find(name)? {
            Some(Value::Integer(value)) => Ok(value),
            _ => Err(SignatureError::malformed(
                name,
                "must be an integer parameter of the signature",
            )),
        }
    }

    /// A string parameter.
    pub(super) fn text(&self, name: &'static str) -> Result<&'a str, SignatureError> {
        self.optional_text(name)?
            .ok_or_else(|| SignatureError::malformed(name, "must be a string parameter of the signature"))
    }

    /// A string parameter that may be absent.
    pub(super) fn optional_text(&self, name: &'static str) -> Result<Option<&'a str>, SignatureError> {
        match self.find(name)? {
            None => Ok(None),
            Some(Value::Text(value)) => Ok(Some(value)),
            Some(Value::Integer(_)) => Err(SignatureError::malformed(name, "must be a string")),
        }
    }

    fn find(&self, name: &'static str) -> Result<Option<Value<'a>>, SignatureError> {
        let mut found = self.params.iter().filter(|(key, _)| *key == name);
        let first = found.next().map(|(_, value)| *value);
        match found.next() {
            None => Ok(first),
            Some(_) => Err(SignatureError::malformed(name, "is given twice")),
        }
    }

    /// Checks that exactly these components are covered, in any order, and that `alg` and `tag` fit.
    pub(super) fn expect(&self, components: &[&str], tag: &str) -> Result<(), SignatureError> {
        let all = components
            .iter()
            .all(|component| self.components.contains(component));
        if !all || self.components.len() != components.len() {
            return Err(malformed(&format!(
                "must cover exactly ({})",
                components.join(" ")
            )));
        }
        if self.optional_text("alg")?.is_some_and(|alg| alg != "ed25519") {
            return Err(SignatureError::malformed("alg", "must be \"ed25519\""));
        }
        if self.text("tag")? != tag {
            return Err(SignatureError::malformed("tag", format!("must be \"{tag}\"")));
        }
        Ok(())
    }
}

fn split_label(field: &str) -> Option<(&str, &str)> {
    let (label, rest) = field.split_once('=')?;
    let first = label.bytes().next()?;
    let valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.*".contains(&b);
    (label.bytes().all(valid) && (first.is_ascii_lowercase() || first == b'*')).then_some((label, rest))
}

fn parse_params(mut rest: &str) -> Result<Vec<(&str, Value<'_>)>, SignatureError> {
    let mut params = Vec::with_capacity(5);
    while !rest.is_empty() {
        let body = rest
            .strip_prefix(';')
            .ok_or_else(|| malformed("has something other than parameters"))?;
        let (name, value) = body
            .split_once('=')
            .ok_or_else(|| malformed("has a parameter without value"))?;
        if let Some(text) = value.strip_prefix('"') {
            let (text, after) = text
                .split_once('"')
                .ok_or_else(|| malformed("has an unclosed string"))?;
            if !text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\\') {
                return Err(malformed("has a string with escapes or non-ASCII characters"));
            }
            params.push((name, Value::Text(text)));
            rest = after;
        } else {
            let end = value.find(';').unwrap_or(value.len());
            let digits = &value[..end];
            if digits.is_empty() || digits.len() > 15 || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(malformed("has a parameter that is neither integer nor string"));
            }
            let number = digits
                .parse()
                .map_err(|_| malformed("has an integer out of range"))?;
            params.push((name, Value::Integer(number)));
            rest = &value[end..];
        }
    }
    Ok(params)
}

fn parse_signature(field: &str, label: &str) -> Result<[u8; 64], SignatureError> {
    let bad = |reason: &str| SignatureError::malformed("Signature", reason);
    let (found, value) = split_label(field).ok_or_else(|| bad("must begin with a label and `=`"))?;
    if found != label {
        return Err(bad("has another label than Signature-Input"));
    }
    let encoded = value.strip_prefix(':').and_then(|v| v.strip_suffix(':'));
    let encoded = encoded.ok_or_else(|| bad("must hold one byte sequence between colons"))?;
    let bytes = STANDARD.decode(encoded).map_err(|_| bad("is not base64"))?;
    bytes.try_into().map_err(|_| bad("must be 64 bytes"))
}
