use async_trait::async_trait;
use ota_core::{AuditHead, BySlot, Job, SlotRecord, SlotWork};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::StepError;

/// What is to be done in the next start of the gateway, before the service runs.
#[derive(Debug, Clone, PartialEq)]
pub enum BootOrder {
    Reset(Box<ResetOrder>),
    Slot(Box<SlotOrder>),
}

/// An order to reset the gateway's data. It holds all that has to outlive the data.
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

/// An order to write the slot that ran when it was given, before it is mounted. It stays until its job has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotOrder {
    /// The update in place: what is installed, where, and the snapshot that is the way back.
    pub job: Job,
    /// The boot in which it was given: it is carried out in a later one.
    pub boot_id: String,
    /// File of the bundle. Below the data directory it is told from there on: that may be mounted elsewhere then.
    pub bundle: PathBuf,
    /// What the slot held when the order was given.
    pub former: SlotRecord,
    #[serde(flatten)]
    pub work: SlotWork,
}

/// Where orders wait for the next start. There is one of each kind at most.
#[async_trait]
pub trait BootOrders: Send + Sync {
    /// Makes the order durable. One of its kind that is there is replaced.
    async fn place(&self, order: &BootOrder) -> Result<(), StepError>;

    /// Takes the order of the job's kind back, durably; nothing happens where there is none.
    async fn withdraw(&self, job: &Job) -> Result<(), StepError>;

    /// The order to write a slot, as far as starts have come with it.
    async fn slot_order(&self) -> Result<Option<SlotOrder>, StepError>;

    /// The last boot in which orders were looked for before the slot was mounted.
    async fn looked_in(&self) -> Result<Option<String>, StepError>;
}
