//! Making a job that brings its own bytes, or needs none: durable first, then at work.

use ota_core::{
    AuditEntry, Bundle, InstallOrder, Job, JobEvent, JobKind, Operation, Phase, Running, SlotId, Work,
};
use std::sync::Arc;

use crate::{JobView, Ota, OtaError, safety::starter, snapshots::restored_snapshot, updates::busy};

/// What is ordered.
pub(crate) struct NewJob {
    pub work: Work,
    pub target: SlotId,
    /// What is known already to be in the target.
    pub bundle: Option<Bundle>,
    pub order: Option<InstallOrder>,
    pub operation: Operation<'static>,
    /// The phase whose verdict must be clear; none for what does not touch the machine's side of things.
    pub phase: Option<Phase>,
}

impl Ota {
    /// Starts the job. `entry` is what the audit log says of the attempt; the job becomes its subject.
    ///
    /// # Errors
    /// The operation gate, the safety verdict, the store. None of them leaves a trace.
    pub(crate) async fn start_job(
        self: &Arc<Self>,
        new: NewJob,
        entry: &AuditEntry,
    ) -> Result<JobView, OtaError> {
        let mut desk = self.desk.lock().await;
        ota_core::admit(&new.operation, &desk).map_err(busy)?;
        if let Some(phase) = new.phase {
            self.permit(phase, starter(&entry.actor, None))?;
        }
        if let Some(id) = restored_snapshot(&new.work).filter(|id| self.departing().contains(*id)) {
            return Err(OtaError::UnknownSnapshot(id.to_owned()));
        }
        let id = match new.work.kind() {
            JobKind::Snapshot => self.free_snapshot_id(&self.parts.snapshots.list().await?).await?,
            kind => self.parts.store.next_job_id(kind).await?,
        };
        let (now, from) = (self.parts.clock.now(), self.snapshot().running_version().to_owned());
        let mut job = Job::new(id, new.work, new.target, from, entry.actor.clone(), now);
        (job.order, job.bundle) = (new.order.map(|order| self.possible(order)), new.bundle);
        let effect =
            job.apply(JobEvent::Start, now).map_err(|denied| OtaError::Internal(denied.to_string()))?;
        let effect = effect.ok_or_else(|| OtaError::Internal("a new job has nothing to do".to_owned()))?;
        self.audit(&entry.clone().about(job.id.as_str())).await?;
        self.parts.store.save_jobs(&[&job], now, &[]).await?;
        desk.push(job.clone());
        if new.phase.is_some() {
            self.bind_override(&job.id, &job.actor);
        }
        self.drive(job.id.clone(), effect);
        self.announce(&job, &desk).await;
        drop(desk);
        Ok(self.view(&job))
    }

    /// Of a system in the recovery slot no snapshot is taken; of one that is updated in place it always is.
    pub(crate) fn possible(&self, order: InstallOrder) -> InstallOrder {
        let runs_from_slot = self.parts.slots.running().slot().is_some();
        let create_snapshot = (order.create_snapshot && runs_from_slot) || order.is_in_place();
        InstallOrder { create_snapshot, ..order }
    }

    /// The inactive slot, or the one that was named, which must be it.
    ///
    /// # Errors
    /// [`OtaError::BadRequest`] for the running slot and for one that does not exist.
    pub(crate) fn inactive_slot(&self, named: Option<&str>) -> Result<SlotId, OtaError> {
        let running = self.parts.slots.running();
        let target = running.target();
        let Some(name) = named else { return Ok(target) };
        match name.parse::<SlotId>() {
            Ok(slot) if slot == target => Ok(slot),
            Ok(slot) if running == Running::Recovery => Err(OtaError::BadRequest(format!(
                "The recovery system runs: partition {target} is repaired first, not {slot}."
            ))),
            Ok(slot) => Err(OtaError::BadRequest(format!(
                "Partition {slot} is running and is never written; the target is partition {target}."
            ))),
            Err(error) => Err(OtaError::BadRequest(format!("target_partition: {error}."))),
        }
    }
}

impl Ota {
    /// Of what did not come about it is on record why.
    pub(crate) async fn on_record<T>(
        &self,
        entry: AuditEntry,
        started: Result<T, OtaError>,
    ) -> Result<T, OtaError> {
        if let Err(error) = &started {
            self.audit_error(entry, error).await;
        }
        started
    }
}
