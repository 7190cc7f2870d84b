//! An update of the slot that runs: the service orders it, and a start of the gateway carries it out ([`crate::SlotStart`]).

use ota_core::{ArmGate, FailureCode, Job, JobEvent, JobState, SlotHealth, SlotWork};

use crate::{
    Ota, Parts, Snapshot,
    ports::{BootOrder, ImageSource, PermittedChange, SlotOrder, StepError},
    runner::{Course, names},
    safety::asker,
    slot_view::store_failure,
};

const IN_RECOVERY: &str = "The recovery system runs: there is nothing to update in place.";
const WRITABLE: &str = "The systems of this gateway are mounted for writing, so that a snapshot of the running one is no certain way back.";
const NO_HOOK: &str = "“gateway-ota boot-apply” did not run in this start before the slot was mounted. Install its hook in the initramfs and \
    restart the gateway.";

/// Why nothing can be updated in place as long as this process lives.
pub(crate) async fn bar(parts: &Parts) -> Option<&'static str> {
    if parts.slots.running().slot().is_none() {
        return Some(IN_RECOVERY);
    }
    if parts.slots.judged_by_record(parts.slots.booted()).is_some() {
        return Some(WRITABLE);
    }
    let looked = parts.orders.looked_in().await.unwrap_or_else(|error| {
        tracing::error!(%error, "it cannot be told whether the start looks for orders");
        None
    });
    (looked.as_deref() != Some(parts.reboot.boot_id().as_str())).then_some(NO_HOOK)
}

impl Snapshot {
    /// Why the running slot cannot be updated in place now; `None` when it can.
    pub(crate) fn in_place_refused(&self) -> Option<String> {
        if let Some(bar) = self.in_place_bar {
            return Some(bar.to_owned());
        }
        let running = self.running.slot()?;
        if !self.slots.get(running).record.as_ref().is_some_and(|record| record.good) {
            return Some(format!(
                "Nothing certain is known about what is in slot {running}, so no snapshot can be taken."
            ));
        }
        let other = running.other();
        let rescued = self.boot.recovery.is_some_and(|tries| tries > 0);
        (self.slots.get(other).health != SlotHealth::Ready && !rescued).then(|| {
            format!("Neither slot {other} nor a recovery system could start if it went wrong. Bring a system into slot {other} first.")
        })
    }
}

impl Ota {
    /// Whether the gateway runs from the slot that the job is about.
    pub(crate) fn target_runs(&self, job: &Job) -> bool {
        self.parts.slots.running().slot() == Some(job.target)
    }

    pub(crate) fn require_target_runs(&self, job: &Job) -> Result<(), StepError> {
        if self.target_runs(job) {
            return Ok(());
        }
        let message = format!("The gateway no longer runs from slot {}. Nothing was written.", job.target);
        Err(StepError::failed(FailureCode::InstallFailed, message, "another slot runs"))
    }

    /// The last moment at which a moving crane stops the update: from here on the next start writes the slot.
    pub(crate) async fn arm_in_place(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        self.require_target_runs(job)?;
        if let Some(reason) = self.snapshot().in_place_refused() {
            return Err(StepError::failed(FailureCode::InstallFailed, reason, "found out before the order"));
        }
        self.require_snapshot(job).await?;
        let ImageSource::Bundle(bundle) = self.source(course, job).await? else {
            let message = "Only a bundle can be installed in place.";
            return Err(StepError::failed(FailureCode::InstallFailed, message, job.work.kind().as_str()));
        };
        let former = self.parts.store.slot_record(job.target).await.map_err(|error| store_failure(&error))?;
        let former = former.ok_or_else(|| {
            let message = format!("Nothing is known about what is in slot {}.", job.target);
            StepError::failed(FailureCode::InstallFailed, message, "the slot has no record")
        })?;
        if let Some(over) = self.past_window(job) {
            return Ok(over);
        }
        if let Err(blocked) = self.clearance::<ArmGate>(asker(job)) {
            return Ok(JobEvent::GateClosed { reasons: names(&blocked) });
        }
        let boot_id = self.parts.reboot.boot_id();
        let order = SlotOrder { job: job.clone(), boot_id, bundle, former, work: SlotWork::default() };
        self.parts.orders.place(&BootOrder::Slot(Box::new(order))).await?;
        // The start that carries it out is one of this slot.
        let next = PermittedChange::commit(job.target, self.parts.site.rollback_retries);
        self.parts.boot.commit(next).await.map(|_| JobEvent::Armed)
    }

    /// The snapshot is there, as far as its manifest tells.
    async fn require_snapshot(&self, job: &Job) -> Result<(), StepError> {
        let kept = self.parts.snapshots.list().await?;
        let is_there = |id: &str| kept.iter().any(|one| one.id == id && one.damaged.is_none());
        if job.snapshot.as_ref().is_some_and(|id| is_there(id.as_str())) {
            return Ok(());
        }
        let message = "The snapshot that would be the way back is not there any more. Nothing was written.";
        Err(StepError::failed(FailureCode::InstallFailed, message, format!("{:?}", job.snapshot)))
    }

    /// Orders the snapshot back into the slot, and says what starts next: this slot, where its start looks for orders; else the other
    /// one, whose start may.
    pub(crate) async fn order_way_back(&self, job: &Job) -> Result<PermittedChange, StepError> {
        let (slot, tries) = (job.target, self.parts.site.rollback_retries);
        let reason = match &job.state {
            JobState::Trial { failed: Some(reason) } => reason.clone(),
            state => state.name().to_owned(),
        };
        let order = self.parts.orders.slot_order().await?.filter(|order| order.job.id == job.id);
        let ordered = order.is_some();
        if let Some(order) = order {
            let boot_id = self.parts.reboot.boot_id();
            let order = SlotOrder { boot_id, work: SlotWork::back(reason, false), ..order };
            self.parts.orders.place(&BootOrder::Slot(Box::new(order))).await?;
        }
        if ordered && self.snapshot().in_place_bar.is_none() {
            return Ok(PermittedChange::mark_good(slot, tries));
        }
        Ok(PermittedChange::away_from(slot, &self.parts.boot.read().await?, tries))
    }
}
