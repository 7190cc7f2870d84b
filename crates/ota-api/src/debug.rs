//! Section 1: debug bundles.

use serde::{Deserialize, Serialize};

/// `POST debug-bundle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugBundleStarted {
    /// `debug-20250315-001`.
    pub bundle_id: String,
    /// `creating`.
    pub status: String,
    /// `150 MB`: measured from what goes into it.
    pub estimated_size: String,
    pub download_url: String,
    /// Addition.
    pub progress_url: String,
}

/// `GET debug-bundle` (an addition): the bundle that is being made or can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugBundle {
    pub bundle_id: String,
    /// `creating`, `completed` or `failed`.
    pub status: String,
    pub size: String,
    pub size_bytes: u64,
    pub created_at: String,
    /// When the gateway removes it, UTC.
    pub expires_at: String,
    pub download_url: String,
    /// Why there is none; null otherwise.
    pub error: Option<String>,
}

/// The newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebugBundles {
    pub bundles: Vec<DebugBundle>,
}
