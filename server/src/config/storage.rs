//! What is kept beside the database, and how much of it.

use serde::{Deserialize, Serialize};

/// Images that people bring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uploads {
    /// How long a verified image is kept.
    pub keep_hours: u32,
    /// Of one image.
    pub longest_megabytes: u64,
    /// Of all images together.
    pub quota_megabytes: u64,
    /// A sender that is silent for so long has gone away.
    pub idle_seconds: u64,
    /// How long an interrupted upload waits for its rest.
    pub unfinished_hours: u32,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            keep_hours: 72,
            longest_megabytes: 8_000,
            quota_megabytes: 16_000,
            idle_seconds: 60,
            unfinished_hours: 24,
        }
    }
}

/// Debug bundles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Debug {
    /// How long one is kept.
    pub keep_hours: u32,
    /// Bundles that stay; older ones go when a new one has been made.
    pub keep: u32,
}

impl Default for Debug {
    fn default() -> Self {
        Self { keep_hours: 24, keep: 3 }
    }
}

/// Snapshots of slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Snapshots {
    /// Snapshots that stay; older ones go when a new one has been taken.
    pub keep: u32,
    /// Bytes of the disk that they may take together.
    pub most_megabytes: u64,
    /// Bytes of the disk that no snapshot may use.
    pub keep_free_megabytes: u64,
}

impl Default for Snapshots {
    fn default() -> Self {
        Self { keep: 8, most_megabytes: 16_000, keep_free_megabytes: 64 }
    }
}

/// Bundles that were installed, kept for a restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bundles {
    /// Bundles that stay.
    pub keep: u32,
}

impl Default for Bundles {
    fn default() -> Self {
        Self { keep: 3 }
    }
}
