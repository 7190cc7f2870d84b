//! Taking a snapshot: the one that a job is there for, or one of the running system before its slot is touched.

use ota_core::{Job, JobEvent, JobId, JobKind, SlotId, SlotRecord, Work};

use super::Course;
use crate::{
    Ota,
    ports::{LogLevel, NewSnapshot, SnapshotFacts, StepError, StoreError},
    slot_view::store_failure,
};

impl Ota {
    pub(super) async fn take_snapshot(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        let order = self.snapshot_order(job).await?;
        let length = order.content.image_bytes();
        course.gauge.begin_step(length);
        self.parts.snapshots.create(&order, &course.gauge.meter, &course.cancel).await?;
        let text = format!("{}: snapshot of slot {} with {}", order.id, order.slot, order.content.version);
        self.log(LogLevel::Info, "ota", text).await;
        self.retain_snapshots(&order.id).await;
        self.refresh_recovery().await;
        Ok(JobEvent::SnapshotTaken(order.id))
    }

    async fn snapshot_order(&self, job: &Job) -> Result<NewSnapshot, StepError> {
        let (name, description, slot) = match &job.work {
            Work::Snapshot(order) => (order.name.clone(), order.description.clone(), job.target),
            work => {
                if job.is_in_place() {
                    self.require_target_runs(job)?;
                }
                let name = format!("before {}", work.version());
                (name, format!("Taken by {}", job.id), self.parts.slots.booted())
            }
        };
        let content = self.recorded_content(slot).await?;
        let id = match &job.work {
            Work::Snapshot(_) => job.id.clone(),
            _ => match self.snapshot_taken_by(job, (&name, &description, slot)).await? {
                Some(id) => id,
                None => self.new_snapshot_id().await?,
            },
        };
        let settings = self.snapshot().settings.as_ref().clone();
        Ok(NewSnapshot { id, name, description, at: self.parts.clock.now(), slot, content, settings })
    }

    /// The one that this installation took before its process was killed.
    async fn snapshot_taken_by(
        &self,
        job: &Job,
        wanted: (&str, &str, SlotId),
    ) -> Result<Option<JobId>, StepError> {
        let mut snapshots = self.parts.snapshots.list().await?.into_iter();
        let of_this = snapshots.find(|snapshot| {
            (snapshot.name.as_str(), snapshot.description.as_str(), snapshot.slot) == wanted
                && snapshot.at >= job.created_at
                && snapshot.damaged.is_none()
        });
        Ok(of_this.and_then(|snapshot| snapshot.id.parse().ok()))
    }

    async fn new_snapshot_id(&self) -> Result<JobId, StepError> {
        let taken = self.parts.snapshots.list().await?;
        self.free_snapshot_id(&taken).await.map_err(|error| store_failure(&error))
    }

    /// The next number that no snapshot has: those that are there may be older than the database that counts.
    pub(crate) async fn free_snapshot_id(&self, taken: &[SnapshotFacts]) -> Result<JobId, StoreError> {
        loop {
            let id = self.parts.store.next_job_id(JobKind::Snapshot).await?;
            if !taken.iter().any(|snapshot| snapshot.id == id.as_str()) {
                return Ok(id);
            }
        }
    }

    /// What the slot holds, by its record.
    pub(crate) async fn recorded_content(&self, slot: SlotId) -> Result<ota_core::Bundle, StepError> {
        let record = self.parts.store.slot_record(slot).await.map_err(|error| store_failure(&error))?;
        known_content(slot, record).map_err(|message| {
            StepError::failed(ota_core::FailureCode::RecoveryFailed, message, "the slot has no record")
        })
    }

    /// Removes what is too much, but neither the new one nor what is being restored.
    async fn retain_snapshots(&self, new: &JobId) {
        let mut protected = self.snapshots_in_use().await;
        protected.push(new.to_string());
        match self.parts.snapshots.retain(&protected).await {
            Ok(removed) if removed.is_empty() => {}
            Ok(removed) => {
                let text = format!("snapshots removed to make room: {}", removed.join(", "));
                self.log(LogLevel::Info, "ota", text).await;
            }
            Err(error) => tracing::warn!(%error, "old snapshots cannot be removed"),
        }
    }
}

/// What the slot holds, or the sentence that nobody knows.
pub(crate) fn known_content(slot: SlotId, record: Option<SlotRecord>) -> Result<ota_core::Bundle, String> {
    let unknown = || format!("Nothing is known about what is in slot {slot}, so no snapshot can be taken.");
    Ok(record.filter(|record| record.good).ok_or_else(unknown)?.content())
}
