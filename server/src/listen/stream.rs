//! The bytes of a connection: over TLS, or in plain text from a proxy on this machine.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;

/// An accepted socket, not yet of the runtime where its connection will live.
#[derive(Debug)]
pub(super) enum Raw {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// A connection that HTTP is spoken on.
#[derive(Debug)]
pub(super) enum Stream {
    Tls(Box<TlsStream<TcpStream>>),
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Reads and drops what the client still sends, until it ends; beneath TLS, where there is any.
    pub(super) async fn scrap(&mut self) -> std::io::Result<()> {
        let mut scrap = [0; 4096];
        loop {
            let read = match self {
                Stream::Tls(stream) => stream.get_mut().0.read(&mut scrap).await?,
                Stream::Tcp(stream) => stream.read(&mut scrap).await?,
                Stream::Unix(stream) => stream.read(&mut scrap).await?,
            };
            if read == 0 {
                return Ok(());
            }
        }
    }
}

/// Calls the same method on whichever stream it is.
macro_rules! delegate {
    ($stream:expr, $method:ident, $($argument:expr),*) => {
        match $stream.get_mut() {
            Stream::Tls(stream) => Pin::new(stream.as_mut()).$method($($argument),*),
            Stream::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Unix(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        delegate!(self, poll_read, cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        delegate!(self, poll_write, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        delegate!(self, poll_write_vectored, cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Tls(stream) => stream.is_write_vectored(),
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        delegate!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        delegate!(self, poll_shutdown, cx)
    }
}
