//! The command line.

use crate::config::{self, ConfigError, Context};
use clap::Parser;
use std::path::PathBuf;

/// OpenSCM's console: manages a fleet of machines from a terminal.
#[derive(Debug, Parser)]
#[command(name = "scmtui", version, about)]
pub struct Args {
    /// Address of the server, for example `https://scm.example:8443`
    #[arg(long, env = "SCMTUI_SERVER", value_name = "URL", conflicts_with = "context")]
    pub server: Option<String>,
    /// PEM file with the certificate authorities to trust instead of the system's
    #[arg(long, env = "SCMTUI_CA_FILE", value_name = "PATH")]
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of the certificate authority to trust, 64 hex digits
    #[arg(long, env = "SCMTUI_CA_PIN", value_name = "HEX")]
    pub ca_pin: Option<String>,
    /// Log in with the local administrator token in this file
    #[arg(long, env = "SCMTUI_LOCAL_ADMIN_TOKEN", value_name = "FILE")]
    pub local_admin_token: Option<PathBuf>,
    /// Change nothing, whatever the role allows
    #[arg(long, env = "SCMTUI_READ_ONLY")]
    pub read_only: bool,
    /// Draw with ASCII characters only
    #[arg(long, env = "SCMTUI_ASCII")]
    pub ascii: bool,
    /// Server of that name from the configuration file
    #[arg(long, env = "SCMTUI_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
    /// Configuration file [default: $XDG_CONFIG_HOME/openscm/scmtui.config]
    #[arg(long, env = "SCMTUI_CONFIG", value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Log file [default: $XDG_STATE_HOME/openscm/scmtui.log]
    #[arg(long, env = "SCMTUI_LOG_FILE", value_name = "PATH")]
    pub log_file: Option<PathBuf>,
}

impl Args {
    /// Every server that can be chosen and the one to begin with. `default_config` is read where it exists.
    ///
    /// # Errors
    /// [`ConfigError`] with what is wrong and where.
    pub fn contexts(&self, default_config: Option<PathBuf>) -> Result<(Vec<Context>, usize), ConfigError> {
        let path = self
            .config
            .clone()
            .or(default_config.filter(|path| path.exists()));
        let mut contexts = path.map_or(Ok(Vec::new()), |path| config::read_contexts(&path))?;
        let chosen = self.choose(&mut contexts)?;
        let context = &mut contexts[chosen];
        if self.ca_file.is_some() || self.ca_pin.is_some() {
            context.trust = config::trust(self.ca_file.clone(), self.ca_pin.as_deref())?;
        }
        if self.local_admin_token.is_some() {
            context.token_file.clone_from(&self.local_admin_token);
        }
        for context in &mut contexts {
            context.read_only |= self.read_only;
        }
        Ok((contexts, chosen))
    }

    fn choose(&self, contexts: &mut Vec<Context>) -> Result<usize, ConfigError> {
        if let Some(url) = &self.server {
            let url = config::server_url(url)?;
            let name = url.trim_start_matches("https://").to_owned();
            let trust = scm_tls::Trust::System;
            contexts.insert(
                0,
                Context {
                    name,
                    url,
                    trust,
                    token_file: None,
                    read_only: false,
                    production: false,
                    organization: None,
                    ssh_key: None,
                },
            );
        } else if let Some(wanted) = &self.context {
            let known = contexts
                .iter()
                .map(|context| context.name.as_str())
                .collect::<Vec<_>>()
                .join(", ");
            return contexts
                .iter()
                .position(|context| context.name == *wanted)
                .ok_or_else(|| ConfigError::UnknownContext {
                    wanted: wanted.clone(),
                    known,
                });
        } else if contexts.is_empty() {
            contexts.push(config::local_context());
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_the_command_line_is_the_first_choice() {
        let args = Args::parse_from([
            "scmtui",
            "--server",
            "https://a.example:1/",
            "--ca-file",
            "/ca.pem",
            "--read-only",
        ]);
        let (contexts, chosen) = args.contexts(None).unwrap();
        assert_eq!(
            (contexts[chosen].name.as_str(), contexts[chosen].read_only),
            ("a.example:1", true)
        );
        assert_eq!(contexts[chosen].trust, scm_tls::Trust::CaFile("/ca.pem".into()));
    }

    #[test]
    fn without_anything_the_local_server_is_tried() {
        let (contexts, chosen) = Args::parse_from(["scmtui"]).contexts(None).unwrap();
        assert_eq!(contexts[chosen].url, config::LOCAL_URL);
    }

    #[test]
    fn an_unknown_context_is_refused_with_the_known_ones() {
        let args = Args::parse_from(["scmtui", "--context", "x"]);
        assert!(args.contexts(None).unwrap_err().to_string().contains("`x`"));
    }
}
