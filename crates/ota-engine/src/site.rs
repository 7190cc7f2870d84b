//! What an engine is made of.

use jiff::tz::TimeZoneDatabase;
use ota_core::{ConstraintId, OverridePolicy};
use std::{sync::Arc, time::Duration};

use crate::ports::{
    BootEnvironment, BootOrders, Bundles, Clock, Components, DebugBundles, Fetcher, HealthCheck, KeptBundles,
    PinStore, Reboot, RecoverySlot, Repository, SecretCheck, Sensors, Slots, Snapshots, Store, Telemetry,
    Uploads,
};

/// The gateway as its configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// For example `GW-3920A9`.
    pub id: String,
    /// Model; bundles name it as `compatible`.
    pub model: String,
    pub bootloader: String,
    /// IANA name.
    pub time_zone: String,
    /// Shown on top of the page.
    pub notice: Option<String>,
    /// Boots that a new system gets to prove itself.
    pub rollback_retries: u8,
    /// The oldest version that may be installed.
    pub version_floor: Option<String>,
    /// Time between two checks for updates where the settings say nothing else. None: nobody checks by a timer.
    pub check_interval: Option<Duration>,
    /// How long the machine must have stood still before arming and restart.
    pub clear_for: Duration,
    /// How old a proof of an untouched slot may be that a rollback relies on.
    pub scrub_interval: Duration,
    /// Constraints and whether each is enabled.
    pub constraints: Vec<(ConstraintId, bool)>,
    /// What may be overridden, by how many people and for how long.
    pub overrides: OverridePolicy,
}

/// The adapters behind the ports, and the site.
#[derive(Clone)]
pub struct Parts {
    pub site: Arc<Site>,
    pub clock: Arc<dyn Clock>,
    /// The time zones that settings may name.
    pub zones: TimeZoneDatabase,
    pub store: Arc<dyn Store>,
    pub pins: Arc<dyn PinStore>,
    pub secrets: Arc<dyn SecretCheck>,
    pub repository: Arc<dyn Repository>,
    pub fetcher: Arc<dyn Fetcher>,
    pub bundles: Arc<dyn Bundles>,
    pub slots: Arc<dyn Slots>,
    pub snapshots: Arc<dyn Snapshots>,
    pub kept: Arc<dyn KeptBundles>,
    /// The recovery image: at most one.
    pub recovery: Arc<dyn KeptBundles>,
    /// What the next start is to do before the service runs.
    pub orders: Arc<dyn BootOrders>,
    pub components: Arc<dyn Components>,
    /// None where the gateway has no slot for a recovery system.
    pub recovery_slot: Option<Arc<dyn RecoverySlot>>,
    pub uploads: Arc<dyn Uploads>,
    pub debug: Arc<dyn DebugBundles>,
    pub boot: Arc<dyn BootEnvironment>,
    pub reboot: Arc<dyn Reboot>,
    pub sensors: Arc<dyn Sensors>,
    pub telemetry: Arc<dyn Telemetry>,
    pub health: Vec<Arc<dyn HealthCheck>>,
}
