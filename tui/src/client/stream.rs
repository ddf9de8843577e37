//! The live stream: server-sent events (WHATWG HTML, "Server-sent events") over a response without an end.

use super::Answer;
use super::http::{Http, unreachable_because};
use crate::message::{Failure, Reply};
use std::time::Duration;

/// The server sends a comment every 15 s: after this much silence the connection is taken for dead.
const SILENCE: Duration = Duration::from_secs(40);
/// Longest event.
const MAX_EVENT_BYTES: usize = 1024 * 1024;

/// Follows the stream until it ends and says why.
pub(super) async fn follow(http: &Http, answer: &Answer) {
    let failure = match http.open("/api/v1/events").await {
        Ok(response) => read(response, answer).await,
        Err(failure) => failure,
    };
    tracing::info!("live stream ended: {failure}");
    answer.give(Reply::StreamEnded(failure));
}

async fn read(mut response: reqwest::Response, answer: &Answer) -> Failure {
    let mut parser = Parser::default();
    loop {
        let chunk = match tokio::time::timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Failure::Unreachable("the server ended the stream".to_owned()),
            Ok(Err(error)) => return unreachable_because(&error),
            Err(_) => return Failure::Unreachable("the server fell silent".to_owned()),
        };
        let events = match parser.feed(&chunk) {
            Ok(events) => events,
            Err(failure) => return failure,
        };
        for (name, data) in events {
            match reply(&name, &data) {
                Ok(Some(reply)) => {
                    if !answer.give(reply) {
                        return Failure::Unreachable("not wanted any more".to_owned());
                    }
                }
                Ok(None) => {}
                Err(failure) => return failure,
            }
        }
    }
}

fn reply(name: &str, data: &str) -> Result<Option<Reply>, Failure> {
    let broken = |error: serde_json::Error| Failure::Broken(format!("event {name}: {error}"));
    Ok(match name {
        "hello" => Some(Reply::Hello(serde_json::from_str(data).map_err(broken)?)),
        "change" => Some(Reply::Change(serde_json::from_str(data).map_err(broken)?)),
        // Later servers may say more.
        _ => None,
    })
}

/// Bytes in, events out: name and data.
#[derive(Default)]
struct Parser {
    rest: Vec<u8>,
    name: String,
    data: String,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) -> Result<Vec<(String, String)>, Failure> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches(['\n', '\r']), &mut events);
        }
        if self.rest.len() + self.data.len() > MAX_EVENT_BYTES {
            return Err(Failure::Broken("an event larger than 1 MiB".to_owned()));
        }
        Ok(events)
    }

    fn line(&mut self, line: &str, events: &mut Vec<(String, String)>) {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            if !data.is_empty() {
                events.push((name, data));
            }
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" if self.data.is_empty() => value.clone_into(&mut self.data),
            "data" => {
                self.data.push('\n');
                self.data.push_str(value);
            }
            // Comments, ids and retry times.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = ": hi\n\nevent: hello\r\ndata: {\"a\":1}\r\n\r\nevent:change\ndata:x\ndata: y\nid: 7\n\nevent: none\n\n";
        let expected = [
            ("hello".to_owned(), "{\"a\":1}".to_owned()),
            ("change".to_owned(), "x\ny".to_owned()),
        ];
        for size in [1, 2, 7, text.len()] {
            let mut parser = Parser::default();
            let events: Vec<_> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| parser.feed(chunk).unwrap())
                .collect();
            assert_eq!(events, expected, "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_event_ends_the_stream() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1 << 19];
        assert!(parser.feed(&chunk).is_ok());
        assert!(parser.feed(&chunk).is_ok());
        assert!(parser.feed(&chunk).is_err());
    }
}
