//! The wire contract of Gateway OTA.
//!
//! Every body that a client sends or receives is declared here, and nothing else is serialized to clients. Field names and
//! shapes are those of the published interface; fields that it does not show are additions and say so. Machine-readable
//! twins (`size_bytes`) stand beside human strings (`size`).

pub mod audit;
pub mod auth;
pub mod debug;
pub mod envelope;
pub mod human;
pub mod monitor;
pub mod page;
pub mod recovery;
pub mod routes;
pub mod safety;
pub mod settings;
pub mod snapshot;
pub mod status;
pub mod updates;
pub mod upload;
pub mod ws;

/// The words that bodies are made of; clients need no other crate for them.
pub use ota_core::{
    AutoUpdate, CheckKind, CheckState, ConstraintState, MaintenanceWindow, Schedule, Severity, SlotHealth,
    SlotId, Strategy, UpdateKind, Weekday,
};
/// The update settings, and changes of them, have the same shape on the wire and in the domain.
pub use ota_core::{AutoUpdatePatch, MaintenanceWindowPatch, Settings, SettingsPatch};

pub use envelope::{ApiError, ApiResult, ErrorBody, ErrorCode, Reply};
