//! Servers that are killed, started again, paused and woken, behind a real nginx.

use super::{all_checked_in, all_served_since, first_server, now, only, unbroken};
use anyhow::{Result, ensure};
use scm_protocol::auth::Role;
use scm_protocol::commands::{Command, CommandState, SystemActions};
use scm_protocol::ids::{CommandId, SystemId};
use scm_protocol::refusal::RefusalCode;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Agent, Cluster, Nginx, Programs, Server, Simulated, eventually};
use serde_json::json;
use std::path::{Path, PathBuf};

const AGENTS: usize = 24;

/// What happens to one of the servers.
#[derive(Clone, Copy)]
enum Fault {
    Kill,
    Pause,
}

struct Site {
    // In the order in which they are to be dropped.
    nginx: Nginx,
    servers: Vec<Server>,
    _cluster: Cluster,
    _sockets: tempfile::TempDir,
}

impl Site {
    async fn start(count: usize) -> Result<Self> {
        let cluster = Cluster::start().await?;
        let folder = tempfile::tempdir()?;
        let sockets: Vec<PathBuf> = (0..count)
            .map(|number| folder.path().join(format!("{number}")))
            .collect();
        let sections = |socket: &Path| format!("[proxy]\nlisten = \"unix:{}\"", socket.display());
        let first = first_server(&cluster, &sections(&sockets[0])).await?;
        let mut servers = vec![first];
        for socket in &sockets[1..] {
            servers.push(servers[0].replica_by(&cluster.url(), &sections(socket)).await?);
        }
        let sockets: Vec<&Path> = sockets.iter().map(PathBuf::as_path).collect();
        Ok(Site {
            nginx: Nginx::balance(&servers[0], &sockets).await?,
            servers,
            _cluster: cluster,
            _sockets: folder,
        })
    }

    /// Something happens to one server; the others go on serving everybody; then it is back.
    async fn suffer(&mut self, fault: Fault, at: usize) -> Result<()> {
        match fault {
            Fault::Kill => self.servers[at].kill()?,
            Fault::Pause => self.servers[at].process()?.pause()?,
        }
        let other = self.servers[(at + 1) % self.servers.len()].admin()?;
        all_served_since(&other, AGENTS, now(&other).await?).await?;
        // Somebody comes and is approved, which is to last.
        let mut rogue = self.servers[(at + 1) % self.servers.len()].rogue()?;
        rogue.register(&format!("came-{at}")).await?;
        other.decide(rogue.system, "approve").await?;
        match fault {
            Fault::Kill => self.servers[at].start().await,
            Fault::Pause => self.servers[at].process()?.resume(),
        }
    }
}

/// A real agent behind nginx that runs what it is told.
struct Commanded {
    programs: Programs,
    _agent: Agent,
    system: SystemId,
    given: Vec<(String, CommandId)>,
}

impl Commanded {
    async fn start(site: &Site) -> Result<Self> {
        let mut programs = Programs::new()?;
        programs.add_trace("append", "echo done")?;
        let agent = site.nginx.agent().actions(&programs.sections).start()?;
        let admin = site.servers[0].admin()?;
        let system = admin.await_status(SystemStatus::Pending).await?.id;
        admin.decide(system, "approve").await?;
        eventually("the actions to be reported", 60, async || {
            let actions: SystemActions = admin.get(&format!("/api/v1/systems/{system}/actions")).await?;
            Ok(actions.reported_ms.map(drop))
        })
        .await?;
        Ok(Commanded {
            programs,
            _agent: agent,
            system,
            given: Vec::new(),
        })
    }

    async fn give(&mut self, admin: &Admin) -> Result<()> {
        let word = format!("w{}", self.given.len());
        let body = json!({ "action": "append", "parameters": { "word": word } });
        let path = format!("/api/v1/systems/{}/commands", self.system);
        let command: Command = admin.call("POST", &path, &body).await?;
        self.given.push((word, command.id));
        Ok(())
    }

