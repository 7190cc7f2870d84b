//! What a start of the gateway does about the order to write a slot, before anything is mounted.
//!
//! Every step can be the last one: the slot is marked bad before its first byte, the order says that it was touched, and the slot is next
//! again only when it was compared. The next start, of whichever slot, goes on.

use ota_core::{
    Applied, AuditAction, AuditEntry, AuditOutcome, BootStep, Bundle, Clearance, Failure, FailureCode, Job,
    SlotId, SlotRecord, SlotTask, SlotWork,
};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

use crate::{
    ports::{
        BootEnvironment, BootOrder, BootOrders, Bundles, Clock, Fact, ImageSource, Meter, PermittedChange,
        ReadBack, SlotOrder, Slots, Snapshots, StepError, Store,
    },
    runner::{record_of, verified},
    slot_view::store_failure,
};

/// What is needed to carry out an order in a start. Nothing of it is mounted, and no service runs.
pub struct SlotStart {
    pub store: Arc<dyn Store>,
    pub bundles: Arc<dyn Bundles>,
    pub slots: Arc<dyn Slots>,
    pub snapshots: Arc<dyn Snapshots>,
    pub boot: Arc<dyn BootEnvironment>,
    pub orders: Arc<dyn BootOrders>,
    pub clock: Arc<dyn Clock>,
    /// This boot.
    pub boot_id: String,
    /// Boots that a system gets to prove itself.
    pub tries: u8,
}

/// What a start made of an order to write a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// Its job has ended.
    Dropped,
    /// The gateway has not restarted since it was given.
    Waits,
    /// Nothing more is to be done before the slot is mounted.
    GoesOn,
    /// The boot loader has to choose again before anything is mounted.
    Restart,
}

impl SlotStart {
    /// Carries out the order. Call it again after every interruption.
    ///
    /// # Errors
    /// What keeps even the outcome from being noted. The slot is then as it was, or marked bad.
    pub async fn carry_out(&self, mut order: SlotOrder) -> Result<Started, StepError> {
        let same_boot = order.boot_id == self.boot_id || self.service_has_run().await?;
        loop {
            let job = self.store.job(&order.job.id).await.map_err(|error| store_failure(&error))?;
            let step = order.work.step(job.as_ref(), self.slots.running().slot(), same_boot);
            tracing::info!(job = %order.job.id, ?step, work = ?order.work, "an order to write a slot");
            let Some(job) = job.filter(|_| step != BootStep::Drop) else {
                self.orders.withdraw(&order.job).await?;
                return Ok(Started::Dropped);
            };
            match step {
                BootStep::Drop | BootStep::Wait => return Ok(Started::Waits),
                BootStep::GoOn => return Ok(Started::GoesOn),
                BootStep::GiveUp { applied } => return self.end(&order, job, applied).await,
                BootStep::Install => match self.install(&mut order, &job).await {
                    Ok(()) => return self.end(&order, job, Applied::Installed).await,
                    Err(error) if order.work.touched => {
                        order.work = SlotWork::back(failure(&job, &error).message, true);
                        self.save(&order).await?;
                    }
                    Err(error) => {
                        let applied = Applied::Refused { failure: failure(&job, &error) };
                        return self.end(&order, job, applied).await;
                    }
                },
                BootStep::Restore { reason } => {
                    if order.work.task == SlotTask::Install {
                        order.work = SlotWork::back(reason.clone(), order.work.touched);
                    }
                    let applied = match self.restore(&mut order, &job).await {
                        Ok(()) => Applied::Restored { reason },
                        Err(error) => job.lost(&reason, &failure(&job, &error).message),
                    };
                    return self.end(&order, job, applied).await;
                }
            }
        }
    }

    /// A service that has run in this boot ran from a mounted slot.
    async fn service_has_run(&self) -> Result<bool, StepError> {
        let seen = self.store.fact(Fact::BootId).await.map_err(|error| store_failure(&error))?;
        Ok(seen.as_deref() == Some(self.boot_id.as_str()))
    }

    async fn install(&self, order: &mut SlotOrder, job: &Job) -> Result<(), StepError> {
        let (slot, wanted) = (job.target, verified(job)?);
        let system = wanted.system();
        let mut proof = self.already_holds(order, slot, &system).await;
        self.begin(order).await?;
        if proof.is_none() {
            let (meter, cancel) = (Meter::default(), CancellationToken::new());
            let found = self.bundles.verify(order.bundle.clone(), &meter, &cancel).await?;
            if (&found.version, &found.images) != (&wanted.version, &wanted.images) {
                let message = "The bundle is not the one that was verified. Download it again.";
                return Err(StepError::failed(
                    FailureCode::InvalidImage,
                    message,
                    order.bundle.display().to_string(),
                ));
            }
            let source = ImageSource::Bundle(order.bundle.clone());
            proof = Some(self.write(order, slot, source, &system).await?);
        }
        self.make_next(proof, slot, &record_of(job, self.clock.now())?).await
    }

