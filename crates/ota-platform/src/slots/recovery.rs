//! The recovery slot: written by hand, never by an update.

use super::DeviceSlots;
use async_trait::async_trait;
use ota_core::{Bundle, BySlot, Clearance, FailureCode, ROOT_CLASS, Running, SlotId, WriteGate};
use ota_engine::ports::{ImageSource, Meter, RecoverySlot, Slots, StepError};
use raucb::Policy;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// The place that stands for it among the slots of the one writer, which knows two.
const PLACE: SlotId = SlotId::A;

/// One more place for a system, through the same writer and reader as the others.
#[derive(Debug, Clone)]
pub struct DeviceRecoverySlot {
    slots: DeviceSlots,
    running: Running,
}

impl DeviceRecoverySlot {
    /// `root`: file or block device, which must be none of `others` under another name. `running`: what this system was started from.
    #[must_use]
    pub fn new(root: PathBuf, others: &BySlot<PathBuf>, running: Running, policy: Policy) -> Self {
        let place = BTreeMap::from([(ROOT_CLASS.to_owned(), root)]);
        // In the place of what runs: the writer refuses what is one of them.
        let others = SlotId::ALL.map(|slot| (slot.to_string(), others.get(slot).clone()));
        let places = BySlot { a: place, b: BTreeMap::from(others) };
        Self { slots: DeviceSlots::seen_from(PLACE.other(), places, policy), running }
    }
}

#[async_trait]
impl RecoverySlot for DeviceRecoverySlot {
    async fn check_fit(&self, bundle: &Bundle) -> Result<(), StepError> {
        if self.running == Running::Recovery {
            let message = "The gateway runs from its recovery slot, which is never overwritten then.";
            return Err(StepError::failed(FailureCode::RecoveryFailed, message, "the recovery slot runs"));
        }
        self.slots.check_fit(PLACE, bundle).await.map_err(in_own_words)
    }

    async fn write(
        &self,
        source: PathBuf,
        bundle: &Bundle,
        clearance: Clearance<WriteGate>,
        cancel: &CancellationToken,
    ) -> Result<(), StepError> {
        self.check_fit(bundle).await?;
        let (source, meter) = (ImageSource::Bundle(source), Meter::default());
        let written = self.slots.write(PLACE, source, bundle, clearance, &meter, cancel).await;
        written.map_err(in_own_words)?;
        let compared = self.slots.read_back(PLACE, bundle, &meter, cancel).await;
        compared.map(drop).map_err(in_own_words)
    }
}

/// The writer speaks of the slot that this one stands for.
fn in_own_words(error: StepError) -> StepError {
    let Some(failure) = error.failure() else { return error };
    let message = match failure.code {
        FailureCode::InsufficientSpace => {
            "The image does not fit into the recovery slot. Build a smaller one."
        }
        FailureCode::InvalidImage => "The image cannot be written into the recovery slot of this gateway.",
        _ => "The recovery slot could not be written. Check its storage.",
    };
    let code = match failure.code {
        FailureCode::InstallFailed => FailureCode::RecoveryFailed,
        code => code,
    };
    StepError::failed(code, message, error)
}
