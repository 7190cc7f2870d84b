//! Messages of the live feed: frames of the WebSocket, and the data of server-sent events.

use serde::{Deserialize, Serialize};

use crate::{
    monitor::{LogLine, Progress},
    safety::Constraint,
};

/// A message and its place in the feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeedMessage {
    #[serde(flatten)]
    pub message: ServerMessage,
    /// Addition: the number of the newest event that this message knows of. It never goes back while the service runs.
    pub seq: u64,
}

/// What the gateway sends.
#[expect(clippy::large_enum_variant, reason = "a message lives no longer than its sending")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    UpdateProgress(UpdateProgress),
    SystemStatus(SystemStatus),
    LogEntry(LogLine),
    SafetyUpdate {
        constraint: String,
        status: String,
        blocking: bool,
        /// `hh:mm:ss`; null when nobody can say.
        estimated_clear: Option<String>,
        /// Addition for those who ask for them: the constraint as `GET safety` shows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        current: Option<Constraint>,
    },
    /// Addition: something that the page shows has changed; read it again.
    Changed {
        what: Topic,
    },
    /// Addition: events were missed; everything is to be read again, and the log from where it was known.
    Resync {
        /// The last event that was not missed; null when the gateway cannot tell.
        after: Option<u64>,
    },
}

impl ServerMessage {
    /// Without what was added to the published members: for those who have not asked for it.
    #[must_use]
    pub fn published(mut self) -> Self {
        match &mut self {
            Self::UpdateProgress(update) => update.job = None,
            Self::LogEntry(line) => line.id = None,
            Self::SafetyUpdate { current, .. } => *current = None,
            Self::SystemStatus(_) | Self::Changed { .. } | Self::Resync { .. } => {}
        }
        self
    }

    /// The word in `type`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::UpdateProgress(_) => "update_progress",
            Self::SystemStatus(_) => "system_status",
            Self::LogEntry(_) => "log_entry",
            Self::SafetyUpdate { .. } => "safety_update",
            Self::Changed { .. } => "changed",
            Self::Resync { .. } => "resync",
        }
    }
}

/// A part of the page's data that is read again on change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Status,
    Updates,
    Settings,
    /// What the gateway is going to do by itself: part of `GET monitor` and `GET updates`.
    Outlook,
    Safety,
    /// Snapshots, kept bundles, recovery image.
    Recovery,
    /// Verified images.
    Uploads,
    /// Debug bundles.
    Debug,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateProgress {
    pub job_id: String,
    pub status: String,
    pub progress: f64,
    pub current_operation: String,
    pub speed: String,
    /// `hh:mm:ss`; null when unknown.
    pub eta: Option<String>,
    pub timestamp: String,
    /// Addition for those who ask for them: the whole answer of `GET progress`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Progress>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SystemStatus {
    pub status: String,
    pub current_operation: String,
    pub progress: f64,
    pub resources: LiveResources,
    pub timestamp: String,
}

/// Both in percent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LiveResources {
    pub cpu_usage: f64,
    pub memory_usage: f64,
}

/// What a client sends: the first frame, when it has no cookie.
#[derive(Clone, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    Auth { token: String },
}
