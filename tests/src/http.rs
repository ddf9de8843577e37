//! HTTP/1.1 over TLS, as bytes: cheap enough to simulate a fleet on one processor, and able to send what is wrong.

use anyhow::{Context, Result, bail, ensure};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_pki_types::ServerName;
use scm_tls::Trust;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Most headers of a reply.
const MAX_HEADERS: usize = 48;
/// Largest reply, in bytes.
const MAX_REPLY_BYTES: usize = 16 * 1024 * 1024;

/// Where a server is and how it is trusted.
#[derive(Clone)]
pub struct Endpoint {
    authority: String,
    address: String,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl Endpoint {
    /// An endpoint from `https://host[:port]`.
    ///
    /// # Errors
    /// When the URL is another kind, or the trust cannot be set up.
    pub fn new(url: &str, trust: &Trust) -> Result<Self> {
        let config = scm_tls::client_config(trust, Arc::new(ring::default_provider()))?;
        Self::with_tls(url, config)
    }

    /// As [`Endpoint::new`], with a TLS configuration of one's own.
    ///
    /// # Errors
    /// When the URL is another kind.
    pub fn with_tls(url: &str, config: ClientConfig) -> Result<Self> {
        let rest = url
            .strip_prefix("https://")
            .with_context(|| format!("`{url}` does not begin with https://"))?;
        let authority = rest.trim_end_matches('/').to_owned();
        let host = authority
            .rsplit_once(':')
            .map_or(authority.as_str(), |(host, _)| host);
        let name = ServerName::try_from(host.to_owned()).with_context(|| format!("`{host}` is no host"))?;
        let address = if host.len() == authority.len() {
            format!("{authority}:443")
        } else {
            authority.clone()
        };
        Ok(Endpoint {
            address,
            name,
            tls: TlsConnector::from(Arc::new(config)),
            authority,
        })
    }

    /// `host:port`, for the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// When TCP or TLS fails.
    pub async fn connect(&self) -> Result<Connection> {
        let tcp = TcpStream::connect(&self.address).await?;
        tcp.set_nodelay(true)?;
        let stream = self.tls.connect(self.name.clone(), tcp).await?;
        Ok(Connection {
            stream,
            received: Vec::with_capacity(4096),
            reusable: true,
        })
    }

    /// A request's bytes.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024 + body.len());
        let mut push = |texts: &[&str]| texts.iter().for_each(|text| bytes.extend(text.bytes()));
        push(&[method, " ", path, " HTTP/1.1\r\nhost: ", &self.authority, "\r\n"]);
        for (name, value) in headers {
            push(&[name, ": ", value, "\r\n"]);
        }
        if !body.is_empty() {
            push(&[
                "content-type: application/json\r\ncontent-length: ",
                &body.len().to_string(),
                "\r\n",
            ]);
        }
        push(&["\r\n"]);
        bytes.extend(body);
        bytes
    }
}

/// A reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its HTTP status.
    pub status: u16,
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is something else.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {}, unexpected body: {}", self.status, self.text()))
    }
}

/// A kept-alive connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    received: Vec<u8>,
    reusable: bool,
}

impl Connection {
    /// Whether another request may follow.
    pub fn reusable(&self) -> bool {
        self.reusable
    }

    /// The stream beneath.
    pub fn stream(&mut self) -> &mut TlsStream<TcpStream> {
        &mut self.stream
    }

    /// Sends a request and reads its reply.
    ///
    /// # Errors
    /// When the connection fails or the reply is no HTTP.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Reply> {
        self.send(request).await?;
        self.receive().await
    }

    /// Sends bytes, whatever they are.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Reads one reply.
    ///
    /// # Errors
    /// When the connection ends before, or the reply is no HTTP with a `Content-Length`.
    pub async fn receive(&mut self) -> Result<Reply> {
        loop {
            if let Some((mut reply, head, length)) = parse_head(&self.received)? {
                while self.received.len() < head + length {
                    self.fill().await?;
                }
                reply.body = self.received[head..head + length].to_vec();
                self.received.drain(..head + length);
                let closing = reply
                    .header("connection")
                    .is_some_and(|value| value.eq_ignore_ascii_case("close"));
                self.reusable = !closing;
                return Ok(reply);
            }
            self.fill().await?;
        }
    }

    /// Reads the status of a reply, and nothing of its body: for streams that do not end.
    ///
    /// # Errors
    /// When the connection ends before, or the reply is no HTTP.
    pub async fn status(&mut self) -> Result<u16> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut parsed = httparse::Response::new(&mut headers);
            if parsed
                .parse(&self.received)
                .context("the reply is no HTTP")?
                .is_complete()
            {
                return parsed.code.context("the reply has no status");
            }
            self.fill().await?;
        }
    }

    /// Reads until the server closes, and gives what came.
    ///
    /// # Errors
    /// When the connection breaks in another way than by closing.
    pub async fn read_to_end(&mut self) -> Result<Vec<u8>> {
        while self.stream.read_buf(&mut self.received).await? > 0 {}
        Ok(std::mem::take(&mut self.received))
    }

    async fn fill(&mut self) -> Result<()> {
        ensure!(self.received.len() < MAX_REPLY_BYTES, "the reply is too large");
        if self.stream.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

/// The reply without its body, the length of its head, and that of its body; nothing while the head is incomplete.
fn parse_head(received: &[u8]) -> Result<Option<(Reply, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(received).context("the reply is no HTTP")? else {
        return Ok(None);
    };
    let status = parsed.code.context("the reply has no status")?;
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_ascii_lowercase(), value)
        })
        .collect();
    let reply = Reply {
        status,
        headers,
        body: Vec::new(),
    };
    let length = match reply.header("content-length") {
        Some(length) => length.parse().context("Content-Length")?,
        None if status == 204 || status == 304 => 0,
        None => bail!("the reply has no Content-Length"),
    };
    Ok(Some((reply, head, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 3\r\n\r\nabc";
        assert!(parse_head(&whole[..40]).unwrap().is_none());
        let (reply, head, length) = parse_head(whole).unwrap().unwrap();
        assert_eq!((reply.status, head + length), (503, whole.len()));
        assert_eq!(reply.header("retry-after"), Some("2"));
    }

    #[test]
    fn a_reply_without_length_is_refused() {
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(parse_head(b"SSH-2.0-OpenSSH\r\n\r\n").is_err());
    }
}
