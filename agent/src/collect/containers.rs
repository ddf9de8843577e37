//! Running containers, from Docker's and Podman's sockets: one HTTP/1.0 request each, bounded in time and size.
//!
//! Both speak the Docker Engine API; `GET /containers/json` lists what runs.

use super::fitting;
use crate::platform;
use scm_protocol::telemetry::{Container, MAX_CONTAINERS};
use serde::Deserialize;
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that one runtime may take.
const LIMIT: Duration = Duration::from_secs(2);
/// The most that is read of a listing, in bytes.
const MAX_BYTES: usize = 4 * 1024 * 1024;
/// `HTTP/1.0` closes the connection after the reply and excludes chunks.
const REQUEST: &[u8] = b"GET /containers/json HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// An entry of the listing; its other members are not read.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(rename = "Names", default)]
    names: Vec<String>,
    #[serde(rename = "Image", default)]
    image: String,
}

/// What each runtime that is present says, and those that failed with the reason. None when there is no runtime, or none
/// that answers.
pub(super) fn list(
    runtimes: &[(&'static str, &'static str)],
) -> (Option<Vec<Container>>, Vec<(&'static str, String)>) {
    let mut found = None;
    let mut failures = Vec::new();
    let mut seen = Vec::new();
    for (runtime, path) in runtimes {
        // Podman can stand in for Docker by a symbolic link: one listing is enough.
        let Ok(real) = Path::new(path).canonicalize() else {
            continue;
        };
        if seen.contains(&real) {
            continue;
        }
        seen.push(real);
        match ask(path).and_then(|reply| read(runtime, &reply)) {
            Ok(containers) => found.get_or_insert_with(Vec::new).extend(containers),
            Err(reason) => failures.push((*runtime, reason)),
        }
    }
    if let Some(containers) = &mut found {
        containers.truncate(MAX_CONTAINERS);
    }
    (found, failures)
}

fn ask(path: &str) -> Result<Vec<u8>, String> {
    let started = Instant::now();
    let words = |error: std::io::Error| format!("{path}: {error}");
    let mut stream = platform::local_stream(path, LIMIT).map_err(words)?;
    stream.write_all(REQUEST).map_err(words)?;
    let mut reply = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        // Each read is bounded, and so is their sum: a trickle ends too.
        if started.elapsed() > LIMIT {
            return Err(format!("{path}: no complete answer within {} s", LIMIT.as_secs()));
        }
        match stream.read(&mut chunk).map_err(words)? {
            0 => return Ok(reply),
            amount => reply.extend_from_slice(&chunk[..amount]),
        }
        if reply.len() > MAX_BYTES {
            return Err(format!("{path}: the answer is larger than {MAX_BYTES} bytes"));
        }
    }
}

fn read(runtime: &str, reply: &[u8]) -> Result<Vec<Container>, String> {
    let end = reply
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or("the answer is not HTTP")?;
    let status = reply
        .split(|byte| *byte == b' ')
        .nth(1)
        .and_then(|status| std::str::from_utf8(status).ok());
    if !reply.starts_with(b"HTTP/1.") || status != Some("200") {
        return Err(format!("status {}", fitting(status.unwrap_or("unknown"), 16)));
    }
    let listed: Vec<Listed> = serde_json::from_slice(&reply[end + 4..])
        .map_err(|error| format!("the listing cannot be read: {error}"))?;
    let containers = listed.into_iter().map(|listed| Container {
        runtime: runtime.to_owned(),
        name: fitting(
            listed
                .names
                .first()
                .map_or("", |name| name.trim_start_matches('/')),
            256,
        ),
        image: fitting(&listed.image, 256),
    });
    Ok(containers.take(MAX_CONTAINERS).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use std::thread;

    const LISTING: &str = r#"[{"Id":"8dfafdbc","Names":["/web","/alias"],"Image":"nginx:1.27","State":"running","Ports":[]},
        {"Names":[],"Image":"sha256:ab"},{"Names":["/evil\u001b[2J"]}]"#;

    fn http(body: &str) -> Vec<u8> {
        format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}").into_bytes()
    }

    #[test]
    fn a_listing_is_read() {
        let containers = read("docker", &http(LISTING)).unwrap();
        let pairs: Vec<(&str, &str)> = containers
            .iter()
            .map(|container| (container.name.as_str(), container.image.as_str()))
            .collect();
        assert_eq!(pairs, [("web", "nginx:1.27"), ("", "sha256:ab"), ("evil[2J", "")]);
        assert!(read("docker", &http("[]")).unwrap().is_empty());
    }

    #[test]
    fn anything_else_is_an_error() {
        for bad in [
            http("{}"),
            http("[1]"),
            http(&LISTING[..40]),
            b"HTTP/1.0 500 Internal Server Error\r\n\r\n[]".to_vec(),
            b"SSH-2.0-OpenSSH\r\n\r\n".to_vec(),
            b"".to_vec(),
            b"HTTP/1.0 200 OK\r\n".to_vec(),
        ] {
            read("docker", &bad).unwrap_err();
        }
    }

    #[test]
    fn more_than_the_wire_takes_is_cut() {
        let many = vec![r#"{"Names":["/x"],"Image":"y"}"#; 1000].join(",");
        assert_eq!(
            read("docker", &http(&format!("[{many}]"))).unwrap().len(),
            MAX_CONTAINERS
        );
    }

    #[test]
    fn a_missing_runtime_is_no_failure() {
        let (found, failures) = list(&[("docker", "/nonexistent/docker.sock")]);
        assert_eq!((found, failures.len()), (None, 0));
    }

    #[test]
    fn runtimes_are_asked_once_each_and_failures_named() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("podman.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("docker.sock");
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        let dead = folder.path().join("dead.sock");
        drop(UnixListener::bind(&dead).unwrap());
        let serving = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 256];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(&http(LISTING)).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let leak = |path: &Path| -> &'static str { path.to_str().unwrap().to_owned().leak() };
        let (found, failures) = list(&[
            ("docker", leak(&link)),
            ("podman", leak(&socket)),
            ("other", leak(&dead)),
        ]);
        assert!(
            serving
                .join()
                .unwrap()
                .starts_with("GET /containers/json HTTP/1.0\r\n")
        );
        assert_eq!(found.unwrap().len(), 3);
        assert_eq!(failures.len(), 1);
        assert_eq!(failures[0].0, "other");
    }

    #[test]
    fn a_runtime_that_never_answers_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("silent.sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let started = Instant::now();
        ask(socket.to_str().unwrap()).unwrap_err();
        assert!(started.elapsed() < LIMIT * 2);
    }
}
