//! Effects: what the machine asks for, done through the ports.

use ota_core::{
    Actor, ArmGate, AuditAction, AuditEntry, Effect, FailureCode, Job, JobEvent, RebootGate, SlotId,
    SlotRecord, WriteGate,
};
use std::{path::PathBuf, time::Duration};

use super::{Course, wait::names};
use crate::{
    Ota, OtaError,
    ports::{Fact, LogLevel, Meter, PermittedChange, StepError},
    safety::asker,
    slot_view::store_failure,
};

/// Listeners hear of the restart before it happens.
const FAREWELL: Duration = Duration::from_millis(500);
/// A restart that was asked for and did not come is an error after this time.
const RESTART_LIMIT: Duration = Duration::from_secs(180);
/// Pause before going back is tried again after the restart failed.
const GO_BACK_PAUSE: Duration = Duration::from_secs(10);

impl Ota {
    /// Performs one effect and says what came of it; `None` when the work ends here.
    pub(super) async fn perform(&self, course: &mut Course, effect: Effect) -> Option<JobEvent> {
        let job = self.desk.lock().await.iter().find(|job| job.id == course.id).cloned()?;
        let outcome = match effect {
            Effect::Fetch => self.fetch(course, &job).await,
            Effect::Verify => self.verify(course, &job).await,
            Effect::MarkTargetBad => self.mark_target_bad(&job).await,
            Effect::WriteSlot => self.write_slot(course, &job).await,
            Effect::ReadBack => self.read_back(course, &job).await,
            Effect::AwaitClear(phase) => return self.await_clear(course, &job, phase).await,
            Effect::Arm => self.arm(course, &job).await,
            Effect::AwaitOrder => return None,
            Effect::Reboot => return self.restart(course, &job).await,
            Effect::RunHealthChecks => return self.check_health(course).await,
            Effect::CommitBoot => self.commit_boot(&job).await,
            Effect::GoBack => return self.go_back(course, &job).await,
            Effect::Disarm { percentage, reason } => return self.disarm(&job, percentage, reason).await,
        };
        match outcome {
            Ok(event) => Some(event),
            Err(StepError::Cancelled) => None,
            Err(error) => {
                tracing::error!(job = %course.id, %error, "a step failed");
                error.failure().map(JobEvent::Failed)
            }
        }
    }

    async fn fetch(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        let target = &job.release.target;
        course.gauge.begin_step(target.length);
        self.parts.fetcher.fetch(target, &course.gauge.meter, &course.cancel).await?;
        Ok(JobEvent::Fetched)
    }

    /// The file that was fetched before. Its length is not this step's, so it has a meter of its own.
    async fn staged(&self, course: &Course, job: &Job) -> Result<PathBuf, StepError> {
        self.parts.fetcher.fetch(&job.release.target, &Meter::default(), &course.cancel).await
    }

    async fn verify(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        let target = &job.release.target;
        let path = self.staged(course, job).await?;
        course.gauge.begin_step(target.length);
        let bundle = self.parts.bundles.verify(path, &course.gauge.meter, &course.cancel).await?;
        if bundle.version != job.release.version {
            let message = format!(
                "The repository calls this update {}, but the signed bundle is {}.",
                job.release.version, bundle.version
            );
            return Err(StepError::failed(FailureCode::InvalidImage, message, &target.name));
        }
        self.parts.slots.check_fit(job.target, &bundle).await?;
        Ok(JobEvent::Verified(bundle))
    }

    async fn mark_target_bad(&self, job: &Job) -> Result<JobEvent, StepError> {
        self.refuse_booted(job.target)?;
        self.parts.boot.commit(PermittedChange::mark_bad(job.target)).await?;
        self.mark_record(job.target, false).await?;
        Ok(JobEvent::MarkedBad)
    }

