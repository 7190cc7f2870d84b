//! Effects: what the machine asks for, done through the ports.

use ota_core::{
    Actor, ArmGate, AuditAction, AuditEntry, Effect, Failure, FailureCode, Job, JobEvent, Pass, Phase,
    RebootGate, Running, SlotId, WINDOW, Work,
};
use std::time::Duration;

use super::{Course, wait::names};
use crate::{
    Ota, OtaError,
    ports::{Fact, LogLevel, PermittedChange, StepError},
    safety::asker,
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
        let (began, pass) = (self.parts.clock.boot(), pass(&effect));
        let outcome = match effect {
            Effect::Fetch => self.fetch(course, &job).await,
            Effect::Verify => self.verify(course, &job).await,
            Effect::TakeSnapshot => self.take_snapshot(course, &job).await,
            Effect::MarkTargetBad => self.mark_target_bad(&job).await,
            Effect::WriteSlot => self.write_slot(course, &job).await,
            Effect::ReadBack => self.read_back(course, &job).await,
            Effect::AwaitClear(phase) => return self.await_clear(course, &job, phase).await,
            Effect::Arm => self.arm(course, &job).await,
            Effect::PlanComponents => self.plan_components(&job).await,
            Effect::WriteComponent => self.write_component(course, &job).await,
            Effect::ReadBackComponent => self.read_back_component(course, &job).await,
            Effect::ActivateComponent => self.activate_component(&job).await,
            Effect::CheckComponent => return self.check_component(course, &job).await,
            Effect::PutBackComponent => return self.put_back_component(course, &job).await,
            Effect::AwaitOrder => return None,
            Effect::Reboot => return self.restart(course, &job).await,
            Effect::RunHealthChecks => return self.check_health(course).await,
            Effect::CommitBoot => self.commit_boot(&job).await,
            Effect::GoBack => return self.go_back(course, &job).await,
            Effect::Disarm { percentage, reason } => return self.disarm(&job, percentage, reason).await,
        };
        match outcome {
            Ok(event) => {
                if let Some(pass) = pass {
                    let took = self.parts.clock.boot().saturating_sub(began);
                    self.learn_pass(pass, course.gauge.meter.moved(), took).await;
                }
                Some(event)
            }
            Err(StepError::Cancelled) => None,
            Err(error) => {
                tracing::error!(job = %course.id, %error, "a step failed");
                let failure = error.failure()?;
                let code = job.work.failure_code(failure.code);
                Some(JobEvent::Failed(Failure { code, ..failure }))
            }
        }
    }

    /// The last moment at which a moving crane stops the update: clearance first, then one commit.
    async fn arm(&self, course: &mut Course, job: &Job) -> Result<JobEvent, StepError> {
        if job.work.resets_only() {
            return self.arm_reset(job).await;
        }
        if job.is_in_place() {
            return self.arm_in_place(course, job).await;
        }
        self.refuse_booted(job.target)?;
        if course.proof.is_none() {
            self.read_back(course, job).await?;
        }
        let proof = course.proof.as_ref().ok_or(StepError::Cancelled)?;
        // Before the commit: a start in between carries it out, and then goes on with the commit.
        self.place_reset(job).await?;
        loop {
            if let Some(over) = self.past_window(job) {
                // It was over before the slot was read back.
                return Ok(over);
            }
            let clearance = match self.clearance::<ArmGate>(asker(job)) {
                Ok(clearance) => clearance,
                Err(blocked) => {
                    // Nothing is reset by a power cut while the machine moves and nothing is armed.
                    self.withdraw_order(job).await?;
                    return Ok(JobEvent::GateClosed { reasons: names(&blocked) });
                }
            };
            let change = PermittedChange::arm(proof, clearance, self.parts.site.rollback_retries);
            match self.parts.boot.commit(change).await {
                // Another program had the environment meanwhile: the sources are asked again.
                Err(StepError::Late) if !course.cancel.is_cancelled() => {}
                committed => return committed.map(|_| JobEvent::Armed),
            }
        }
    }

    /// What arming says once the maintenance window is over that began it.
    pub(crate) fn past_window(&self, job: &Job) -> Option<JobEvent> {
        let over = job.is_past_window(Phase::Arm, self.parts.clock.now());
        over.then(|| JobEvent::GateClosed { reasons: vec![WINDOW.to_owned()] })
    }

    async fn restart(&self, course: &Course, job: &Job) -> Option<JobEvent> {
        let text = format!("{}: restarting into {} on slot {}", job.id, job.work.version(), job.target);
        self.log(LogLevel::Info, "boot", text).await;
        tokio::time::sleep(FAREWELL).await;
        // The recovery slot is not left half written.
        let _recovery = tokio::select! {
            biased;
            () = course.cancel.cancelled() => return None,
            free = self.recovery_lane.lock() => free,
        };
        // The window may be over since.
        if job.is_past_window(Phase::Reboot, self.parts.clock.now()) {
            return Some(JobEvent::WindowClosed);
        }
        if let Err(error) = self.place_reset(job).await {
            self.log(LogLevel::Error, "boot", format!("{}: no restart: {error}", job.id)).await;
            return Some(JobEvent::RebootFailed);
        }
        if let Err(error) = self.audit_restart(job).await {
            self.log(LogLevel::Error, "boot", format!("{}: no restart: {error}", job.id)).await;
            return Some(JobEvent::RebootFailed);
        }
        self.begin_restart(job).await;
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

    /// Where nothing but the restart was left to be ordered, that order is on record already.
    async fn audit_restart(&self, job: &Job) -> Result<(), OtaError> {
        let by_itself = job.order.is_some_and(|order| order.reboot_after);
        let entry = AuditEntry::attempt(&job.actor, AuditAction::Reboot).about(job.id.as_str());
        if by_itself { self.audit(&entry.saying("as ordered before")).await } else { Ok(()) }
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
        if matches!(job.work, Work::Rollback(_)) {
            return Ok(JobEvent::BootCommitted);
        }
        self.end_restart(&job.id).await;
        let now = self.parts.clock.now();
        // Shown to people, and no reason to take a system back that is well.
        if let Err(error) = self.parts.store.put_fact(Fact::LastOta, &now.to_string()).await {
            tracing::error!(%error, "when the last update was cannot be remembered");
        }
        self.update(|snapshot| snapshot.last_ota = Some(now));
        Ok(JobEvent::BootCommitted)
    }

    /// The proven slot becomes next, this one can no longer be started, and the gateway restarts.
    async fn go_back(&self, course: &Course, job: &Job) -> Option<JobEvent> {
        tokio::time::sleep(FAREWELL).await;
        let gone_back = async {
            let (change, text) = if job.is_in_place() {
                let text = format!(
                    "{}: restarting to put {} back into slot {}",
                    job.id, job.from_version, job.target
                );
                (self.order_way_back(job).await?, text)
            } else {
                let (change, place) = self.away_from(job.target).await?;
                (change, format!("{}: restarting into the proven system on slot {place}", job.id))
            };
            self.log(LogLevel::Warning, "boot", text).await;
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

    /// To the other slot, if it is one that starts; else to what the boot loader has after it, which is the recovery slot.
    async fn away_from(&self, slot: SlotId) -> Result<(PermittedChange, Running), StepError> {
        let (boot, tries) = (self.parts.boot.read().await?, self.parts.site.rollback_retries);
        let rescued = boot.recovery.is_some_and(|tries| tries > 0) && *boot.left.get(slot.other()) == 0;
        let place = if rescued { Running::Recovery } else { Running::Slot(slot.other()) };
        Ok((PermittedChange::away_from(slot, &boot, tries), place))
    }

    /// While the boot environment cannot be written, the slot stays armed, and the job says so.
    async fn disarm(&self, job: &Job, percentage: f64, reason: String) -> Option<JobEvent> {
        let booted = self.parts.slots.booted();
        let change = PermittedChange::stand_down(job, booted, self.tries_of_running());
        // First, so that nothing is reset or written any more, whatever comes in between.
        let disarmed = async {
            self.withdraw_order(job).await?;
            self.parts.boot.commit(change).await
        };
        match disarmed.await {
            Ok(_) => Some(JobEvent::Disarmed { percentage, reason }),
            Err(error) => {
                self.log(LogLevel::Error, "boot", format!("{}: not cancelled: {error}", job.id)).await;
                None
            }
        }
    }

    pub(super) fn refuse_booted(&self, slot: SlotId) -> Result<(), StepError> {
        if slot == self.parts.slots.booted() {
            let message = format!("Slot {slot} is not the one that the running system writes.");
            return Err(StepError::failed(FailureCode::InstallFailed, message, "target is booted"));
        }
        Ok(())
    }
}

/// The effects whose time depends on how much there is to do.
const fn pass(effect: &Effect) -> Option<Pass> {
    match effect {
        Effect::Fetch => Some(Pass::Fetch),
        Effect::Verify => Some(Pass::Verify),
        Effect::TakeSnapshot => Some(Pass::Snapshot),
        Effect::WriteSlot => Some(Pass::Write),
        Effect::ReadBack => Some(Pass::ReadBack),
        _ => None,
    }
}
