//! Jobs of a newer release that this one does not understand: they stay as they are, and people hear of them.
//!
//! Such a job may have put the running system on trial. Then the boot loader counts its tries down, and giving them back would confirm
//! a system of which nobody knows whether it is well. It gets them back when its health checks pass, and not before.

use ota_core::{ForeignJob, Job, JobState, SlotId};
use std::sync::Arc;

use crate::{
    Ota,
    ports::{LogLevel, PermittedChange, StepError},
    slot_view::store_failure,
};

impl Ota {
    pub(super) async fn foreign_jobs(&self) -> Result<Vec<ForeignJob>, StepError> {
        self.parts.store.foreign_jobs().await.map_err(|error| store_failure(&error))
    }

    /// Says which jobs are passed over, and proves the running system where one of them may have it on trial.
    pub(super) async fn pass_over(self: &Arc<Self>, foreign: &[ForeignJob]) {
        for job in foreign {
            let text = format!(
                "{} ({}) is of a newer release of this software and is left as it is: this release does not understand it",
                job.id, job.state
            );
            self.log(LogLevel::Warning, "ota", text).await;
        }
        if let Some(slot) = self.parts.slots.running().slot()
            && may_be_on_trial(foreign, slot)
        {
            self.tasks.spawn(Arc::clone(self).prove_running(slot));
        }
    }

    async fn prove_running(self: Arc<Self>, slot: SlotId) {
        let Some(health) = self.prove_health().await else { return };
        let proven = match health {
            Ok(()) => self.refill_tries(&[]).await.map_err(|error| error.to_string()),
            Err(complaints) => Err(complaints),
        };
        let (level, text) = match proven {
            Ok(()) => (LogLevel::Info, format!("The system in slot {slot} is well and keeps its tries")),
            Err(reason) => {
                let text =
                    format!("The system in slot {slot} may be on trial and is not confirmed: {reason}");
                (LogLevel::Error, text)
            }
        };
        self.log(level, "boot", text).await;
        self.refresh_slots(&self.desk.lock().await).await;
    }

    /// A slot that proved itself before has been started once more: it gets back the try that the boot loader took.
    pub(super) async fn refill_tries(&self, foreign: &[ForeignJob]) -> Result<(), StepError> {
        let tries = self.parts.site.rollback_retries;
        let selection = self.parts.boot.read().await?;
        let Some(booted) = self.parts.slots.running().slot() else {
            if selection.recovery.is_some_and(|left| left < tries) {
                self.parts.boot.commit(PermittedChange::with_recovery(tries)).await?;
            }
            return Ok(());
        };
        if may_be_on_trial(foreign, booted) || self.is_on_trial(booted).await {
            return Ok(());
        }
        let record = self.parts.store.slot_record(booted).await.map_err(|error| store_failure(&error))?;
        let left = *selection.left.get(booted);
        if left < tries && record.is_none_or(|record| record.good) {
            self.parts.boot.commit(PermittedChange::mark_good(booted, tries)).await?;
        }
        Ok(())
    }

    async fn is_on_trial(&self, booted: SlotId) -> bool {
        let on_trial = |job: &Job| {
            job.target == booted && matches!(job.state, JobState::Trial { .. } | JobState::Held { .. })
        };
        self.desk.lock().await.iter().any(on_trial)
    }
}

fn may_be_on_trial(foreign: &[ForeignJob], slot: SlotId) -> bool {
    foreign.iter().any(|job| job.may_have_on_trial(slot))
}
