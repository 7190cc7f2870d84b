//! What the page carries in itself, so that it needs no request before the first interaction.

use serde::{Deserialize, Serialize};

use crate::{
    Settings,
    auth::Role,
    debug::DebugBundles,
    monitor::{LogLine, Monitor, Progress},
    recovery::Recovery,
    safety::Safety,
    status::Status,
    updates::{CheckSummary, Update},
    upload::Uploads,
};

/// Everything that the first paint shows. Each member is one `data-` attribute of `#app`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageData {
    /// `data-system`: the data of `GET status`.
    pub system: Status,
    /// `data-updates`: the array of `GET updates`.
    pub updates: Vec<Update>,
    /// `data-settings`.
    pub settings: Settings,
    /// `data-safety`.
    pub safety: Safety,
    /// `data-live`: what the published four do not carry.
    pub live: LiveData,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveData {
    pub username: String,
    pub role: Role,
    /// A notice that the operator's configuration puts on top of the page.
    pub notice: Option<String>,
    pub check: CheckSummary,
    pub monitor: Monitor,
    /// The running job, or the last one that ended.
    pub job: Option<Progress>,
    pub logs: Vec<LogLine>,
    pub recovery: Recovery,
    pub uploads: Uploads,
    pub debug: DebugBundles,
    /// `seq` of the newest event that the page knows of: it listens from there.
    pub heard: u64,
}
