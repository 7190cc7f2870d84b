use async_trait::async_trait;
use ota_core::{AuditHead, BySlot, Job, SlotRecord};
use serde::{Deserialize, Serialize};

use super::StepError;

/// An order to reset the gateway's data at its next start, before the service runs. It holds all that has to outlive the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetOrder {
    /// The factory reset.
    pub job: Job,
    /// The boot in which it was given: it is carried out in a later one.
    pub boot_id: String,
    /// Where the audit log stood when it was given.
    pub audit: AuditHead,
    /// What is in the slots.
    pub slots: BySlot<Option<SlotRecord>>,
    /// What is in the recovery slot. An older release does not know it.
    #[serde(default)]
    pub recovery: Option<SlotRecord>,
}

/// Where the order waits for the next start.
#[async_trait]
pub trait ResetOrders: Send + Sync {
    /// Makes the order durable. One that is there is replaced.
    async fn place(&self, order: &ResetOrder) -> Result<(), StepError>;

    /// Takes the order back, durably; nothing happens where there is none.
    async fn withdraw(&self) -> Result<(), StepError>;
}
