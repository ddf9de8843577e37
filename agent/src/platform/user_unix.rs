//! Users of this machine, and acting as one of them.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Another user, and the group that its files get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    uid: u32,
    gid: u32,
}

/// Whom a folder belongs to, where that is someone else and this process may act for everyone (root): the user that the
/// agent's service runs as.
pub fn owner_to_act_for(folder: &Path) -> Option<User> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let metadata = std::fs::symlink_metadata(folder).ok()?;
    let theirs = metadata.is_dir() && metadata.uid() != 0;
    theirs.then(|| User {
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}

/// Runs the command with that user's rights alone: root's groups are given up as well.
pub fn act_as(command: &mut Command, user: User) {
    command.uid(user.uid).gid(user.gid);
}

/// Gives a file to that user's group, which may read it; it stays with its owner.
///
/// # Errors
/// As the operating system says.
pub fn let_group_read(path: &Path, user: User) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::os::unix::fs::chown(path, None, Some(user.gid))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640))
}

/// Whether a file that holds a secret can be read by more than its owner and the group of the user that `folder` belongs to.
pub fn is_widely_readable(file: &Path, folder: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(file) else {
        return false;
    };
    let service = std::fs::metadata(folder).map(|folder| folder.gid());
    let known_group = service.is_ok_and(|group| group == metadata.gid());
    metadata.mode() & 0o007 != 0 || (metadata.mode() & 0o070 != 0 && !known_group)
}
