//! Login (an addition to the published interface).

use serde::{Deserialize, Serialize};

pub use ota_core::Role;

/// `POST /api/v1/auth/login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    pub username: String,
    pub password: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedIn {
    /// For `Authorization: Bearer` and the WebSocket; the same session is in the cookie.
    pub token: String,
    /// UTC.
    pub expires_at: String,
    pub username: String,
    pub role: Role,
}
