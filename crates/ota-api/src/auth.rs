//! Login (an addition to the published interface).

use serde::{Deserialize, Serialize};

pub use ota_core::Role;

/// `POST /api/v1/auth/login`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    pub username: String,
    pub password: String,
}

/// `POST /api/v1/auth/setup`: only while nobody can log in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// As the console of the gateway shows it.
    pub claim_token: String,
    /// Becomes the first administrator.
    pub username: String,
    pub password: String,
    /// Six digits or more.
    pub override_pin: String,
    /// Six digits or more, another one.
    pub factory_pin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetUp {
    pub username: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedIn {
    /// For `Authorization: Bearer` and the WebSocket; the same session is in the cookie.
    pub token: String,
    /// UTC.
    pub expires_at: String,
    pub username: String,
    pub role: Role,
}

/// `POST /api/v1/auth/logout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoggedOut {
    /// Always true.
    pub logged_out: bool,
}
