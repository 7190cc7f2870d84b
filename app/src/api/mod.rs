//! The REST routes, each one a server function: the browser calls it as a function, everybody else as HTTP.
//!
//! A body is short because it only names the use case; what goes over the wire is made in [`convert`].

mod audit;
mod client;
#[cfg(feature = "ssr")]
mod context;
#[cfg(feature = "ssr")]
pub mod convert;
mod monitor;
mod recovery;
mod rest;
mod safety;
mod settings;
mod snapshot;
mod status;
mod strict_json;
mod updates;
mod upload;

pub use audit::{GetAudit, get_audit};
pub use client::GatewayClient;
#[cfg(feature = "hydrate")]
pub(crate) use client::gateway_id;
#[cfg(feature = "ssr")]
pub use context::RequestContext;
#[cfg(feature = "ssr")]
pub use convert::{page_data, server_message};
pub use monitor::{
    Cancel, GetLogs, GetMonitor, GetProgress, Install, cancel, get_logs, get_monitor, get_progress, install,
};
pub use recovery::{GetRecovery, Restore, Rollback, get_recovery, restore, rollback};
pub use rest::Rest;
pub use safety::{GetSafety, OverrideSafety, get_safety, override_safety};
pub use settings::{GetSettings, get_settings};
pub use snapshot::{CreateSnapshot, DeleteSnapshot, create_snapshot, delete_snapshot};
pub use status::{GetStatus, OrderReboot, get_status, order_reboot};
pub use strict_json::{StrictJson, StrictJsonEncoding};
pub use updates::{CheckUpdates, GetUpdates, StartDownload, check_updates, get_updates, start_download};
pub use upload::{Deploy, GetUploads, deploy, get_uploads};
