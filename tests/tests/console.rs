//! The real console in a terminal: at 80×24 in tmux, and on a pseudo-terminal whose every byte is counted.

use anyhow::{Context, Result, ensure};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Console, Server, binary, eventually};
use std::fs;
use std::io::Read;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// The way that the product is for: a real agent, Pending, is reviewed and approved by keys, and becomes live.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_approved_by_keys_and_its_telemetry_is_live() -> Result<()> {
    let server = Server::builder().interval_secs(1).start().await?;
    let admin = server.admin()?;
    let _agent = server.agent().start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    let card = admin.system(pending.id).await?;

    let console = Console::start(&server).await?;
    console.await_text("live", 20).await?;
    console.key("3")?;
    console.await_text(&pending.hostname, 20).await?;
    let first = card.fingerprint_words.split(' ').next().context("no words")?;
    console.await_text(first, 10).await?;
    console.key("a")?;
    console.await_text("approve", 10).await?;
    console.key("a")?;
    console.await_text("Cancel", 10).await?;
    // A question takes no answer before it was on the screen for half a second.
    console.settle().await;
    console.key("Tab")?;
    console.key("Enter")?;
    admin
        .await_system("the approval", |system| system.status == SystemStatus::Active)
        .await?;

    console.key("Escape")?;
    console.settle().await;
    console.key("2")?;
    console
        .await_screen("live telemetry", 30, |screen| {
            screen
                .lines()
                .any(|line| line.contains(&pending.hostname) && line.contains("OK") && line.contains('%'))
        })
        .await?;
    agrees_with_proc(&server).await
}

/// What the server shows of this machine and what the machine says of itself.
async fn agrees_with_proc(server: &Server) -> Result<()> {
    let admin = server.admin()?;
    let shown = admin
        .await_system("telemetry", |system| system.mem_total_bytes.is_some())
        .await?;
    let meminfo = fs::read_to_string("/proc/meminfo")?;
    let kib = |key: &str| -> Result<i64> {
        let line = meminfo
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .context("meminfo")?;
        Ok(line
            .trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB")
            .parse()?)
    };
    assert_eq!(shown.mem_total_bytes, Some(kib("MemTotal")? * 1024));
    let used = (kib("MemTotal")? - kib("MemAvailable")?) * 1024;
    let off = (shown.mem_used_bytes.context("no memory")? - used).abs();
    assert!(
        off < shown.mem_total_bytes.context("no memory")? / 5,
        "memory in use is {off} bytes off"
    );
    let uptime = fs::read_to_string("/proc/uptime")?;
    let uptime: f64 = uptime.split(' ').next().context("uptime")?.parse()?;
    let off = (shown.uptime_secs.context("no uptime")? - uptime as i64).abs();
    assert!(off < 30, "uptime is {off} s off");
    assert!((0.0..=100.0).contains(&shown.cpu_percent.context("no CPU")?));
    assert!(shown.disk_used_bytes.context("no disk")? <= shown.disk_total_bytes.context("no disk")?);
    Ok(())
}

/// K4: SIGTERM leaves the terminal as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_console_restores_the_terminal() -> Result<()> {
    let server = Server::start_default().await?;
    let console = Console::start(&server).await?;
    console.await_text("live", 20).await?;
    let process = i32::try_from(console.process_id()?)?;
    kill_process(Pid::from_raw(process).context("pid")?, Signal::TERM)?;
    let screen = console.await_text("ended:", 10).await?;
    assert!(
        screen.contains("shell>"),
        "the shell's screen is not back:\n{screen}"
    );
    console.type_text("stty -a | tr ' ' '\\n' | grep -cx -e icanon -e echo -e isig")?;
    console.key("Enter")?;
    console
        .await_screen(
            "a terminal that edits lines, echoes and takes signals",
            10,
            |screen| screen.lines().any(|line| line.trim() == "3"),
        )
        .await?;
    Ok(())
}

/// A console on a pseudo-terminal.
struct Terminal {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    written: Arc<AtomicUsize>,
    screen: Arc<Mutex<vt100::Parser>>,
    // The other end: the console hangs up when it goes.
    _pty: Box<dyn portable_pty::MasterPty + Send>,
}

impl Terminal {
    fn start(server: &Server, home: &std::path::Path) -> Result<Self> {
        let size = PtySize {
            rows: 24,
            cols: 80,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(binary("scmtui")?);
        command.args(["--server", &server.url(), "--ca-file"]);
        command.arg(server.ca_file());
        command.arg("--local-admin-token");
        command.arg(server.token_file());
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.env("HOME", home);
        for variable in [
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
        ] {
            command.env(variable, home);
        }
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let written = Arc::new(AtomicUsize::new(0));
        let (rows, columns) = NonZeroU16::new(24).zip(NonZeroU16::new(80)).context("80x24")?;
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let mut reader = pair.master.try_clone_reader()?;
        let (count, parser) = (written.clone(), screen.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(length @ 1..) = reader.read(&mut bytes) {
                count.fetch_add(length, Ordering::SeqCst);
                parser
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .process(&bytes[..length]);
            }
        });
        Ok(Terminal {
            child,
            written,
            screen,
            _pty: pair.master,
        })
    }

    fn text(&self) -> String {
        self.screen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .screen()
            .contents()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// K3: nothing changes, so nothing is written: not a byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_console_writes_nothing() -> Result<()> {
    let server = Server::start_default().await?;
    let home = tempfile::tempdir()?;
    let terminal = Terminal::start(&server, home.path())?;
    eventually("the console to be live", 20, async || {
        Ok(terminal.text().contains("live").then_some(()))
    })
    .await?;
    // Whatever the first seconds bring must come to rest.
    eventually("the console to come to rest", 20, async || {
        let before = terminal.written.load(Ordering::SeqCst);
        sleep(Duration::from_secs(2)).await;
        Ok((terminal.written.load(Ordering::SeqCst) == before).then_some(()))
    })
    .await?;
    let before = terminal.written.load(Ordering::SeqCst);
    ensure!(before > 0, "the console drew nothing at all");
    sleep(Duration::from_secs(6)).await;
    let written = terminal.written.load(Ordering::SeqCst) - before;
    assert_eq!(
        written,
        0,
        "an idle console wrote {written} bytes; the screen:\n{}",
        terminal.text()
    );
    Ok(())
}
