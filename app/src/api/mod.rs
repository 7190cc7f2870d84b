//! The REST routes, each one a server function: the browser calls it as a function, everybody else as HTTP.
//!
//! A body is short because it only names the use case; what goes over the wire is made in [`convert`].

mod audit;
#[cfg(feature = "hydrate")]
mod client;
#[cfg(feature = "ssr")]
mod context;
#[cfg(feature = "ssr")]
pub mod convert;
mod debug;
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

use ota_api::ApiError;
use std::{future::Future, pin::Pin};

/// The gateway's sentence about an order that it has taken.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Result<String, ApiError>> + Send>>;

/// Orders are given in the browser.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn order<F>(_: &F) -> Answer {
    Box::pin(std::future::pending())
}

/// Orders are given in the browser.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn order_if<F>(_: &F, _: &str) -> Answer {
    Box::pin(std::future::pending())
}

pub use audit::{GetAudit, get_audit};
#[cfg(feature = "hydrate")]
pub(crate) use client::{gateway_id, order, order_if};
#[cfg(feature = "ssr")]
pub use context::RequestContext;
#[cfg(feature = "ssr")]
pub use convert::{page_data, server_message};
pub use debug::{CreateDebugBundle, GetDebugBundles, create_debug_bundle, get_debug_bundles};
pub use monitor::{
    Cancel, GetLogs, GetMonitor, GetProgress, Install, cancel, get_logs, get_monitor, get_progress, install,
};
pub use recovery::{
    FactoryReset, FinishRecovery, GetRecovery, Restore, Rollback, factory_reset, finish_recovery,
    get_recovery, restore, rollback,
};
pub use rest::Rest;
pub use safety::{GetSafety, OverrideSafety, get_safety, override_safety};
pub use settings::{
    GetSettings, SaveSettings, SwitchAutoUpdate, get_settings, save_settings, switch_auto_update,
};
pub use snapshot::{CreateSnapshot, DeleteSnapshot, create_snapshot, delete_snapshot};
pub use status::{GetStatus, OrderReboot, get_status, order_reboot};
pub use strict_json::{StrictJson, StrictJsonEncoding};
pub use updates::{CheckUpdates, GetUpdates, StartDownload, check_updates, get_updates, start_download};
pub use upload::{Deploy, FinishUpload, GetUploads, deploy, finish_upload, get_uploads};
