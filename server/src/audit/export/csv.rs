//! Exports for spreadsheets: RFC 4180, the first record naming the fields.
//!
//! A value that a spreadsheet would take for a formula gets an apostrophe in front, and so does one that begins with an
//! apostrophe: taking one away gives the value back. Host names and user names come from strangers.

use crate::clock::rfc3339;
use scm_protocol::audit::{AuditAnchor, ExportEntry};

/// The fields of every record.
const HEADER: &str = "record,organization_id,id,at,at_ms,actor,address,action,target,outcome,detail,previous_hash,hash,kind,public_key,signature\r\n";

/// The first record.
pub(super) fn header(out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER.as_bytes());
}

/// An entry.
pub(super) fn entry(out: &mut Vec<u8>, entry: &ExportEntry) {
    let (organization, id) = (entry.organization_id.to_string(), entry.id.to_string());
    let (at, at_ms) = (rfc3339(entry.at_ms), entry.at_ms.0.to_string());
    let fields = [
        "entry",
        &organization,
        &id,
        &at,
        &at_ms,
        &entry.actor,
        &entry.address,
        &entry.action,
        &entry.target,
        &entry.outcome,
        &entry.detail,
        &entry.previous_hash,
        &entry.hash,
        "",
        "",
        "",
    ];
    record(out, fields);
}

/// An anchor; `id` is the entry that it is about.
pub(super) fn anchor(out: &mut Vec<u8>, anchor: &AuditAnchor) {
    let (organization, id) = (anchor.organization_id.to_string(), anchor.entry_id.to_string());
    let (at, at_ms) = (rfc3339(anchor.at_ms), anchor.at_ms.0.to_string());
    let key = anchor.public_key.to_string();
    let fields = [
        "anchor",
        &organization,
        &id,
        &at,
        &at_ms,
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        &anchor.hash,
        &anchor.kind,
        &key,
        &anchor.signature,
    ];
    record(out, fields);
}

fn record(out: &mut Vec<u8>, fields: [&str; 16]) {
    for (index, field) in fields.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        self::field(out, field);
    }
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut Vec<u8>, text: &str) {
    let guarded = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']);
    let quoted = text.contains(['"', ',', '\r', '\n']);
    if quoted {
        out.push(b'"');
    }
    if guarded {
        out.push(b'\'');
    }
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    if quoted {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_and_cannot_be_formulas() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1),2", "\"'@SUM(A1),2\""),
            ("-5", "'-5"),
            ("+x", "'+x"),
            ("\tx", "'\tx"),
            ("'x", "''x"),
            ("", ""),
        ];
        for (text, expected) in cases {
            let mut out = Vec::new();
            field(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        assert_eq!(HEADER.split(',').count(), 16);
    }
}