    async fn write_slot(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        self.refuse_booted(job.target)?;
        let (meter, cancel) = (&course.gauge.meter, &course.cancel);
        let path = self.staged(course, job).await?;
        let bundle = verified(job)?;
        let clearance = match self.clearance::<WriteGate>(asker(job)) {
            Ok(clearance) => clearance,
            Err(blocked) => return Ok(JobEvent::GateClosed { reasons: names(&blocked) }),
        };
        course.gauge.begin_step(bundle.images.iter().map(|image| image.size).sum());
        self.parts.slots.write(job.target, path, bundle, clearance, meter, cancel).await?;
        Ok(JobEvent::Written)
    }

    async fn read_back(&self, course: &mut Course, job: &Job) -> Result<JobEvent, StepError> {
        let bundle = verified(job)?;
        course.gauge.begin_step(bundle.images.iter().map(|image| image.size).sum());
        let (meter, cancel) = (&course.gauge.meter, &course.cancel);
        course.proof = Some(self.parts.slots.read_back(job.target, bundle, meter, cancel).await?);
        let record = self.record_of(job)?;
        let saved = self.parts.store.put_slot_record(job.target, &record).await;
        saved.map_err(|error| store_failure(&error))?;
        Ok(JobEvent::ReadBackMatched)
    }

    fn record_of(&self, job: &Job) -> Result<SlotRecord, StepError> {
        let bundle = verified(job)?;
        let kernel = job.release.kernel.clone().or_else(|| bundle.kernel.clone());
        let root = bundle.images.iter().find(|image| image.class == "rootfs").or(bundle.images.first());
        Ok(SlotRecord {
            version: bundle.version.clone(),
            kernel: kernel.unwrap_or_else(|| "unknown".to_owned()),
            image_bytes: bundle.images.iter().map(|image| image.size).sum(),
            sha256: root.map(|image| image.sha256.clone()).unwrap_or_default(),
            installed_at: self.parts.clock.now(),
            good: true,
        })
    }

    /// The last moment at which a moving crane stops the update: clearance first, then one commit.
    async fn arm(&self, course: &mut Course, job: &Job) -> Result<JobEvent, StepError> {
        self.refuse_booted(job.target)?;
        if course.proof.is_none() {
            self.read_back(course, job).await?;
        }
        let proof = course.proof.as_ref().ok_or(StepError::Cancelled)?;
        loop {
            let clearance = match self.clearance::<ArmGate>(asker(job)) {
                Ok(clearance) => clearance,
                Err(blocked) => return Ok(JobEvent::GateClosed { reasons: names(&blocked) }),
            };
            let change = PermittedChange::arm(proof, clearance, self.parts.site.rollback_retries);
            match self.parts.boot.commit(change).await {
                // Another program had the environment meanwhile: the sources are asked again.
                Err(StepError::Late) if !course.cancel.is_cancelled() => {}
                committed => return committed.map(|_| JobEvent::Armed),
            }
        }
    }

    async fn restart(&self, course: &Course, job: &Job) -> Option<JobEvent> {
        let text = format!("{}: restarting into {} on slot {}", job.id, job.release.version, job.target);
        self.log(LogLevel::Info, "boot", text).await;
        tokio::time::sleep(FAREWELL).await;
        // Somebody may have cancelled, or the crane may have started, during the farewell.
        if course.cancel.is_cancelled() {
            return None;
        }
        if let Err(error) = self.audit_restart(job).await {
            self.log(LogLevel::Error, "boot", format!("{}: no restart: {error}", job.id)).await;
            return Some(JobEvent::RebootFailed);
        }
        let clearance = match self.clearance::<RebootGate>(asker(job)) {
            Ok(clearance) => clearance,
            Err(blocked) => return Some(JobEvent::GateClosed { reasons: names(&blocked) }),
        };
        if let Err(error) = self.parts.reboot.reboot(clearance).await {
            self.log(LogLevel::Error, "boot", format!("{}: the restart failed: {error}", job.id)).await;
            return Some(JobEvent::RebootFailed);
        }
        self.await_end(course).await.then_some(JobEvent::RebootFailed)
    }

    /// A restart that a person ordered by itself is on record already.
    async fn audit_restart(&self, job: &Job) -> Result<(), OtaError> {
        let by_itself = job.order.is_some_and(|order| order.reboot_after);
        let entry = AuditEntry::attempt(&job.actor, AuditAction::Reboot).about(job.id.as_str());
        if by_itself { self.audit(&entry.saying("ordered with the installation")).await } else { Ok(()) }
    }

