//! How the slots stand, from the boot environment, the records and the open jobs.

use ota_core::{BootSelection, BySlot, Failure, InstallStep, Job, JobState, SlotHealth, SlotId, SlotRecord};
use std::sync::Arc;

use crate::{
    Change, Event, Ota, SlotView,
    error::disk_full,
    ports::{ComponentView, StepError, StoreError},
};

impl Ota {
    /// Reads the boot environment, the slots and their records again. `open`: the jobs that have not ended.
    pub(crate) async fn refresh_slots(&self, open: &[Job]) {
        let boot = match self.parts.boot.read().await {
            Ok(boot) => boot,
            Err(error) => {
                tracing::error!(%error, "the boot environment cannot be read");
                return;
            }
        };
        let a = self.view_slot(SlotId::A, &boot, open).await;
        let b = self.view_slot(SlotId::B, &boot, open).await;
        let slots = Arc::new(BySlot { a, b });
        let components = Arc::new(self.view_components().await);
        self.update(|snapshot| {
            snapshot.boot.clone_from(&boot);
            snapshot.slots = Arc::clone(&slots);
            snapshot.components = Arc::clone(&components);
        });
        self.tell(Event::Changed(Change::Status));
    }

    async fn view_components(&self) -> Vec<ComponentView> {
        self.parts.components.list().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the components cannot be looked at");
            Vec::new()
        })
    }

    async fn view_slot(&self, slot: SlotId, boot: &BootSelection, open: &[Job]) -> SlotView {
        let record = self.parts.store.slot_record(slot).await.unwrap_or_else(|error| {
            tracing::error!(%error, %slot, "the slot's record cannot be read");
            None
        });
        let usage = self.parts.slots.usage(slot).await.unwrap_or_else(|error| {
            tracing::error!(%error, %slot, "the slot cannot be looked at");
            crate::ports::SlotUsage::default()
        });
        let health = if self.parts.slots.running().slot() == Some(slot) {
            active_health(slot, boot, record.as_ref(), open)
        } else {
            inactive_health(slot, boot, record.as_ref(), open)
        };
        SlotView { record, usage, health }
    }

    /// Changes `good` in the slot's record, where there is one.
    pub(crate) async fn mark_record(&self, slot: SlotId, good: bool) -> Result<(), StepError> {
        let store = &self.parts.store;
        let changed = async {
            if let Some(mut record) = store.slot_record(slot).await?
                && record.good != good
            {
                record.good = good;
                store.put_slot_record(slot, &record).await?;
            }
            Ok::<_, StoreError>(())
        };
        changed.await.map_err(|error| store_failure(&error))
    }
}

/// A store that fails in the middle of a job.
pub(crate) fn store_failure(error: &StoreError) -> StepError {
    if matches!(error, StoreError::Full(_)) {
        let Failure { code, message } = disk_full();
        return StepError::failed(code, message, error);
    }
    StepError::failed(ota_core::FailureCode::InstallFailed, "The gateway could not save its state.", error)
}

fn active_health(
    slot: SlotId,
    boot: &BootSelection,
    record: Option<&SlotRecord>,
    open: &[Job],
) -> SlotHealth {
    let on_trial = |job: &Job| {
        job.target == slot
            && matches!(
                job.state,
                JobState::Trial { .. } | JobState::Held { at: ota_core::HoldPoint::GoBack { .. }, .. }
            )
    };
    if open.iter().any(on_trial) {
        SlotHealth::Trial
    } else if *boot.left.get(slot) == 0 || record.is_some_and(|record| !record.good) {
        SlotHealth::Degraded
    } else {
        SlotHealth::Healthy
    }
}

fn inactive_health(
    slot: SlotId,
    boot: &BootSelection,
    record: Option<&SlotRecord>,
    open: &[Job],
) -> SlotHealth {
    let writing = |job: &Job| {
        let step = matches!(&job.state, JobState::Installing { step } if *step != InstallStep::Snapshot);
        job.target == slot && job.work.writes_slot() && step
    };
    match record {
        _ if open.iter().any(writing) => SlotHealth::Writing,
        None => SlotHealth::Empty,
        // Proven and waiting to be armed counts as ready, though the boot loader does not know it yet.
        Some(record)
            if record.good && (*boot.left.get(slot) > 0 || open.iter().any(|job| awaits(job, slot))) =>
        {
            SlotHealth::Ready
        }
        Some(_) => SlotHealth::Bad,
    }
}

fn awaits(job: &Job, slot: SlotId) -> bool {
    job.target == slot && matches!(job.state, JobState::AwaitingReboot { .. } | JobState::Held { .. })
}
