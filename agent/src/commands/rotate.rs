//! `scmclient rotate`: leaves the wish for another key, which the agent fulfils.
//!
//! The command itself holds no key and talks to nobody: the agent, which owns the state folder, makes the key at its next
//! contact, or after its next start. So it works the same whether the agent runs or not, and never gets in its way.

use super::print;
use crate::config;
use crate::identity::StateFolder;
use anyhow::ensure;
use std::path::Path;

/// Leaves the wish for every server.
pub(super) fn rotate(path: &Path) -> anyhow::Result<()> {
    let config = config::load(path)?;
    let folder = StateFolder::peek(&config.state_folder);
    let mut asked = 0;
    for server in &config.servers {
        let registered = folder.read(&server.tag.file("client", "id"))?.is_some();
        let known = folder.read(&server.tag.file("server", "pub"))?.is_some();
        if registered && known {
            folder.leave_wish(&server.tag.file("client", "rotate"))?;
            asked += 1;
        }
    }
    ensure!(
        asked > 0,
        "this machine is active with no server: there is no key to replace"
    );
    let when = if folder.is_held() {
        "at its next contact"
    } else {
        "when it is started"
    };
    print(&format!(
        "the agent makes another key {when}; `scmclient status` then shows other words"
    ))
}
