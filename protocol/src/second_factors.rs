//! The second factor: one-time codes by time (RFC 6238: SHA-1, six digits, 30 s) and recovery codes.

use crate::ids::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many recovery codes are made at once.
pub const RECOVERY_CODES: usize = 10;

/// A half of a login: the first factor held, the second is still to come. Status 202 instead of 201.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorRequired {
    /// Always `second_factor_required`.
    pub code: String,
    /// Goes into [`SecondFactorLogin`]; good for nothing else.
    pub half_session: String,
    /// When it is over.
    pub expires_ms: UnixMillis,
}

/// The code of [`SecondFactorRequired`].
pub const SECOND_FACTOR_REQUIRED: &str = "second_factor_required";

/// Code of the 401 that says that half of a login is over: it begins anew with the first factor.
pub const LOGIN_OVER: &str = "login_over";

/// `POST /api/v1/sessions/second-factor`. Answered with [`crate::auth::LoginReply`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorLogin {
    /// From [`SecondFactorRequired`].
    pub half_session: String,
    /// Six digits, or a recovery code.
    pub code: String,
}

/// `POST /api/v1/account/second-factor`. Answered with [`SecondFactorSecret`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrollSecondFactor {
    /// The password, where there is one: whoever found an open console shall not change how its user logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A new seed, shown once; it counts from its confirmation on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorSecret {
    /// The seed in base32, for typing.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub url: String,
}

/// `POST /api/v1/account/second-factor/confirm` and `…/disable`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorCode {
    /// Six digits; to disable it, a recovery code as well.
    pub code: String,
}

/// Recovery codes, shown once; each is good for one login.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub codes: Vec<String>,
}
