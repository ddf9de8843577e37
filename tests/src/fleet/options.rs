//! The simulator's command line.

use clap::Parser;
use scm_protocol::ids::Organization;
use std::path::PathBuf;
use std::time::Duration;

/// Plays a fleet of signed agents against a running server, and says how it did.
#[derive(Clone, Debug, Parser)]
#[command(name = "fleet", version)]
pub struct Options {
    /// Server, as `https://host:port`.
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// Certificate authority of the server (PEM).
    #[arg(long, value_name = "FILE")]
    pub ca_file: PathBuf,
    /// Organization to register with.
    #[arg(long, default_value = Organization::DEFAULT, value_name = "NAME")]
    pub organization: Organization,
    /// How many agents.
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub agents: usize,
    /// Over how many connections; each is used by its share of the agents, one request at a time. At most one for each
    /// agent, and 256 without this option.
    #[arg(long, value_name = "C")]
    pub connections: Option<usize>,
    /// File with an enrollment token that approves every agent as it registers.
    #[arg(long, value_name = "FILE")]
    pub enrollment_token: Option<PathBuf>,
    /// Host names begin with this.
    #[arg(long, default_value = "sim", value_name = "TEXT")]
    pub hostname_prefix: String,
    /// File with the local administrator's token, for what follows.
    #[arg(long, value_name = "FILE")]
    pub admin_token: Option<PathBuf>,
    /// Approve every agent after it registered.
    #[arg(long, requires = "admin_token")]
    pub approve: bool,
    /// Instead of a load: let the server hold a check-in of every agent, each on a connection of its own, then approve them,
    /// and measure how long each takes to hear of it.
    #[arg(long, requires = "admin_token", conflicts_with_all = ["approve", "stay", "rate", "interval"])]
    pub held: bool,
    /// Instead of a load: every agent connects at once, on a connection of its own, and tries as an agent does until it is
    /// served; the largest latency is the time until all were.
    #[arg(long, conflicts_with_all = ["held", "stay", "rate", "interval"])]
    pub stampede: bool,
    /// The clock of each agent is wrong by up to so many seconds, this way or that; it corrects itself by what the server says.
    #[arg(long, default_value_t = 0, value_name = "SECS")]
    pub clock_skew: i64,
    /// Longest that one exchange may take before it is given up.
    #[arg(long, default_value_t = 30.0, value_name = "SECS")]
    pub patience: f64,
    /// After registering, wait until the server lists this many systems.
    #[arg(long, requires = "admin_token", value_name = "N")]
    pub await_listed: Option<i64>,
    /// Open loop: offer this many check-ins per second, and measure each from the moment it was due.
    #[arg(long, value_name = "R", conflicts_with = "interval")]
    pub rate: Option<f64>,
    /// Open loop: every agent checks in once in so many seconds.
    #[arg(long, value_name = "SECS")]
    pub interval: Option<f64>,
    /// Seconds of check-ins; 0 for none.
    #[arg(long, default_value_t = 10.0, value_name = "SECS")]
    pub duration: f64,
    /// Go on until Ctrl-C or SIGTERM.
    #[arg(long, conflicts_with = "duration")]
    pub stay: bool,
    /// Of a hundred agents that are upgraded, so many report that they went back.
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub fail_upgrades: u8,
    /// Do not verify the signatures of replies: more load from the same processor.
    #[arg(long)]
    pub no_verify: bool,
    /// Where the identities are kept, so that a later run goes on as the same agents.
    #[arg(long, value_name = "FILE")]
    pub identities: Option<PathBuf>,
    /// Record everything that the server acknowledged, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub ack_log: Option<PathBuf>,
    /// Process id of the server, where it runs on this machine: its processor time and memory are reported too.
    #[arg(long, value_name = "PID")]
    pub server_process: Option<u32>,
    /// Write the report there as JSON; `-` for standard output, in place of the table.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Options {
    /// How many connections to use.
    pub fn connection_count(&self) -> usize {
        self.connections.unwrap_or(256).clamp(1, self.agents.max(1))
    }

    /// Check-ins per second to offer; none for a closed loop.
    pub fn offered_rate(&self) -> Option<f64> {
        let by_interval = self.interval.map(|secs| self.agents as f64 / secs);
        self.rate.or(by_interval)
    }

    /// Longest that one exchange may take.
    pub fn patience(&self) -> Duration {
        Duration::try_from_secs_f64(self.patience).unwrap_or(Duration::MAX)
    }

    /// How long to check in.
    pub fn load_time(&self) -> Option<Duration> {
        (!self.stay).then(|| Duration::try_from_secs_f64(self.duration).unwrap_or_default())
    }
}
