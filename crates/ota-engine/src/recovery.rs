//! Section 5: what can be gone back to, restore and rollback.

use ota_core::{
    Actor, AuditAction, AuditEntry, Bundle, FormerSystem, InstallOrder, Job, JobId, JobState, Operation,
    Phase, RestoreSource, RestoredVersion, Running, SlotHealth, SlotId, SlotRecord, Work, check_floor,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    Change, Event, JobView, Ota, OtaError, Snapshot,
    new_job::NewJob,
    ports::{KeptBundle, LogLevel, SnapshotFacts},
    slot_view::store_failure,
};

/// How long the answer to a rollback waits for the comparison of the slot. After that it says that it goes on.
const PATIENCE: Duration = Duration::from_secs(5);

/// What can be gone back to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecoveryView {
    /// Newest first.
    pub snapshots: Vec<SnapshotFacts>,
    /// Newest first.
    pub bundles: Vec<KeptBundle>,
    /// What a factory reset installs.
    pub image: Option<KeptBundle>,
    /// The gateway has a slot for a recovery system.
    pub has_slot: bool,
    /// What this gateway has written there last.
    pub slot_record: Option<SlotRecord>,
}

/// Which version is to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreOrder {
    pub version: String,
    /// Must be the inactive slot where given.
    pub target: Option<String>,
    /// This snapshot and no other source.
    pub snapshot: Option<String>,
    pub reboot_after: bool,
}

/// The slot that is to run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackOrder {
    pub to: SlotId,
    pub reason: String,
}

impl Ota {
    /// Brings a version back into the inactive slot, from the newest snapshot of it, else from a bundle that was kept.
    ///
    /// # Errors
    /// [`OtaError::NothingToRestore`] where there is neither, [`OtaError::Unrestorable`] for a damaged snapshot, the operation
    /// gate, the safety verdict.
    pub async fn start_restore(
        self: &Arc<Self>,
        order: RestoreOrder,
        actor: &Actor,
    ) -> Result<JobView, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::Restore).saying(order.version.as_str());
        let started = async {
            self.must_be_up()?;
            let target = self.inactive_slot(order.target.as_deref())?;
            let restored = self.restore_source(&order).await?;
            let new = NewJob {
                work: Work::Restore(restored),
                target,
                bundle: None,
                order: Some(InstallOrder { reboot_after: order.reboot_after, ..InstallOrder::default() }),
                operation: Operation::ChangeSlot,
                phase: Some(Phase::Start),
            };
            self.start_job(new, &entry).await
        };
        let started = started.await;
        self.on_record(entry, started).await
    }

    async fn restore_source(&self, order: &RestoreOrder) -> Result<RestoredVersion, OtaError> {
        let snapshots = self.parts.snapshots.list().await?;
        if let Some(id) = &order.snapshot {
            let found = snapshots.into_iter().find(|snapshot| snapshot.id == *id);
            let found = found.ok_or_else(|| OtaError::UnknownSnapshot(id.chars().take(64).collect()))?;
            if found.content.version != order.version {
                let (is, wanted) = (&found.content.version, &order.version);
                return Err(OtaError::BadRequest(format!("Snapshot {id} is of {is}, not of {wanted}.")));
            }
            return from_snapshot(found);
        }
        let whole = |snapshot: &SnapshotFacts| {
            snapshot.content.version == order.version && snapshot.damaged.is_none()
        };
        if let Some(newest) = snapshots.into_iter().find(whole) {
            return from_snapshot(newest);
        }
        let kept = self.parts.kept.list().await?;
        if let Some(kept) = kept.into_iter().find(|kept| kept.bundle.version == order.version) {
            let from = RestoreSource::Bundle { sha256: kept.sha256 };
            return Ok(RestoredVersion { version: kept.bundle.version, from, length: kept.length });
        }
        Err(OtaError::NothingToRestore(order.version.chars().take(64).collect()))
    }

    /// Makes the other slot, as it is, next: at once where its content was compared lately or can be compared quickly.
    ///
    /// # Errors
    /// [`OtaError::NoWayBack`] when that slot runs already or is not known to be good, the operation gate, the safety verdict for
    /// arming, and the failure of the comparison.
    pub async fn rollback(
        self: &Arc<Self>,
        order: &RollbackOrder,
        actor: &Actor,
    ) -> Result<JobView, OtaError> {
        let entry = AuditEntry::attempt(actor, AuditAction::RollbackOrder).because(order.reason.as_str());
        let done = async {
            self.must_be_up()?;
            let (former, content) = self.former_system(order.to).await?;
            let mut events = self.subscribe();
            let new = NewJob {
                work: Work::Rollback(former),
                target: order.to,
                bundle: Some(content),
                order: Some(InstallOrder::default()),
                operation: Operation::ChangeSlot,
                phase: Some(Phase::Arm),
            };
            let id = self.start_job(new, &entry).await?.job.id;
            let checked = async {
                while !is_checked(&self.find(&id).await?) {
                    self.next_of(&id, &mut events).await;
                }
                Ok::<_, OtaError>(())
            };
            // What takes longer goes on, and the answer says so.
            if let Ok(checked) = tokio::time::timeout(PATIENCE, checked).await {
                checked?;
            }
            let job = self.find(&id).await?;
            match &job.state {
                JobState::Failed { failure } => Err(OtaError::Step(failure.clone())),
                _ => Ok(self.view(&job)),
            }
        };
        let done = done.await;
        match &done {
            // What became of the job is on record with the job.
            Ok(_) | Err(OtaError::Step(_)) => {}
            Err(error) => self.audit_error(entry, error).await,
        }
        done
    }

    /// Waits until something is said about the job.
    async fn next_of(&self, id: &JobId, events: &mut tokio::sync::broadcast::Receiver<Event>) {
        loop {
            match events.recv().await {
                Ok(Event::Progress(view)) if view.job.id == *id => return,
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
                Ok(_) => {}
            }
        }
    }

    async fn former_system(&self, slot: SlotId) -> Result<(FormerSystem, Bundle), OtaError> {
        let snapshot = self.snapshot();
        if let Some((reason, state)) = no_way_back(&snapshot, slot) {
            return Err(OtaError::NoWayBack { reason, state });
        }
        let record = self.parts.store.slot_record(slot).await?;
        let record = record.ok_or_else(|| OtaError::NoWayBack { reason: unknown(slot), state: "empty" })?;
        let content = record.content();
        Ok((FormerSystem { version: record.version, kernel: record.kernel }, content))
    }

    /// Reads again what can be gone back to.
    pub(crate) async fn refresh_recovery(&self) {
        let _lane = self.view_lane.lock().await;
        let read = async {
            let snapshots = self.parts.snapshots.list().await?;
            Ok::<_, crate::ports::StepError>(RecoveryView {
                snapshots,
                bundles: self.parts.kept.list().await?,
                image: self.parts.recovery.list().await?.into_iter().next(),
                has_slot: self.parts.recovery_slot.is_some(),
                slot_record: self.parts.store.recovery_record().await.map_err(|e| store_failure(&e))?,
            })
        };
        match read.await {
            Ok(view) => {
                let view = Arc::new(view);
                self.update(|snapshot| snapshot.recovery = Arc::clone(&view));
                self.tell(Event::Changed(Change::Recovery));
            }
            Err(error) => tracing::error!(%error, "what can be restored cannot be read"),
        }
    }

    /// The bundle of a confirmed system is kept for a restore. The system runs without it, so a failure is only told.
    pub(crate) async fn keep_bundle(&self, job: &Job, open: &[Job]) {
        let Some(bundle) = &job.bundle else { return };
        let kept = async {
            let (path, sha256) = match &job.work {
                Work::Release(release) => match self.parts.fetcher.staged(&release.target).await? {
                    Some(path) => (path, &release.target.sha256),
                    None => return Ok(()),
                },
                Work::Upload(image) => {
                    let images = self.parts.uploads.images().await?;
                    match images.into_iter().find(|kept| kept.sha256 == image.sha256) {
                        Some(kept) => (kept.path, &image.sha256),
                        None => return Ok(()),
                    }
                }
                Work::Restore(_) | Work::Rollback(_) | Work::Snapshot(_) | Work::Reset(_) => return Ok(()),
            };
            let protected: Vec<_> = open.iter().filter_map(|job| restored_bundle(&job.work)).collect();
            self.parts.kept.keep(&path, sha256, bundle, self.parts.clock.now(), &protected).await
        };
        if let Err(error) = kept.await {
            let text = format!("{}: the bundle is not kept for a restore: {error}", job.id);
            self.log(LogLevel::Warning, "ota", text).await;
        }
    }
}