    async fn restore(&self, order: &mut SlotOrder, job: &Job) -> Result<(), StepError> {
        let slot = job.target;
        let mut proof = self.already_holds(order, slot, &order.former.content()).await;
        self.begin(order).await?;
        if proof.is_none() {
            let id = job.snapshot.as_ref().ok_or_else(|| {
                StepError::failed(FailureCode::RecoveryFailed, "There is no snapshot.", "the job names none")
            })?;
            let (meter, cancel) = (Meter::default(), CancellationToken::new());
            let content = self.snapshots.verify(id.as_str(), &meter, &cancel).await?;
            proof = Some(self.write(order, slot, ImageSource::Snapshot(id.to_string()), &content).await?);
        }
        let record = SlotRecord { good: true, ..order.former.clone() };
        self.make_next(proof, slot, &record).await
    }

    /// A start before this one may have been interrupted after its last byte.
    async fn already_holds(&self, order: &SlotOrder, slot: SlotId, wanted: &Bundle) -> Option<ReadBack> {
        if !order.work.touched {
            return None;
        }
        self.slots.read_back(slot, wanted, &Meter::default(), &CancellationToken::new()).await.ok()
    }

    /// Counts the attempt before it is made.
    async fn begin(&self, order: &mut SlotOrder) -> Result<(), StepError> {
        order.work.attempts = order.work.attempts.saturating_add(1);
        self.save(order).await
    }

    /// From the first line on that says so, the slot is not what it was.
    async fn write(
        &self,
        order: &mut SlotOrder,
        slot: SlotId,
        source: ImageSource,
        bundle: &Bundle,
    ) -> Result<ReadBack, StepError> {
        self.slots.check_fit(slot, bundle).await?;
        order.work.touched = true;
        self.save(order).await?;
        self.spoil(order).await?;
        self.boot.commit(PermittedChange::mark_bad(slot)).await?;
        let (meter, cancel) = (Meter::default(), CancellationToken::new());
        self.slots.write(slot, source, bundle, Clearance::before_start(), &meter, &cancel).await?;
        self.slots.read_back(slot, bundle, &meter, &cancel).await
    }

    /// The slot's record says that it is not good.
    async fn spoil(&self, order: &SlotOrder) -> Result<(), StepError> {
        let slot = order.job.target;
        let spoilt = async {
            let record = self.store.slot_record(slot).await?.unwrap_or_else(|| order.former.clone());
            self.store.put_slot_record(slot, &SlotRecord { good: false, ..record }).await
        };
        spoilt.await.map_err(|error| store_failure(&error))
    }

    async fn make_next(
        &self,
        proof: Option<ReadBack>,
        slot: SlotId,
        record: &SlotRecord,
    ) -> Result<(), StepError> {
        let proof = proof.ok_or(StepError::Cancelled)?;
        let saved = self.store.put_slot_record(slot, record).await;
        saved.map_err(|error| store_failure(&error))?;
        self.boot.commit(PermittedChange::rearm(&proof, self.tries)).await.map(drop)
    }

    async fn save(&self, order: &SlotOrder) -> Result<(), StepError> {
        self.orders.place(&BootOrder::Slot(Box::new(order.clone()))).await
    }

    /// Notes in the job what became of the order; the service does the rest.
    async fn end(&self, order: &SlotOrder, mut job: Job, applied: Applied) -> Result<Started, StepError> {
        let slot = job.target;
        let started = match &applied {
            Applied::Installed | Applied::Restored { .. } => Started::Restart,
            Applied::Refused { .. } => Started::GoesOn,
            Applied::Lost { .. } => {
                self.spoil(order).await?;
                let boot = self.boot.read().await?;
                self.boot.commit(PermittedChange::away_from(slot, &boot, self.tries)).await?;
                let runs = self.slots.running().slot() == Some(slot);
                if runs { Started::Restart } else { Started::GoesOn }
            }
        };
        let entry = entry(&job, &applied);
        job.applied = Some(applied);
        let saved = self.store.save_jobs(&[&job], self.clock.now(), entry.as_slice()).await;
        saved.map_err(|error| store_failure(&error))?;
        Ok(started)
    }
}

fn failure(job: &Job, error: &StepError) -> Failure {
    tracing::error!(job = %job.id, %error, "the slot is not written");
    let unknown = || Failure { code: FailureCode::InstallFailed, message: "It was interrupted.".to_owned() };
    let failure = error.failure().unwrap_or_else(unknown);
    Failure { code: job.work.failure_code(failure.code), ..failure }
}

/// What is on record of it besides the end of the job.
fn entry(job: &Job, applied: &Applied) -> Option<AuditEntry> {
    let slot = job.target;
    let (action, outcome, detail) = match applied {
        Applied::Installed => {
            let detail =
                format!("slot {slot} holds {}, written before it was mounted, proven", job.work.version());
            (AuditAction::Install, AuditOutcome::Succeeded, detail)
        }
        Applied::Restored { .. } => {
            let detail = format!("slot {slot} holds {} again, proven", job.from_version);
            (AuditAction::Restore, AuditOutcome::Succeeded, detail)
        }
        Applied::Lost { failure } => {
            (AuditAction::Restore, AuditOutcome::failed(failure.code.as_str()), failure.message.clone())
        }
        // The end of the job says it.
        Applied::Refused { .. } => return None,
    };
    Some(AuditEntry::new(&job.actor, action, outcome).about(job.id.as_str()).saying(detail))
}
