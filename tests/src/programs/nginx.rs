//! A real nginx in front of a server: the configuration of `docs/server.md`, in a folder of its own.

use super::process::Process;
use super::{AgentBuilder, Server, eventually};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A running nginx.
pub struct Nginx {
    // Declared before the folder: stopped before its files go.
    process: Process,
    folder: TempDir,
    port: u16,
    ca_file: PathBuf,
}

impl Nginx {
    /// One that passes requests on to `server` through its Unix socket, with the server's own certificate, and verifies
    /// client certificates against the server's authority and its list.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn start(server: &Server, socket: &Path) -> Result<Self> {
        Self::balance(server, &[socket]).await
    }

    /// As [`Nginx::start`], in front of several servers with the authority of `server`, each by its socket.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn balance(server: &Server, sockets: &[&Path]) -> Result<Self> {
        let list = server.state().join("pki/crl.pem");
        eventually("the list of revoked certificates", 10, async || {
            Ok(list.is_file().then_some(()))
        })
        .await?;
        let folder = tempfile::Builder::new().prefix("scm-nginx-").tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = config(folder.path(), &server.state().join("pki"), sockets, port);
        fs::write(folder.path().join("nginx.conf"), config)?;
        let process = run(folder.path(), port).await?;
        Ok(Nginx {
            process,
            folder,
            port,
            ca_file: server.ca_file(),
        })
    }

    /// Has it read its files again: stopped and started, because a single process does not survive a reload of its
    /// configuration with TLS.
    ///
    /// # Errors
    /// When it does not listen again.
    pub async fn reload(&mut self) -> Result<()> {
        self.process.stop()?;
        self.process = run(self.folder.path(), self.port).await?;
        Ok(())
    }

    /// `https://…`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// A real agent that reaches the server through it.
    pub fn agent(&self) -> AgentBuilder {
        AgentBuilder::new(&self.url(), &self.ca_file)
    }

    /// Certificate of the authority that it is trusted by.
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

/// Starts it in that folder, and waits until it listens.
async fn run(folder: &Path, port: u16) -> Result<Process> {
    let mut command = Command::new(program()?);
    command.arg("-p").arg(folder).args(["-c", "nginx.conf"]);
    let mut process = Process::start("nginx", command, &folder.join("log"))?;
    eventually("nginx to listen", 20, async || {
        process.must_run()?;
        Ok(std::net::TcpStream::connect(("127.0.0.1", port))
            .is_ok()
            .then_some(()))
    })
    .await?;
    Ok(process)
}

fn program() -> Result<PathBuf> {
    let places = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx"];
    let found = places.iter().map(PathBuf::from).find(|path| path.is_file());
    let found = found.context("nginx is missing: `cargo xtask test` installs it")?;
    let version = Command::new(&found).arg("-v").output()?;
    ensure!(version.status.success(), "{} does not run", found.display());
    Ok(found)
}

fn config(folder: &Path, pki: &Path, sockets: &[&Path], port: u16) -> String {
    let folder = folder.display();
    let servers: String = sockets
        .iter()
        .map(|socket| format!("        server unix:{} fail_timeout=2s;\n", socket.display()))
        .collect();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("    {kind}_temp_path {folder}/{kind};\n"))
        .collect();
    format!(
        r#"# One process: nothing of it outlives the test.
master_process off;
daemon off;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    access_log off;
{temporary}    upstream openscm {{
{servers}        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pki}/server.pem;
        ssl_certificate_key {pki}/server.key;
        ssl_client_certificate {pki}/ca.pem;
        ssl_crl {pki}/crl.pem;
        ssl_verify_client optional;
        location / {{
            proxy_pass http://openscm;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Client-Verify $ssl_client_verify;
            proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
            proxy_buffering off;
            proxy_read_timeout 75s;
        }}
    }}
}}
"#,
        pki = pki.display(),
    )
}
