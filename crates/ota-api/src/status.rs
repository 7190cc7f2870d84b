//! Section 1: the gateway and its slots.

use ota_core::{ComponentPlace, SlotHealth, SlotId, Strategy};
use serde::{Deserialize, Serialize};

/// `GET status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Status {
    pub gateway: Gateway,
    pub partitions: Partitions,
    /// Addition: how updates can be installed.
    pub strategies: Vec<StrategyOffer>,
    /// Addition: what is updated beside the system, one at a time.
    #[serde(default)]
    pub components: Vec<Component>,
}

/// One way in which images reach the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StrategyOffer {
    pub strategy: Strategy,
    /// Why it cannot be used now; null when it can.
    pub refused: Option<String>,
}

/// A component that is updated beside the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Component {
    pub name: String,
    /// Of what is current; null where nothing is.
    pub version: Option<String>,
    /// The place that is current: `a` or `b`.
    pub place: Option<ComponentPlace>,
    pub installed_at: Option<String>,
    /// The version in the other place, where it could take over.
    pub former_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Gateway {
    /// Addition: the id that `X-Gateway-ID` must carry.
    pub id: String,
    pub model: String,
    pub os_version: String,
    pub kernel: String,
    /// `19d 3h 12m`.
    pub uptime: String,
    pub uptime_seconds: u64,
    pub bootloader: String,
    /// UTC: when an update was last committed, or the gateway provisioned; null where neither is known.
    pub last_ota: Option<String>,
    /// Addition: neither slot starts, and the recovery system runs.
    pub in_recovery: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Partitions {
    pub active: Partition,
    pub inactive: Partition,
    pub auto_rollback: bool,
    /// Boots that a new system gets to prove itself.
    pub rollback_retries: u8,
}

/// One slot. `booted` and `next_boot` are given for both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Partition {
    pub id: SlotId,
    pub version: String,
    pub status: SlotHealth,
    /// `8GB`.
    pub size: String,
    pub used: String,
    pub size_bytes: u64,
    pub used_bytes: u64,
    pub booted: bool,
    /// From the boot environment: the next reset starts this slot.
    pub next_boot: bool,
    /// Addition: boots that the boot loader will still try.
    pub tries_left: u8,
    pub kernel: String,
    pub installed_at: Option<String>,
}

/// `POST reboot` (an addition).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RebootRequest {
    /// Recorded in the log.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RebootStarted {
    /// `rebooting`.
    pub status: String,
    /// The job that waits for this restart, if one does.
    pub job_id: Option<String>,
    /// The slot that starts next.
    pub next_boot_partition: Option<SlotId>,
}
