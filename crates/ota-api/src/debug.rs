//! Section 1: debug bundles.

use serde::{Deserialize, Serialize};

/// `POST debug-bundle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DebugBundleRequest {
    #[serde(default = "yes")]
    pub include_logs: bool,
    #[serde(default = "yes")]
    pub include_configs: bool,
    #[serde(default = "yes")]
    pub include_metrics: bool,
}

const fn yes() -> bool {
    true
}

/// The answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DebugBundleStarted {
    /// `debug-20250315-001`.
    pub bundle_id: String,
    /// `creating`.
    pub status: String,
    /// `150 MB`: measured from what goes into it.
    pub estimated_size: String,
    pub download_url: String,
}

/// A bundle that is being made, can be downloaded, or came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DebugBundle {
    pub bundle_id: String,
    /// `creating`, `completed` or `failed`.
    pub status: String,
    pub size: String,
    pub size_bytes: u64,
    /// UTC.
    pub created_at: String,
    /// When the gateway removes it, UTC; null while there is nothing to remove.
    pub expires_at: Option<String>,
    /// Null while there is nothing to download.
    pub download_url: Option<String>,
    /// Why there is none; null otherwise.
    pub error: Option<String>,
}

/// `GET debug-bundle` (an addition): newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DebugBundles {
    pub bundles: Vec<DebugBundle>,
}
