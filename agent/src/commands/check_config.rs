//! `scmclient check-config`: everything that a start would refuse, without a start.

use super::print;
use crate::actions::{Offer, protected};
use crate::config;
use crate::wire::Client;
use std::path::Path;

/// Checks the file, and that what it points to can be used; contacts nobody.
pub(super) fn check_config(path: &Path) -> anyhow::Result<()> {
    let config = config::load(path)?;
    for server in &config.servers {
        Client::new(server, config.proxy.as_ref()).map_err(anyhow::Error::msg)?;
    }
    for warning in &config.warnings {
        eprintln!("scmclient: warning: {warning}");
    }
    let offer = Offer::new(config.actions, protected(path, &config.state_folder));
    for (name, refused) in offer.refused() {
        eprintln!("scmclient: warning: action `{name}` is not offered: {refused}");
    }
    print(&format!("{}: fine", path.display()))
}
