//! `scmclient enroll`: from one pasted line to a machine that waits for approval or is active.

use super::{EnrollArguments, on_behalf, print, status};
use crate::clock::{Clock, SystemClock};
use crate::decide::Standing;
use crate::enroll::{Prepared, plan, try_folder};
use crate::platform::user::owner_to_act_for;
use crate::platform::{default_state_folder, service};
use crate::random::random_hex;
use crate::stop::Stop;
use crate::upgrade::Upgrades;
use crate::wire::Client;
use crate::worker::{Enrolled, Surroundings, Worker};
use anyhow::{Context, bail};
use scm_protocol::bootstrap::{Bootstrap, MAX_TEXT_BYTES};
use std::fmt::Write;
use std::io::{IsTerminal, Read};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Configures, registers once and says what happens next.
pub(super) fn enroll(path: &Path, arguments: EnrollArguments) -> anyhow::Result<ExitCode> {
    let text = given(arguments.string)?;
    if arguments.only_try_folder {
        let folder = arguments.state_folder.clone();
        try_folder(&folder.unwrap_or_else(default_state_folder))?;
        return Ok(ExitCode::SUCCESS);
    }
    let bootstrap: Bootstrap = text.parse()?;
    let stamp_secs = SystemClock.now().as_secs();
    let state_folder = arguments.state_folder.as_deref();
    let plan = plan(&bootstrap, path, state_folder, arguments.force).context("nothing was sent")?;
    if let Some(user) = owner_to_act_for(&plan.config.state_folder) {
        return on_behalf::enroll(plan, user, &text, path, state_folder, stamp_secs);
    }
    let prepared = plan.carry_out(stamp_secs).context("nothing was sent")?;
    if let Some(former) = &prepared.former {
        print(&format!(
            "the former configuration is kept as {}",
            former.display()
        ))?;
    }
    let enrolled = register(prepared, path)?;
    print(&describe(&bootstrap, &enrolled, path))?;
    if let Some(trouble) = &enrolled.trouble {
        eprintln!("scmclient: {trouble}");
        eprintln!("{}", advice(&enrolled, path));
    }
    let cut_off = matches!(
        enrolled.standing,
        Standing::Denied | Standing::Revoked | Standing::Quarantined
    );
    match &enrolled.trouble {
        Some(_) if !cut_off => Ok(ExitCode::FAILURE),
        _ => Ok(ExitCode::from(status::exit_code(enrolled.standing))),
    }
}

/// The argument, or what is pasted or piped into standard input.
fn given(argument: Option<String>) -> anyhow::Result<Zeroizing<String>> {
    if let Some(text) = argument.filter(|text| text != "-") {
        return Ok(Zeroizing::new(text));
    }
    let input = std::io::stdin().lock();
    if input.is_terminal() {
        eprintln!("paste the bootstrap string, then press Enter and Ctrl-D:");
    }
    let mut text = Zeroizing::new(String::with_capacity(MAX_TEXT_BYTES + 1));
    input
        .take(MAX_TEXT_BYTES as u64 + 1)
        .read_to_string(&mut text)
        .context("cannot read the bootstrap string from standard input")?;
    if text.trim().is_empty() {
        bail!("no bootstrap string was given, neither as an argument nor on standard input");
    }
    Ok(text)
}

fn register(prepared: Prepared, path: &Path) -> anyhow::Result<Enrolled> {
    let config = prepared.config;
    let server = config
        .servers
        .into_iter()
        .next()
        .context("no server is configured")?;
    let client = Client::new(&server, config.proxy.as_ref()).map_err(anyhow::Error::msg)?;
    let folder = Arc::new(prepared.folder);
    let around = Surroundings {
        clock: Arc::new(SystemClock),
        stop: Arc::new(Stop::default()),
        folder: folder.clone(),
        boot_id: random_hex()?,
        offer: Arc::default(),
        upgrades: Arc::new(Upgrades::none(folder, Arc::new(SystemClock))),
        trial: None,
        config: path.to_owned(),
    };
    let worker = Worker::new(around, server, client, config.telemetry)?;
    worker.enroll().context("nothing was sent")
}

/// What is known now, and what happens next.
fn describe(bootstrap: &Bootstrap, enrolled: &Enrolled, path: &Path) -> String {
    let id = enrolled
        .id
        .map_or_else(|| "none yet".to_owned(), |id| id.to_string());
    let lines = [
        ("server", bootstrap.url.clone()),
        ("organization", bootstrap.organization.to_string()),
        ("configuration", path.display().to_string()),
        ("system id", id),
        ("state", state(enrolled).to_owned()),
        ("words", enrolled.public_key.fingerprint().words()),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<15}{value}");
    }
    if enrolled.trouble.is_none() {
        text += &next(enrolled.standing);
    }
    text
}

fn state(enrolled: &Enrolled) -> &'static str {
    match enrolled.standing {
        Standing::Unregistered => "Not registered",
        Standing::Pending => "Pending",
        Standing::Active if enrolled.trouble.is_some() => "Not confirmed",
        Standing::Active => "Active",
        Standing::Denied => "Denied by an administrator",
        Standing::Revoked => "Revoked by an administrator",
        Standing::Quarantined => "Quarantined: another machine uses this identity",
    }
}

fn next(standing: Standing) -> String {
    let start = format!(
        "{} (or, in the foreground, scmclient run).",
        service::HOW_TO_START
    );
    match standing {
        Standing::Pending => {
            format!("\nNext: compare these words in the console and approve.\nStart the agent: {start}")
        }
        Standing::Active => format!("\nNext: start the agent: {start}"),
        _ => String::new(),
    }
}

/// What a person can do about it.
fn advice(enrolled: &Enrolled, path: &Path) -> String {
    let kept = format!("the configuration is kept as {}", path.display());
    match enrolled.standing {
        Standing::Denied | Standing::Revoked | Standing::Quarantined => {
            format!("{kept}; an administrator can restore this machine")
        }
        _ => format!(
            "{kept}: once the cause is gone, run this again or start the agent; \
             with another bootstrap string, add --force"
        ),
    }
}