    /// Waits for this process to be ended by the restart. True when that did not happen in time.
    pub(crate) async fn await_end_of_process(&self) -> bool {
        tokio::time::timeout(RESTART_LIMIT, self.stop.cancelled()).await.is_err()
    }

    async fn await_end(&self, course: &Course) -> bool {
        tokio::select! {
            () = course.cancel.cancelled() => false,
            late = self.await_end_of_process() => late,
        }
    }

    async fn commit_boot(&self, job: &Job) -> Result<JobEvent, StepError> {
        let tries = self.parts.site.rollback_retries;
        self.parts.boot.commit(PermittedChange::commit(job.target, tries)).await?;
        let now = self.parts.clock.now();
        let saved = self.parts.store.put_fact(Fact::LastOta, &now.to_string()).await;
        saved.map_err(|error| store_failure(&error))?;
        self.update(|snapshot| snapshot.last_ota = Some(now));
        Ok(JobEvent::BootCommitted)
    }

    /// The proven slot becomes next, this one can no longer be started, and the gateway restarts.
    async fn go_back(&self, course: &Course, job: &Job) -> Option<JobEvent> {
        let text = format!("{}: restarting into the proven system on slot {}", job.id, job.target.other());
        self.log(LogLevel::Warning, "boot", text).await;
        tokio::time::sleep(FAREWELL).await;
        let gone_back = async {
            let change =
                PermittedChange::disarm(job.target, job.target.other(), self.parts.site.rollback_retries);
            self.parts.boot.commit(change).await?;
            self.mark_record(job.target, false).await?;
            // The proven system comes back also where that cannot be recorded.
            let entry = AuditEntry::attempt(&Actor::system(), AuditAction::Reboot).about(job.id.as_str());
            self.audit_result(&entry.saying("back to the proven system")).await;
            match self.clearance::<RebootGate>(asker(job)) {
                Ok(clearance) => self.parts.reboot.reboot(clearance).await.map(|()| Vec::new()),
                Err(blocked) => Ok(names(&blocked)),
            }
        };
        match gone_back.await {
            Ok(reasons) if reasons.is_empty() => {
                if !self.await_end(course).await {
                    return None;
                }
            }
            Ok(reasons) => return Some(JobEvent::GateClosed { reasons }),
            Err(error) => {
                self.log(LogLevel::Error, "boot", format!("{}: going back failed: {error}", job.id)).await;
            }
        }
        tokio::select! {
            () = course.cancel.cancelled() => None,
            () = tokio::time::sleep(GO_BACK_PAUSE) => {
                Some(JobEvent::GateClosed { reasons: vec!["restart failed".to_owned()] })
            }
        }
    }

    /// While the boot environment cannot be written, the slot stays armed, and the job says so.
    async fn disarm(&self, job: &Job, percentage: f64, reason: String) -> Option<JobEvent> {
        let booted = self.parts.slots.booted();
        let change = PermittedChange::disarm(job.target, booted, self.parts.site.rollback_retries);
        match self.parts.boot.commit(change).await {
            Ok(_) => Some(JobEvent::Disarmed { percentage, reason }),
            Err(error) => {
                self.log(LogLevel::Error, "boot", format!("{}: not cancelled: {error}", job.id)).await;
                None
            }
        }
    }

    fn refuse_booted(&self, slot: SlotId) -> Result<(), StepError> {
        if slot == self.parts.slots.booted() {
            let message = format!("Slot {slot} is running and is never written.");
            return Err(StepError::failed(FailureCode::InstallFailed, message, "target is booted"));
        }
        Ok(())
    }
}

fn verified(job: &Job) -> Result<&ota_core::Bundle, StepError> {
    job.bundle.as_ref().ok_or_else(|| {
        let message = "The bundle has not been verified.";
        StepError::failed(FailureCode::InstallFailed, message, "the job carries no bundle facts")
    })
}
