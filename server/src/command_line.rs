//! What can be asked of `scmserver` on its command line.

use crate::audit::command::{self as audit, Expected};
use crate::backup::command as backup;
use crate::config::{Config, DEFAULT_PATH};
use crate::homes::Homes;
use crate::migrate::command::migrate;
use crate::organizations::command as organizations;
use crate::packages::command as packages;
use crate::say;
use crate::{logging, run};
use anyhow::Context;
use clap::{Parser, Subcommand};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::Organization;
use scm_protocol::upgrades::platform::Platform;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// How long, after the server has stopped, its last background work may take.
const LEFT_BEHIND: Duration = Duration::from_secs(5);

/// OpenSCM server: agents and consoles talk to it over HTTPS.
#[derive(Debug, Parser)]
#[command(name = "scmserver", version, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until stopped.
    Run(ConfigArgument),
    /// Read the configuration and say what is wrong with it; start nothing.
    CheckConfig(ConfigArgument),
    /// Make a backup, whether the server runs or not.
    Backup {
        #[command(flatten)]
        config: ConfigArgument,
        /// Into this new file instead of the configured folder.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Verify a backup and put it in the place of the database, which no server may be using.
    Restore {
        #[command(flatten)]
        config: ConfigArgument,
        /// The backup.
        file: PathBuf,
        /// Also where the database holds data: that is set aside. The backup is verified all the same.
        #[arg(long)]
        force: bool,
    },
    /// Copy the SQLite database into an empty PostgreSQL database; no server may be running.
    MigrateTo {
        #[command(flatten)]
        config: ConfigArgument,
        /// As postgres://user@host/database; give a password by ~/.pgpass or PGPASSWORD, not here, where others can read it.
        #[arg(value_name = "URL")]
        url: String,
    },
    /// Verify the audit.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Organizations of this server.
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Programs that agents can be upgraded to.
    #[command(subcommand)]
    Packages(PackagesCommand),
}

#[derive(Debug, Subcommand)]
enum PackagesCommand {
    /// Verify a program of the agent by its signature and store it, whether the server runs or not.
    Add {
        #[command(flatten)]
        config: ConfigArgument,
        /// The program: the bare executable of scmclient.
        file: PathBuf,
        /// Its minisign signature [default: FILE.minisig].
        #[arg(long, value_name = "FILE")]
        signature: Option<PathBuf>,
    },
    /// List what is stored.
    List(ConfigArgument),
    /// Remove a package that no upgrade under way needs.
    Remove {
        #[command(flatten)]
        config: ConfigArgument,
        /// What it runs on, such as x86_64-linux.
        platform: Platform,
        /// Its version.
        version: String,
    },
}

#[derive(Debug, Subcommand)]
enum OrganizationCommand {
    /// Add one, whether the server runs or not; prints the setup code of its first owner.
    Add {
        #[command(flatten)]
        config: ConfigArgument,
        /// 1 to 63 characters of a-z, 0-9 and -, beginning and ending with a letter or digit.
        name: Organization,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Verify the audit in the database, whether the server runs or not; nothing is changed.
    Verify {
        #[command(flatten)]
        config: ConfigArgument,
        /// Only this organization.
        #[arg(long, value_name = "NAME")]
        organization: Option<String>,
        /// An entry that you noted earlier, as ID:HASH; it must still be there. May be given several times.
        #[arg(long, value_name = "ID:HASH", requires = "organization")]
        expect: Vec<Expected>,
    },
    /// Verify an exported file (JSON lines) by itself: no configuration, database or server is needed.
    VerifyExport {
        /// The file; `-` for standard input.
        file: PathBuf,
        /// Public key of the organization that you know from elsewhere; every anchor must be by it or another one given.
        #[arg(long, value_name = "KEY")]
        key: Vec<PublicKey>,
    },
}

#[derive(Debug, clap::Args)]
struct ConfigArgument {
    /// Configuration file.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

/// Does what was asked; what went wrong goes to standard error.
pub fn execute(arguments: Arguments) -> ExitCode {
    match carry_out(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scmserver: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(command: Command) -> anyhow::Result<()> {
    match command {
        Command::CheckConfig(argument) => {
            Config::load(&argument.config)?;
            say!("{}: ok", argument.config.display());
            Ok(())
        }
        Command::Audit(AuditCommand::Verify {
            config,
            organization,
            expect,
        }) => audit::verify_database(&Config::load(&config.config)?, organization.as_deref(), &expect),
        Command::Audit(AuditCommand::VerifyExport { file, key }) => audit::verify_export(&file, &key),
        Command::Backup { config, to } => backup::backup(&Config::load(&config.config)?, to.as_deref()),
        Command::Restore { config, file, force } => {
            backup::restore(&Config::load(&config.config)?, &file, force)
        }
        Command::MigrateTo { config, url } => migrate(&Config::load(&config.config)?, &url),
        Command::Organization(OrganizationCommand::Add { config, name }) => {
            organizations::add(&Config::load(&config.config)?, &name)
        }
        Command::Packages(command) => packages_command(command),
        Command::Run(argument) => {
            let config = Config::load(&argument.config)?;
            logging::start(&config.log)?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .context("starting")?;
            let (homes, threads) = Homes::start().context("starting")?;
            let outcome = runtime.block_on(run::run(config, homes));
            // What waits for a database that does not answer is not waited for.
            threads.end(LEFT_BEHIND);
            runtime.shutdown_timeout(LEFT_BEHIND);
            outcome
        }
    }
}

fn packages_command(command: PackagesCommand) -> anyhow::Result<()> {
    match command {
        PackagesCommand::Add {
            config,
            file,
            signature,
        } => packages::add(&Config::load(&config.config)?, &file, signature.as_deref()),
        PackagesCommand::List(argument) => packages::list(&Config::load(&argument.config)?),
        PackagesCommand::Remove {
            config,
            platform,
            version,
        } => packages::remove(&Config::load(&config.config)?, &platform, &version),
    }
}
