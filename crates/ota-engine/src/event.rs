//! What the engine tells whoever listens.

use ota_core::Assessment;
use std::sync::Arc;

use crate::{JobView, ports::LogEntry};

/// One message of the event bus.
#[derive(Debug, Clone)]
pub enum Event {
    /// The shown job moved on.
    Progress(Arc<JobView>),
    /// Load figures, or the word for what the system does, have changed.
    System,
    Log(LogEntry),
    /// A constraint has changed.
    Safety(Assessment),
    /// A part of the snapshot is no longer what it was.
    Changed(Change),
}

/// A part of the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    Status,
    Updates,
    Settings,
    /// What the gateway is going to do by itself.
    Outlook,
    Safety,
    Recovery,
    Uploads,
    Debug,
}
