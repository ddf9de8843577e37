//! `cargo xtask bench --rules-systems N`: previews a rule over N systems, saves it, and tags them all in one job.
//!
//! The systems are put into the database directly, with telemetry and containers, as if they had checked in just now. Each
//! figure is what a client waits for: the request is sent by `curl` over TLS, and the answer read to its end.

use crate::process::run;
use crate::site::Site;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Previews of which the median and the slowest are told.
const PREVIEWS: usize = 9;
/// How long the tag job may take.
const PATIENCE: Duration = Duration::from_secs(600);

const INSERT: &str = r#"
import hashlib, json, sqlite3, sys, time
database, count = sqlite3.connect(sys.argv[1], timeout=60), int(sys.argv[2])
now = int(time.time() * 1000)
first = database.execute("SELECT coalesce(max(id), 0) + 1 FROM systems").fetchone()[0]
key = lambda i: hashlib.sha256(b"bench %d" % i).digest()
kinds = ["web-prod", "web-test", "db-prod", "cache", "build"]
images = json.dumps([{"runtime": "docker", "name": "app", "image": "registry.example/nginx:1.27"}])
systems = ((i, key(i), now, f"{kinds[i % 5]}-{i:06d}", ["linux", "windows"][i % 7 == 0], now) for i in range(first, first + count))
states = ((i, f"10.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}", now, i * 37 % 101, (i % 64 + 1) << 30, (i % 900 + 20) << 30,
           i * 977 % 9000000, images if i % 3 == 0 else "[]") for i in range(first, first + count))
with database:
    database.executemany("INSERT INTO systems (id, organization_id, public_key, status, status_changed_ms, status_changed_by, "
        "hostname, claimed_addresses, os, os_family, arch, agent_version, first_seen_ms) "
        "VALUES (?, 1, ?, 'active', ?, 'bench', ?, '[]', 'Debian GNU/Linux 12', ?, 'x86_64', '1.2.0', ?)", systems)
    database.executemany("INSERT INTO system_states (system_id, replay_high, replay_window, boot_id, address, interval_secs, "
        "last_seen_ms, cpu_percent, mem_total_bytes, disk_total_bytes, uptime_secs, containers) "
        "VALUES (?, 0, 0, '', ?, 60, ?, ?, ?, ?, ?, ?)", states)
"#;

/// A rule of three conditions, one of which reads the containers.
const CONDITIONS: &str = r#"[{"field":"os_family","operator":"equals","value":"linux"},
    {"field":"hostname","operator":"regex","value":"^web-prod-[0-9]+$"},
    {"field":"any_container_image","operator":"contains","value":"nginx"}]"#;

/// Asks the API by `curl`.
pub(crate) struct Client<'a> {
    site: &'a Site,
    header: PathBuf,
}

impl<'a> Client<'a> {
    /// A client with the local administrator's rights.
    pub(crate) fn new(site: &'a Site) -> Result<Self> {
        // In a file: a command line can be read by everybody on the machine.
        let header = site.folder().join("authorization");
        let token = fs::read_to_string(site.token_file())?;
        fs::write(&header, format!("authorization: Bearer {}\n", token.trim()))?;
        Ok(Client { site, header })
    }

