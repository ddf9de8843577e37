//! The agent speaks and is not spoken to (T5): no listening socket, and everything through the proxy that is named.

use anyhow::{Context, Result, ensure};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::Server;
use std::collections::HashSet;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that only knows `CONNECT`; gives its address and what it was asked for.
async fn tunnels() -> Result<(String, Arc<Mutex<Vec<String>>>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut inner, _)) = listener.accept().await {
            let heard = heard.clone();
            // What breaks off shows in the test: its agent never arrives.
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    ensure!(inner.read_buf(&mut head).await? > 0, "closed");
                }
                let line = String::from_utf8_lossy(&head).lines().next().map(str::to_owned);
                let line = line.context("a request line")?;
                let target = line.split(' ').nth(1).map(str::to_owned).context("a target")?;
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                let mut outer = TcpStream::connect(target).await?;
                inner.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
                copy_bidirectional(&mut inner, &mut outer).await?;
                Ok(())
            });
        }
    });
    Ok((address, asked))
}

/// Sockets of a process on which somebody could begin to speak to it: listening ones, and datagram sockets without a peer.
fn doors(process: u32) -> Result<Vec<String>> {
    let mut own = HashSet::new();
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        // A descriptor may be closed while it is looked at.
        if let Ok(target) = fs::read_link(entry?.path()) {
            let target = target.to_string_lossy().into_owned();
            let inode = target
                .strip_prefix("socket:[")
                .and_then(|rest| rest.strip_suffix(']'));
            own.extend(inode.map(str::to_owned));
        }
    }
    let mut doors = Vec::new();
    // proc(5): the fourth column is the state, the tenth the inode; 0A listens, 07 is a datagram socket that is not connected.
    for (table, open) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        let text = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            if columns.get(3) == Some(&open) && columns.get(9).is_some_and(|inode| own.contains(*inode)) {
                doors.push(format!("{table}: {line}"));
            }
        }
    }
    // Flag 00010000: it listens. The seventh column is the inode.
    let text = fs::read_to_string(format!("/proc/{process}/net/unix")).unwrap_or_default();
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let listens = columns.get(3) == Some(&"00010000");
        if listens && columns.get(6).is_some_and(|inode| own.contains(*inode)) {
            doors.push(format!("unix: {line}"));
        }
    }
    Ok(doors)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_listens_on_nothing_and_goes_through_the_proxy() -> Result<()> {
    let mut server = Server::start_default().await?;
    let admin = server.admin()?;
    let (proxy, asked) = tunnels().await?;
    let named = format!("HTTPS_PROXY={proxy}");
    let mut agent = server
        .agent()
        .prefix(&["env", "-u", "NO_PROXY", "-u", "no_proxy", &named])
        .start()?;
    let process = agent.process()?.id();
    let pending = admin.await_status(SystemStatus::Pending).await?;
    assert_eq!(doors(process)?, [] as [String; 0], "while it waits");
    admin.decide(pending.id, "approve").await?;
    admin
        .await_system("telemetry", |system| {
            system.status == SystemStatus::Active && system.cpu_percent.is_some()
        })
        .await?;
    assert_eq!(doors(process)?, [] as [String; 0], "while it is active");

    let target = format!("CONNECT localhost:{} ", server.port());
    let asked = || asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(!asked().is_empty());
    assert!(
        asked().iter().all(|line| line.starts_with(&target)),
        "{:?}",
        asked()
    );
    // The test sees a door where there is one.
    let process = server.process()?.id();
    assert!(!doors(process)?.is_empty(), "the server listens");
    Ok(())
}
