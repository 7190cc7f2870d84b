//! Snapshots on order.

use ota_core::{
    Actor, AuditAction, AuditEntry, AuditOutcome, Operation, RestoreSource, SlotId, SnapshotOrder, Work,
};
use std::{sync::Arc, time::Duration};

use crate::{
    JobView, Ota, OtaError,
    new_job::NewJob,
    ports::{Fact, LogLevel},
};

/// Characters of a snapshot's name and of its description.
const LONGEST_NAME: usize = 64;
const LONGEST_DESCRIPTION: usize = 500;
/// Bytes a second that are expected where none was measured yet.
const FIRST_SPEED: u64 = 50_000_000;

/// What somebody wants to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotCommand {
    pub name: String,
    pub description: String,
    /// The running slot where none is named.
    pub slot: Option<String>,
}

impl Ota {
    /// Starts taking a snapshot; with how long it is going to take.
    ///
    /// # Errors
    /// A name that cannot be shown, a slot whose content is not known, the operation gate.
    pub async fn start_snapshot(
        self: &Arc<Self>,
        command: SnapshotCommand,
        actor: &Actor,
    ) -> Result<(JobView, Duration), OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Snapshot).saying(command.name.as_str());
        let started = self.try_start_snapshot(command, &entry).await;
        if let Err(error) = &started {
            self.audit_error(entry, error).await;
        }
        started
    }

    async fn try_start_snapshot(
        self: &Arc<Self>,
        command: SnapshotCommand,
        entry: &AuditEntry,
    ) -> Result<(JobView, Duration), OtaError> {
        self.must_be_up()?;
        let name = shown("name", &command.name, 1, LONGEST_NAME)?;
        let description = shown("description", &command.description, 0, LONGEST_DESCRIPTION)?;
        let slot = match &command.slot {
            None => self.parts.slots.booted(),
            Some(name) => name
                .parse::<SlotId>()
                .map_err(|error| OtaError::BadRequest(format!("partition: {error}.")))?,
        };
        let content = self.recorded_content(slot).await.map_err(|error| match error.failure() {
            Some(failure) => OtaError::Unrestorable { reason: failure.message, state: "no_record" },
            None => error.into(),
        })?;
        let length = content.image_bytes();
        let order = SnapshotOrder { name, description, version: content.version, length };
        let new = NewJob {
            work: Work::Snapshot(order),
            target: slot,
            bundle: None,
            order: None,
            operation: Operation::Snapshot,
            phase: None,
        };
        let job = self.start_job(new, entry).await?;
        let speed = self.parts.store.fact(Fact::SnapshotSpeed).await?;
        let speed =
            speed.and_then(|text| text.parse().ok()).filter(|speed| *speed > 0).unwrap_or(FIRST_SPEED);
        Ok((job, Duration::from_secs(length.div_ceil(speed))))
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// [`OtaError::UnknownSnapshot`], and [`OtaError::Busy`] while it is being restored.
    pub async fn delete_snapshot(&self, id: &str, actor: &Actor) -> Result<(), OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::SnapshotDelete).about(id);
        let deleted = self.try_delete_snapshot(id, &entry).await;
        match &deleted {
            Ok(()) => self.audit_result(&entry.with_outcome(AuditOutcome::Succeeded)).await,
            Err(error) => self.audit_error(entry, error).await,
        }
        deleted
    }

    async fn try_delete_snapshot(&self, id: &str, entry: &AuditEntry) -> Result<(), OtaError> {
        self.must_be_up()?;
        // Nobody begins to restore it meanwhile.
        let desk = self.desk.lock().await;
        if let Some(job) = desk.iter().find(|job| restores(&job.work).is_some_and(|used| used == id)) {
            return Err(OtaError::Busy { holder: job.id.clone(), state: job.status() });
        }
        let known = self.parts.snapshots.list().await?.into_iter().any(|snapshot| snapshot.id == id);
        if !known {
            return Err(OtaError::UnknownSnapshot(id.chars().take(64).collect()));
        }
        self.audit(entry).await?;
        self.parts.snapshots.remove(id).await?;
        drop(desk);
        let text = format!("{id}: snapshot removed by {}", entry.actor);
        self.log(LogLevel::Info, "ota", text).await;
        self.refresh_recovery().await;
        Ok(())
    }

    /// The snapshots that open jobs read.
    pub(crate) async fn snapshots_in_use(&self) -> Vec<String> {
        let desk = self.desk.lock().await;
        desk.iter().filter_map(|job| restores(&job.work).map(str::to_owned)).collect()
    }
}

/// The snapshot that the work reads.
fn restores(work: &Work) -> Option<&str> {
    match work {
        Work::Restore(restored) => match &restored.from {
            RestoreSource::Snapshot { id } => Some(id),
            _ => None,
        },
        _ => None,
    }
}

/// One line of text that people will read, without the white space around it.
fn shown(field: &str, text: &str, least: usize, most: usize) -> Result<String, OtaError> {
    let text = text.trim();
    let length = text.chars().count();
    if length < least || length > most || text.contains(char::is_control) {
        let message = format!("{field} must be one line of {least} to {most} characters.");
        return Err(OtaError::BadRequest(message));
    }
    Ok(text.to_owned())
}