    /// The answer, and how long the request took in milliseconds, connecting included.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Result<(String, f64)> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--cacert"])
            .arg(self.site.ca_file());
        curl.arg("--header").arg(format!("@{}", self.header.display()));
        curl.args(["--request", method, "--write-out", "\n%{time_total}"]);
        if !body.is_empty() {
            curl.args(["--data", body]);
        }
        curl.arg(format!("{}{path}", self.site.url()));
        let output = curl.output().context("curl")?;
        let text = String::from_utf8(output.stdout)?;
        let (answer, secs) = text.rsplit_once('\n').unwrap_or(("", &text));
        if !output.status.success() {
            bail!("{method} {path}: {answer}");
        }
        Ok((answer.to_owned(), secs.parse::<f64>()? * 1000.0))
    }

    /// How long each of so many requests takes that follow one another on a connection, in milliseconds, from the request's
    /// first byte to the answer's last.
    pub(crate) fn ask_often(&self, path: &str, times: usize) -> Result<Vec<f64>> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--cacert"])
            .arg(self.site.ca_file());
        curl.arg("--header").arg(format!("@{}", self.header.display()));
        curl.args(["--write-out", "%{stderr}%{time_pretransfer} %{time_total}\n"]);
        for _ in 0..=times {
            curl.arg(format!("{}{path}", self.site.url()));
        }
        let output = curl.output().context("curl")?;
        if !output.status.success() {
            bail!("GET {path}: {}", output.status);
        }
        let text = String::from_utf8(output.stderr)?;
        // The first one makes the connection.
        text.lines()
            .skip(1)
            .map(|line| {
                let (before, total) = line.split_once(' ').context("curl's times")?;
                Ok((total.parse::<f64>()? - before.parse::<f64>()?) * 1000.0)
            })
            .collect()
    }
}

/// Fills the fleet and measures.
pub(crate) fn measure(site: &Site, systems: u32) -> Result<()> {
    insert(&site.folder().join("server/openscm.db"), systems)?;
    let client = Client::new(site)?;
    let draft = format!(r#"{{"conditions":{CONDITIONS}}}"#);
    let mut previews = Vec::new();
    for _ in 0..PREVIEWS {
        previews.push(client.ask("POST", "/api/v1/rules/preview", &draft)?.1);
    }
    previews.sort_by(f64::total_cmp);
    println!(
        "preview over {systems} systems: {:.0} ms (median of {PREVIEWS}), {:.0} ms at most",
        previews[PREVIEWS / 2],
        previews[PREVIEWS - 1]
    );
    let (group, _) = client.ask("POST", "/api/v1/groups", r#"{"name":"bench","kind":"auto"}"#)?;
    let group = number(&group, "id")?;
    let (saved, took) = client.ask("PUT", &format!("/api/v1/groups/{group}/rule"), &draft)?;
    let members = number(&saved, "members")?;
    println!("saving the rule over {systems} systems: {took:.0} ms, {members} members");
    let (filter, took) = client.ask("GET", "/api/v1/systems/count?filter=os_family%20%3D%20linux", "")?;
    println!(
        "counting a filter over {systems} systems: {took:.0} ms, {} match",
        number(&filter, "matching")?
    );
    tag(&client, systems)
}

/// All of them in one job by filter.
fn tag(client: &Client<'_>, systems: u32) -> Result<()> {
    let body = format!(r#"{{"kind":"tag","tag":"bench","filter":"","expected_count":{systems}}}"#);
    let begun = Instant::now();
    let (job, created) = client.ask("POST", "/api/v1/jobs", &body)?;
    let path = format!("/api/v1/jobs/{}", number(&job, "id")?);
    loop {
        let (job, _) = client.ask("GET", &path, "")?;
        if job.contains(r#""state":"done""#) {
            let secs = begun.elapsed().as_secs_f64();
            let done = number(&job, "done")?;
            println!(
                "tagging {done} systems in one job: {secs:.1} s ({:.0} systems/s); the job was created in {created:.0} ms",
                f64::from(systems) / secs
            );
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            bail!("the job is not done: {job}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Puts so many systems into the database.
pub(crate) fn insert(database: &Path, systems: u32) -> Result<()> {
    python(INSERT, database, &systems.to_string())
}

/// Runs a script with the database as its first argument.
pub(crate) fn python(script: &str, database: &Path, argument: &str) -> Result<()> {
    let mut python = Command::new("python3");
    python.args(["-c", script]).arg(database).arg(argument);
    run(python)
}

/// The first number of that name in a JSON document.
pub(crate) fn number(json: &str, name: &str) -> Result<u64> {
    let rest = json.split_once(&format!("\"{name}\":"));
    let digits: String = rest
        .map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect())
        .unwrap_or_default();
    digits.parse().with_context(|| format!("no `{name}` in {json}"))
}