impl Snapshot {
    /// Why the other slot cannot be gone back to; `None` when it can.
    #[must_use]
    pub fn rollback_refused(&self) -> Option<String> {
        no_way_back(self, self.running.target()).map(|(reason, _)| reason)
    }
}

/// Why `slot` cannot be made next, as a sentence and as a word.
fn no_way_back(snapshot: &Snapshot, slot: SlotId) -> Option<(String, &'static str)> {
    if snapshot.running == Running::Recovery && slot != snapshot.running.target() {
        let target = snapshot.running.target();
        return Some((format!("The recovery system runs: slot {target} is repaired first."), "in_recovery"));
    }
    if snapshot.running.slot() == Some(slot) {
        return Some((format!("Slot {slot} is running already."), "running"));
    }
    let view = snapshot.slots.get(slot);
    match view.health {
        SlotHealth::Ready => {
            let version = view.record.as_ref().map(|record| record.version.as_str()).unwrap_or_default();
            let refused = check_floor(version, snapshot.site.version_floor.as_deref()).err();
            refused.map(|error| (format!("{error}."), "below_floor"))
        }
        SlotHealth::Empty => Some((unknown(slot), "empty")),
        health => {
            let reason = format!(
                "The system in slot {slot} is not known to be good: the slot is {}.",
                health.as_str()
            );
            Some((reason, health.as_str()))
        }
    }
}

fn unknown(slot: SlotId) -> String {
    format!("Nothing was ever installed in slot {slot} by this gateway.")
}

fn from_snapshot(snapshot: SnapshotFacts) -> Result<RestoredVersion, OtaError> {
    if let Some(damage) = &snapshot.damaged {
        let reason = format!("Snapshot {} is damaged and cannot be restored: {damage}.", snapshot.id);
        return Err(OtaError::Unrestorable { reason, state: "damaged" });
    }
    let length = snapshot.restores();
    let from = RestoreSource::Snapshot { id: snapshot.id };
    Ok(RestoredVersion { version: snapshot.content.version, from, length })
}

/// The hash of the kept bundle that the work reads.
fn restored_bundle(work: &Work) -> Option<String> {
    match work {
        Work::Restore(RestoredVersion { from: RestoreSource::Bundle { sha256 }, .. }) => Some(sha256.clone()),
        _ => None,
    }
}

/// The comparison is over, and what it was for has been done or waits for the machine.
const fn is_checked(job: &Job) -> bool {
    match &job.state {
        JobState::Queued | JobState::Installing { .. } => false,
        JobState::AwaitingReboot { .. } => job.state.is_next(),
        _ => true,
    }
}
