//! Syslog: RFC 5424 messages, RFC 5425 framing and transport.
//!
//! Syslog confirms nothing. So each batch goes over a connection of its own: we close it, and count the batch as arrived only
//! when the receiver has closed its side too, which it does after it has read everything. A receiver that breaks off resets
//! the connection instead, and gets the batch again.

use super::{Batch, Failure, connect};
use crate::clock::rfc3339;
use http::uri::Authority;
use rustls::ClientConfig;
use scm_protocol::audit::{AuditAnchor, ExportEntry};
use scm_protocol::ids::UnixMillis;
use std::fmt::Write;
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Facility 13, log audit; severity informational.
const DONE: u8 = 13 * 8 + 6;
/// Severity warning.
const REFUSED: u8 = 13 * 8 + 4;
/// Port of RFC 5425.
const PORT: u16 = 6514;
/// Our structured data. 32473 is the number that RFC 5612 gives to those who have none of their own.
const SD_ID: &str = "openscm@32473";

/// Sends a batch; returns when it has arrived.
pub(super) async fn deliver(address: &str, tls: &Arc<ClientConfig>, batch: &Batch) -> Result<(), Failure> {
    let authority: Authority = address
        .parse()
        .map_err(|error| Failure::new("its address", error))?;
    let mut stream = connect::connect(&authority, PORT, tls).await?;
    let frames = frames(batch, &hostname());
    let sending = async {
        stream.write_all(&frames).await?;
        stream.flush().await?;
        stream.shutdown().await
    };
    sending.await.map_err(|error| Failure::new("sending", error))?;
    let mut rest = [0; 512];
    loop {
        match stream.read(&mut rest).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // It closed the connection without the farewell of TLS: our bytes were all read, or this would be a reset.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => {
                return Err(Failure::new(
                    "waiting for the receiver to have read everything",
                    error,
                ));
            }
        }
    }
}

fn hostname() -> String {
    let name = rustix::system::uname();
    token(&name.nodename().to_string_lossy(), 255)
}

/// The batch in order: each anchor behind the entry that it is about, where that is in the batch.
fn frames(batch: &Batch, hostname: &str) -> Vec<u8> {
    let organization = batch.organization.name.as_str();
    let mut out = Vec::new();
    let mut anchors = batch.anchors.iter().peekable();
    for one in &batch.entries {
        while let Some(anchor) = anchors.next_if(|anchor| anchor.entry_id < one.id) {
            frame(&mut out, &anchor_message(anchor, organization, hostname));
        }
        frame(&mut out, &entry_message(one, organization, hostname));
    }
    for anchor in anchors {
        frame(&mut out, &anchor_message(anchor, organization, hostname));
    }
    out
}

/// RFC 5425 §4.3: the length in bytes, a space, the message.
fn frame(out: &mut Vec<u8>, message: &str) {
    out.extend_from_slice(format!("{} ", message.len()).as_bytes());
    out.extend_from_slice(message.as_bytes());
}

fn entry_message(entry: &ExportEntry, organization: &str, hostname: &str) -> String {
    let priority = if entry.outcome == "ok" { DONE } else { REFUSED };
    let mut message = head(priority, entry.at_ms, hostname, &entry.action);
    let (id, organization_id) = (entry.id.to_string(), entry.organization_id.to_string());
    let at_ms = entry.at_ms.0.to_string();
    let data = [
        ("organization", organization),
        ("organization_id", &organization_id),
        ("id", &id),
        ("at_ms", &at_ms),
        ("actor", &entry.actor),
        ("address", &entry.address),
        ("action", &entry.action),
        ("target", &entry.target),
        ("outcome", &entry.outcome),
        ("previous_hash", &entry.previous_hash),
        ("hash", &entry.hash),
    ];
    structured(&mut message, &data);
    message.push(' ');
    message.push_str(&entry.detail);
    message
}

fn anchor_message(anchor: &AuditAnchor, organization: &str, hostname: &str) -> String {
    let mut message = head(DONE, anchor.at_ms, hostname, "audit.anchor");
    let (id, organization_id) = (anchor.entry_id.to_string(), anchor.organization_id.to_string());
    let (at_ms, key) = (anchor.at_ms.0.to_string(), anchor.public_key.to_string());
    let data = [
        ("organization", organization),
        ("organization_id", &organization_id),
        ("entry_id", &id),
        ("kind", &anchor.kind),
        ("at_ms", &at_ms),
        ("hash", &anchor.hash),
        ("public_key", &key),
        ("signature", &anchor.signature),
    ];
    structured(&mut message, &data);
    message
}

fn head(priority: u8, at: UnixMillis, hostname: &str, id: &str) -> String {
    let at = rfc3339(at);
    format!("<{priority}>1 {at} {hostname} scmserver - {} ", token(id, 32))
}

/// RFC 5424 §6.3.
fn structured(message: &mut String, data: &[(&str, &str)]) {
    let _ = write!(message, "[{SD_ID}");
    for (name, value) in data {
        let _ = write!(message, " {name}=\"");
        for c in value.chars() {
            if matches!(c, '"' | '\\' | ']') {
                message.push('\\');
            }
            message.push(c);
        }
        message.push('"');
    }
    message.push(']');
}

/// A text as it may stand in the head: printable ASCII without spaces, `-` for none.
fn token(text: &str, most: usize) -> String {
    let plain = text.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' });
    let plain: String = plain.take(most).collect();
    if plain.is_empty() { "-".to_owned() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_that_of_the_rfc() {
        let entry = ExportEntry {
            organization_id: 1,
            id: 7,
            at_ms: UnixMillis(1_790_000_000_123),
            actor: r#"user:"j]doe\"#.to_owned(),
            address: "10.0.0.5".to_owned(),
            action: "systems.approve".to_owned(),
            target: "system:42".to_owned(),
            outcome: "refused".to_owned(),
            detail: r#"{"name":"Grüße"}"#.to_owned(),
            previous_hash: "aa".to_owned(),
            hash: "bb".to_owned(),
        };
        let message = entry_message(&entry, "default", "scm1");
        let expected = concat!(
            r#"<108>1 2026-09-21T14:13:20.123Z scm1 scmserver - systems.approve [openscm@32473 organization="default" "#,
            r#"organization_id="1" id="7" at_ms="1790000000123" actor="user:\"j\]doe\\" address="10.0.0.5" "#,
            r#"action="systems.approve" target="system:42" outcome="refused" previous_hash="aa" hash="bb"] {"name":"Grüße"}"#
        );
        assert_eq!(message, expected);
        let mut framed = Vec::new();
        frame(&mut framed, &message);
        frame(&mut framed, "x");
        assert_eq!(framed, format!("{} {expected}1 x", expected.len()).into_bytes());
    }

    #[test]
    fn the_head_holds_printable_ascii_alone() {
        assert_eq!(token("a b\u{7f}ü", 9), "a?b??");
        assert_eq!(
            (token("", 9), token("abcdef", 3)),
            ("-".to_owned(), "abc".to_owned())
        );
    }
}
