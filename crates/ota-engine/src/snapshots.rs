//! Snapshots on order.

use ota_core::{
    Actor, AuditAction, AuditEntry, AuditOutcome, Job, Operation, Pass, RestoreSource, SlotId, SnapshotOrder,
    Work,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{JobView, Ota, OtaError, new_job::NewJob, ports::LogLevel, runner::known_content};

/// Characters of a snapshot's name and of its description.
const LONGEST_NAME: usize = 64;
const LONGEST_DESCRIPTION: usize = 500;

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
        self.on_record(entry, started).await
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
            None => self.parts.slots.running().slot().ok_or_else(no_slot_runs)?,
            Some(name) => name
                .parse::<SlotId>()
                .map_err(|error| OtaError::BadRequest(format!("partition: {error}.")))?,
        };
        let record = self.parts.store.slot_record(slot).await?;
        let content = known_content(slot, record)
            .map_err(|reason| OtaError::Unrestorable { reason, state: "no_record" })?;
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
        Ok((job, self.pace().pass(Pass::Snapshot, length)))
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// [`OtaError::UnknownSnapshot`], and [`OtaError::Busy`] while it is being restored or another one is taken.
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
        let unknown = || OtaError::UnknownSnapshot(id.chars().take(64).collect());
        if !self.parts.snapshots.list().await?.into_iter().any(|snapshot| snapshot.id == id) {
            return Err(unknown());
        }
        let departure = self.depart(id).await?;
        self.audit(entry).await?;
        // What only it needed is collected now, which can take a while; nobody waits for that but whoever asked.
        let removed = self.parts.snapshots.remove(id).await;
        drop(departure);
        if !removed? {
            return Err(unknown());
        }
        let text = format!("{id}: snapshot removed by {}", entry.actor);
        self.log(LogLevel::Info, "ota", text).await;
        self.refresh_recovery().await;
        Ok(())
    }

    /// From now on nobody begins to restore it.
    async fn depart(&self, id: &str) -> Result<Departure<'_>, OtaError> {
        let desk = self.desk.lock().await;
        // One that is being taken has the store to itself.
        let in_the_way = |job: &&Job| needed_snapshot(job) == Some(id) || job.state.takes_snapshot();
        if let Some(job) = desk.iter().find(in_the_way) {
            return Err(OtaError::Busy { holder: job.id.clone(), state: job.status() });
        }
        self.departing().insert(id.to_owned());
        Ok(Departure { ota: self, id: id.to_owned() })
    }

    pub(crate) fn departing(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.departing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The snapshots that open jobs read, or may have to.
    pub(crate) async fn snapshots_in_use(&self) -> Vec<String> {
        let desk = self.desk.lock().await;
        desk.iter().filter_map(|job| needed_snapshot(job).map(str::to_owned)).collect()
    }
}

/// A snapshot that is being removed.
struct Departure<'a> {
    ota: &'a Ota,
    id: String,
}

impl Drop for Departure<'_> {
    fn drop(&mut self) {
        self.ota.departing().remove(&self.id);
    }
}

/// The snapshot that the job reads, or that is its way back.
fn needed_snapshot(job: &Job) -> Option<&str> {
    let way_back = || job.snapshot.as_ref().filter(|_| job.is_in_place()).map(ota_core::JobId::as_str);
    restored_snapshot(&job.work).or_else(way_back)
}

/// The snapshot that the work reads.
pub(crate) fn restored_snapshot(work: &Work) -> Option<&str> {
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

fn no_slot_runs() -> OtaError {
    let reason = "The recovery system runs, and no snapshot is taken of it. Name slot A or B.".to_owned();
    OtaError::Unrestorable { reason, state: "in_recovery" }
}
