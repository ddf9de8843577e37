//! The local administrator token: new at each boot, in a file that only the server's user and root can read.

use super::secret::{LOCAL_ADMIN_PREFIX, SecretHash, token};
use super::{Credential, Principal};
use crate::error::Error;
use crate::private_file;
use scm_protocol::auth::Role;
use scm_protocol::ids::UnixMillis;
use scm_protocol::users::LOCAL_ADMIN;
use std::path::Path;
use subtle::ConstantTimeEq;

/// How long the token is good: until the next boot. A session wants an end, so it is named far away.
const FAR_MS: i64 = 365 * 86_400_000;

/// The token of this boot, by its hash.
#[derive(Debug)]
pub struct LocalAdmin {
    hash: SecretHash,
    organization_id: i64,
}

impl LocalAdmin {
    /// Makes a token and writes it to `path` (0600); the one of the boot before is worthless from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(path: &Path, organization_id: i64) -> Result<Self, Error> {
        let token = token(LOCAL_ADMIN_PREFIX)?;
        private_file::replace(path, format!("{token}\n").as_bytes())
            .map_err(|error| Error::internal(format!("writing {}: {error}", path.display())))?;
        Ok(LocalAdmin {
            hash: SecretHash::of(&token),
            organization_id,
        })
    }

    /// Whether this is the token.
    pub(super) fn is(&self, token: &str) -> bool {
        token.starts_with(LOCAL_ADMIN_PREFIX)
            && bool::from(SecretHash::of(token).as_bytes().ct_eq(self.hash.as_bytes()))
    }

    /// Whoever holds it.
    pub(super) fn principal(&self, now: UnixMillis) -> Principal {
        Principal {
            user_id: None,
            username: LOCAL_ADMIN.to_owned(),
            role: Role::Owner,
            organization_id: self.organization_id,
            credential: Credential::LocalAdmin,
            expires: now.plus(FAR_MS),
        }
    }
}