    /// Each command ended, and ran as often as its end says.
    async fn must_fit(&self, admin: &Admin) -> Result<()> {
        let mut completed = 0;
        for (word, id) in &self.given {
            let command = eventually("the end of every command", 180, async || {
                let command: Command = admin.get(&format!("/api/v1/commands/{id}")).await?;
                Ok(command.state.is_over().then_some(command))
            })
            .await?;
            let times = self.programs.traces().iter().filter(|line| *line == word).count();
            let fits = match command.state {
                CommandState::Completed => times == 1,
                CommandState::Expired => times == 0,
                _ => false,
            };
            ensure!(fits, "{word} ran {times} times: {command:?}");
            completed += u32::from(command.state == CommandState::Completed);
        }
        ensure!(completed > 0, "nothing got through at all");
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_killed_and_paused_lose_nothing_and_repeat_nothing() -> Result<()> {
    let mut site = Site::start(3).await?;
    let fleet = Simulated::new(AGENTS)?;
    fleet
        .run(&site.servers[0], &["--approve", "--duration", "0"])
        .await?;
    let mut commanded = Commanded::start(&site).await?;
    let load = [
        "--stay",
        "--interval",
        "0.5",
        "--connections",
        "12",
        "--patience",
        "3",
    ];
    let mut load = fleet.start_at(&site.nginx.url(), site.nginx.ca_file(), &load)?;
    all_checked_in(&mut load, &site.servers[0].admin()?, AGENTS + 1).await?;

    for (fault, at) in [
        (Fault::Kill, 0),
        (Fault::Pause, 1),
        (Fault::Kill, 2),
        (Fault::Pause, 0),
    ] {
        commanded.give(&site.servers[(at + 2) % 3].admin()?).await?;
        site.suffer(fault, at).await?;
        load.must_run()?;
    }
    let admin = site.servers[1].admin()?;
    all_served_since(&admin, AGENTS, now(&admin).await?).await?;
    commanded.must_fit(&admin).await?;
    ensure!(load.stop()?.success(), "the fleet did not get through");
    // What nginx says for a server that is away, and who had no answer from one.
    only(
        &fleet,
        &[
            "connection",
            "timeout",
            "unverifiable reply, status 502",
            "unverifiable reply, status 504",
            "refused: busy",
            "refused: replayed",
        ],
    )?;
    fleet.must_have_lost_nothing(&site.servers[2]).await?;
    let came = admin.systems().await?;
    let came = came
        .iter()
        .filter(|system| system.hostname.starts_with("came-") && system.status == SystemStatus::Active);
    assert_eq!(came.count(), 4, "somebody who was approved is not");
    unbroken(&site.servers.iter().collect::<Vec<_>>())
}

/// Whatever one of them remembers, the others' word holds: a system, a session and a token of the API.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_revokes_is_refused_by_the_others_at_once() -> Result<()> {
    let site = Site::start(2).await?;
    let [first, second] = &site.servers[..] else {
        anyhow::bail!("two servers");
    };
    let mut rogue = first.active_rogue().await?;
    for server in [first, second] {
        rogue.endpoint = server.endpoint()?;
        let checkin = rogue.checkin()?;
        rogue.accepted(&checkin).await?;
    }
    second.admin()?.decide(rogue.system, "revoke").await?;
    for server in [first, second] {
        rogue.endpoint = server.endpoint()?;
        let checkin = rogue.checkin()?;
        let (_, refusal) = rogue.refused(&checkin).await?;
        ensure!(refusal.code != RefusalCode::Busy, "{refusal:?}");
    }
    first.admin()?.decide(rogue.system, "restore").await?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;

    let person = first.person("jdoe", Role::Admin).await?;
    let token = person.api.api_token("script", Role::Viewer).await?;
    let (there, script) = (
        second.client(Some(&person.token))?,
        second.client(Some(&token.secret))?,
    );
    for client in [&there, &script] {
        assert_eq!(client.status("GET", "/api/v1/systems").await?, 200);
    }
    let gone = first
        .admin()?
        .status("DELETE", &format!("/api/v1/users/{}", person.id))
        .await?;
    ensure!(gone < 300, "{gone}");
    for client in [&there, &script] {
        assert_eq!(client.status("GET", "/api/v1/systems").await?, 401);
    }
    Ok(())
}
